"""A cost curve as bars of text, and as an SVG that is legible on light and dark pages. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

PANELS = (("seconds", "median", "{:,.2f}"), ("peak MB", "peak_mb", "{:,.0f}"), ("rows/s", "rows_per_second", "{:,.0f}"))
# of engines, as their makers write them
NAMES = {"postgres": "PostgreSQL", "duckdb": "DuckDB", "snowflake": "Snowflake"}
WIDTH = 40  # characters of the longest bar
_PANEL, _HEIGHT, _LEFT, _TOP, _BOTTOM, _LABEL = 320, 200, 24, 52, 30, 44  # pixels of the picture
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2328}.n{text-anchor:middle}.t{font-weight:600}rect{fill:#fff}"
    "path{fill:none;stroke:#d0d7de}polyline{fill:none;stroke:#0969da;stroke-width:2}circle{fill:#0969da}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}rect{fill:#0d1117}path{stroke:#3d444d}"
    "polyline{stroke:#4493f8}circle{fill:#4493f8}}"
)


def bars(results: Mapping[str, Any]) -> Iterator[str]:
    """A bar a size, for each of seconds, memory and speed; each from zero."""
    for title, key, form in PANELS:
        values = [size[key] for size in results["sizes"]]
        most = max(values) or 1
        yield title
        for size, value in zip(results["sizes"], values, strict=True):
            yield f"  {size['rows']:>12,}  {'█' * max(1, round(WIDTH * value / most))} {form.format(value)}"


def growth(results: Mapping[str, Any]) -> str:
    """How the cost grows from the smallest to the largest size, in a sentence."""
    sizes = sorted(results["sizes"], key=lambda each: each["rows"])
    small, large = sizes[0], sizes[-1]
    if small is large:
        return f"{large['rows']:,} rows in {large['median']:.2f} s"
    times = {key: large[key] / (small[key] or 1) for key in ("rows", "median", "peak_mb")}
    return (
        f"{times['rows']:.0f} × the rows take {times['median']:.1f} × the seconds "
        f"and {times['peak_mb']:.1f} × the memory"
    )


def host(results: Mapping[str, Any]) -> str:
    """Where it was measured, in a line."""
    found = results["host"]
    parts = [f"{found['cpus']} CPUs", f"{found['memory_gb']} GB", found["machine"], f"Python {found['python']}"]
    parts += [f"{NAMES.get(name, name)} {version}" for name, version in found["engines"].items()]
    return f"{', '.join(parts)}; load {found['load_before']} before it began"


def svg(results: Mapping[str, Any]) -> str:
    """Three panels over the number of rows, all axes from zero: a straight line is a cost that grows with the rows."""
    sizes = sorted(results["sizes"], key=lambda each: each["rows"])
    title = f"{results['name']}: {growth(results)}"
    parts = [_panel(at * _PANEL, sizes, *panel) for at, panel in enumerate(PANELS)]
    width = _PANEL * len(PANELS)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" width="{width}" height="{_HEIGHT}"'
        f' role="img">\n<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n'
        f'<rect width="{width}" height="{_HEIGHT}" rx="6"/>\n{"".join(parts)}</svg>\n'
    )


def _panel(left: int, sizes: Sequence[Mapping[str, Any]], title: str, key: str, form: str) -> str:
    wide, high, floor = _PANEL - 2 * _LEFT - 16, _HEIGHT - _TOP - _BOTTOM, _HEIGHT - _BOTTOM
    left += _LEFT
    most_rows, most = sizes[-1]["rows"], max(size[key] for size in sizes) or 1
    places = [(round(left + wide * size["rows"] / most_rows), round(floor - high * size[key] / most)) for size in sizes]
    lines = [
        f'<text class="t" x="{left}" y="24">{escape(title)}</text>',
        f'<path d="M{left} {_TOP}V{floor}H{left + wide}"/>',
        f'<polyline points="{" ".join(f"{x},{y}" for x, y in places)}"/>',
    ]
    last = places[-1][0] + _LABEL
    for size, (x, y) in reversed(list(zip(sizes, places, strict=True))):
        lines.append(f'<circle cx="{x}" cy="{y}" r="3.5"/>')
        if last - x >= _LABEL:  # else its figures would stand in those of the next larger size
            lines.append(f'<text class="n" x="{x}" y="{y - 9}">{form.format(size[key])}</text>')
            lines.append(f'<text class="n" x="{x}" y="{floor + 18}">{_short(size["rows"])}</text>')
            last = x
    return "\n".join(lines) + "\n"


def _short(rows: int) -> str:
    for unit, letter in ((1_000_000, " M"), (1_000, " k")):
        if rows >= unit:
            return f"{rows / unit:.1f}".removesuffix(".0") + letter
    return str(rows)
