"""The boundaries of the house, each a function over a tree of files, and for each a small tree that breaks it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

HEAVY = {"airflow", "boto3", "dbt", "duckdb", "pandas", "psycopg", "pyarrow", "pyspark"}
NATIVE = {"connectors", "dags", "dbt_project", "experiments", "gx", "infra", "jobs"}
PACKAGES = {
    "airflow",
    "dagster",
    "dbt",
    "debezium",
    "deltalake",
    "great_expectations",
    "kafka",
    "pandas",
    "pyiceberg",
}
PACKAGES |= {"pyspark", "spark", "trino"}
ELSEWHERE = {"src/orrery/engines/snowflake_serving.py"}  # a program of another environment, never imported
NOT_OURS = {".git", ".make", ".mypy_cache", ".orrery", ".pytest_cache", ".ruff_cache", ".hypothesis", ".venv"}
NOT_OURS |= {"__pycache__", "build", "dist"}

# Put together here, so that this file does not break the rule that it holds.
PLAIN_NAME = re.compile(r"\bpip3?\s+install\s+(?:-\S+\s+)*[\"']?" + "orrery" + r"(?![\w-])")
INDEX = re.compile(
    r"pypi\." + r"org|python" + r"hosted\.org|--(?:extra-)?index" + r"-url[ =]+\S*/|/simple" + r"/?\s*$",
    re.MULTILINE,
)
MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|tmp/\w{2,})" + r"/\w")


# --- the tree ------------------------------------------------------------------------------------------------------


def files(root: Path) -> list[Path]:
    """What git tracks or would track; without git, everything but what is never tracked."""
    if (root / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root, capture_output=True, check=False,
        )  # fmt: skip
        if listed.returncode == 0:
            names = listed.stdout.decode().split("\0")
            return sorted(root / name for name in names if name and (root / name).is_file())
    found = (path for path in root.rglob("*") if path.is_file())
    return sorted(path for path in found if NOT_OURS.isdisjoint(path.relative_to(root).parts))


def python(root: Path, *tops: str) -> Iterator[tuple[str, Path]]:
    """The Python files below these folders, each with its path as the rules show it."""
    for path in files(root):
        name = path.relative_to(root).as_posix()
        if path.suffix == ".py" and name.startswith(tops):
            yield name, path


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def text(path: Path) -> str | None:
    """The file as text; None for a binary one."""
    raw = path.read_bytes()
    if b"\0" in raw[:8192]:
        return None
    return raw.decode("utf-8", errors="replace")


def in_system(name: str) -> list[str]:
    """The parts of a path below its system's folder; empty outside of systems."""
    parts = name.split("/")
    return parts[3:] if parts[0] == "systems" and len(parts) > 3 else []


def is_native(name: str) -> bool:
    inside = in_system(name)
    return len(inside) > 1 and inside[0] in NATIVE


def dotted(node: ast.expr) -> str:
    """`yaml.load` of a call's function; empty where it is no plain name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def at_the_top(module: ast.Module) -> Iterator[ast.AST]:
    """The statements that run on import, without those for the type checker alone."""
    waiting: list[ast.AST] = list(module.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and dotted(node.test).endswith("TYPE_CHECKING"):
            waiting.extend(node.orelse)
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


# --- the rules: each gives the places that break it ----------------------------------------------------------------


def core_modules_stay_short(root: Path) -> list[str]:
    counted = ((name, len(path.read_text(encoding="utf-8").splitlines())) for name, path in python(root, "src/"))
    return [f"{name}: {lines} lines, at most 400" for name, lines in counted if lines > 400]


def system_files_stay_short(root: Path) -> list[str]:
    counted = ((name, len(path.read_text(encoding="utf-8").splitlines())) for name, path in python(root, "systems/"))
    return [f"{name}: {lines} lines, at most 300" for name, lines in counted if lines > 300]


def only_render_prints(root: Path) -> list[str]:
    return [
        f"{name}:{node.lineno}: print()"
        for name, path in python(root, "src/", "systems/")
        if name != "src/orrery/cli/render.py" and not is_native(name)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and dotted(node.func) == "print"
    ]


def only_profiles_read_the_environment(root: Path) -> list[str]:
    banned = {"environ", "environb", "getenv", "getenvb"}
    broken = []
    for name, path in python(root, "src/", "systems/"):
        if name == "src/orrery/profiles.py" or is_native(name) or "tests" in in_system(name):
            continue
        for node in ast.walk(tree(path)):
            attribute = isinstance(node, ast.Attribute) and node.attr in banned and dotted(node.value) == "os"
            by_name = isinstance(node, ast.ImportFrom) and node.module == "os" and {a.name for a in node.names} & banned
            if attribute or by_name:
                broken.append(f"{name}:{node.lineno}: reads the environment")  # type: ignore[attr-defined]
    return broken


def only_a_run_reads_the_clock(root: Path) -> list[str]:
    clocks = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}
    return [
        f"{name}:{node.lineno}: reads the wall clock"
        for name, path in python(root, "src/", "systems/")
        if name not in {"src/orrery/run.py", *ELSEWHERE} and not is_native(name) and "tests" not in in_system(name)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ".".join(dotted(node.func).split(".")[-2:]) in clocks
    ]


def core_imports_nothing_heavy(root: Path) -> list[str]:
    return [
        f"{name}:{getattr(node, 'lineno', 0)}: imports {module} at the top"
        for name, path in python(root, "src/orrery/")
        if name not in ELSEWHERE
        for node in at_the_top(tree(path))
        for module in imported(node)
        if module.split(".")[0] in HEAVY
    ]


def native_folders_do_not_know_us(root: Path) -> list[str]:
    broken = []
    for path in files(root):
        name = path.relative_to(root).as_posix()
        if is_native(name) and "orrery" in (text(path) or "").lower():
            broken.append(f"{name}: mentions orrery")
    return broken


def names_say_something(root: Path) -> list[str]:
    empty = re.compile(r"(?:^|_)(?:utils?|helpers?|managers?|misc|common)$")
    names = [path.relative_to(root) for path in files(root)]
    modules = [f"{name}: an empty name" for name in names if name.suffix == ".py" and empty.search(name.stem)]
    classes = [
        f"{name}:{node.lineno}: class {node.name}"
        for name, path in python(root, "src/", "systems/")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and re.search(r"(?:Manager|Helper|Utils?)$", node.name)
    ]
    return modules + classes


def no_folder_is_called_like_a_package(root: Path) -> list[str]:
    folders = {parent for path in files(root) for parent in path.relative_to(root).parents}
    return sorted(f"{folder}: shadows a package" for folder in folders if folder.name.lower() in PACKAGES)


def no_module_is_called_dbt_something(root: Path) -> list[str]:
    names = [path.relative_to(root) for path in files(root)]
    return [f"{name}: dbt runs any such module" for name in names if name.match("dbt_*.py")]


def no_project_lock(root: Path) -> list[str]:
    return [f"{path.relative_to(root)}: holds index addresses" for path in files(root) if path.name == "uv.lock"]


def no_index_is_named(root: Path) -> list[str]:
    return found_in_text(root, INDEX, "an index address")


def no_path_of_a_machine(root: Path) -> list[str]:
    return [line for line in found_in_text(root, MACHINE, "a path of one machine") if not line.startswith("tests/")]


def the_plain_name_is_never_installed(root: Path) -> list[str]:
    return found_in_text(root, PLAIN_NAME, "installs somebody else's package")


def found_in_text(root: Path, pattern: re.Pattern[str], what: str) -> list[str]:
    broken = []
    for path in files(root):
        content = text(path)
        if content is not None and "data" not in in_system(path.relative_to(root).as_posix()):
            for match in pattern.finditer(content):
                line = content.count("\n", 0, match.start()) + 1
                broken.append(f"{path.relative_to(root).as_posix()}:{line}: {what}: {match.group().strip()}")
    return broken


def nothing_runs_text_as_code(root: Path) -> list[str]:
    calls = {"eval", "exec", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "yaml.full_load"}
    modules = {"pickle", "cPickle", "marshal", "shelve", "dill", "joblib"}
    broken = []
    for name, path in python(root, "src/", "systems/", "tools/", "bench/", "tests/"):
        for node in ast.walk(tree(path)):
            line = getattr(node, "lineno", 0)
            if isinstance(node, ast.Call):
                if dotted(node.func) in calls:
                    broken.append(f"{name}:{line}: {dotted(node.func)}()")
                broken += [
                    f"{name}:{line}: shell=True"
                    for word in node.keywords
                    if word.arg == "shell" and not (isinstance(word.value, ast.Constant) and word.value.value is False)
                ]
            broken += [f"{name}:{line}: imports {m}" for m in imported(node) if m.split(".")[0] in modules]
    return broken


def no_system_imports_another(root: Path) -> list[str]:
    folders = {path.name for path in (root / "systems").glob("*/*") if path.is_dir()}
    broken = []
    for name, path in python(root, "systems/"):
        own = name.split("/")[2]
        for node in ast.walk(tree(path)):
            parts = {part for module in imported(node) for part in module.split(".")}
            parts = {part.removeprefix("orrery_systems_") for part in parts}
            others = parts & (folders - {own})
            climbs = isinstance(node, ast.ImportFrom) and node.level > len(in_system(name))
            if others or climbs:
                broken.append(f"{name}:{node.lineno}: imports another system")  # type: ignore[attr-defined]
    return broken


def no_file_is_large(root: Path) -> list[str]:
    sized = ((path.relative_to(root).as_posix(), path.stat().st_size) for path in files(root))
    return [f"{name}: {size:,} bytes, at most 2 MiB" for name, size in sized if size > 2 * 1024 * 1024]


def folders_are_called_by_the_roadmap(root: Path) -> list[str]:
    import tomllib

    data = root / "src/orrery/data/roadmap.toml"
    raw = tomllib.loads(data.read_text(encoding="utf-8")) if data.exists() else {}
    slugs = {track: [f"{row['id']}_{row['name'].lower()}_" for row in raw.get(track, [])] for track in raw}
    names = {Path(*path.relative_to(root).parts[:3]) for path in files(root / "systems") if in_system(
        path.relative_to(root).as_posix())}  # fmt: skip
    return sorted(
        f"{name.as_posix()}: no row of the roadmap is called so"
        for name in names
        if not name.parts[2].startswith(tuple(slugs.get(name.parts[1], ())))
    )


Rule = Callable[[Path], list[str]]
SYSTEM = "systems/patterns/p01_meteor_batch_etl"

# The rule, a file that breaks it, and what stands in that file.
BREAKS: list[tuple[Rule, str, str]] = [
    (core_modules_stay_short, "src/orrery/run.py", "x = 1\n" * 401),
    (system_files_stay_short, f"{SYSTEM}/cleaning.py", "x = 1\n" * 301),
    (only_render_prints, "src/orrery/run.py", "def f():\n    print('x')\n"),
    (only_render_prints, f"{SYSTEM}/pipeline.py", "print('x')\n"),
    (only_profiles_read_the_environment, "src/orrery/run.py", "import os\nx = os.environ['A']\n"),
    (only_profiles_read_the_environment, "src/orrery/run.py", "import os\nx = os.getenv('A')\n"),
    (only_profiles_read_the_environment, f"{SYSTEM}/loading.py", "from os import environ\n"),
    (only_a_run_reads_the_clock, "src/orrery/ledger.py", "from datetime import datetime\nx = datetime.now()\n"),
    (only_a_run_reads_the_clock, f"{SYSTEM}/pipeline.py", "import time\nx = time.time()\n"),
    (core_imports_nothing_heavy, "src/orrery/run.py", "import pandas as pd\n"),
    (
        core_imports_nothing_heavy,
        "src/orrery/run.py",
        "try:\n    from duckdb import sql\nexcept ImportError:\n    pass\n",
    ),
    (core_imports_nothing_heavy, "src/orrery/run.py", "class A:\n    import pyarrow.parquet\n"),
    (native_folders_do_not_know_us, f"{SYSTEM}/dags/daily.py", "from orrery import run\n"),
    (native_folders_do_not_know_us, f"{SYSTEM}/dbt_project/models/a.sql", "-- made by Orrery\n"),
    (names_say_something, "src/orrery/utils.py", ""),
    (names_say_something, f"{SYSTEM}/date_helpers.py", ""),
    (names_say_something, "src/orrery/run.py", "class RunManager:\n    pass\n"),
    (no_folder_is_called_like_a_package, f"{SYSTEM}/dbt/dbt_project.yml", ""),
    (no_folder_is_called_like_a_package, "src/orrery/engines/kafka/__init__.py", ""),
    (no_module_is_called_dbt_something, f"{SYSTEM}/dbt_runner.py", ""),
    (no_project_lock, "uv.lock", ""),
    (no_index_is_named, "requirements/run.lock", "--index" + "-url https://mirror.example/simple\n"),
    (no_index_is_named, "README.md", "see https://pypi." + "org/project/x\n"),
    (no_path_of_a_machine, "docs/first-run.md", "cd /wo" + "rk/main\n"),
    (the_plain_name_is_never_installed, "README.md", "    pip install " + "orrery\n"),
    (
        the_plain_name_is_never_installed,
        "src/orrery/run.py",
        "X = \"uv pip install -U '" + "orrery[postgres]'\"\n",
    ),
    (nothing_runs_text_as_code, "src/orrery/run.py", "eval('1')\n"),
    (
        nothing_runs_text_as_code,
        f"{SYSTEM}/pipeline.py",
        "import subprocess\nsubprocess.run('ls', shell=True)\n",
    ),
    (nothing_runs_text_as_code, "bench/meteor.py", "import pickle\n"),
    (nothing_runs_text_as_code, "tools/x.py", "import yaml\nyaml.load('a')\n"),
    (nothing_runs_text_as_code, "tests/x.py", "import os\nos.system('ls')\n"),
    (
        no_system_imports_another,
        f"{SYSTEM}/pipeline.py",
        "from systems.patterns.p02_comet_star_schema import load\n",
    ),
    (no_system_imports_another, f"{SYSTEM}/pipeline.py", "from ..p02_comet_star_schema import load\n"),
    (
        no_system_imports_another,
        f"{SYSTEM}/tests/test_a.py",
        "import orrery_systems_p02_comet_star_schema.load\n",
    ),
    (no_file_is_large, f"{SYSTEM}/data/big.csv", "x" * (2 * 1024 * 1024 + 1)),
    (folders_are_called_by_the_roadmap, "systems/patterns/p01_comet_batch/system.toml", ""),
]

RULES = list(dict.fromkeys(rule for rule, _, _ in BREAKS))

# What the rules must leave alone: a small house in order.
IN_ORDER = {
    "README.md": '    uv pip install ".[postgres]"\n    uv pip install "orrery-data[postgres]"\n',
    "src/orrery/data/roadmap.toml": '[[patterns]]\nid = "p01"\nname = "Meteor"\n[[patterns]]\nid = "p02"\nname = "Comet"\n',
    "src/orrery/cli/render.py": "def show(x):\n    print(x)\n",
    "src/orrery/profiles.py": "import os\nHOME = os.environ.get('ORRERY_HOME')\n",
    "src/orrery/run.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\n\n\n"
    "def f():\n    import duckdb\n    return duckdb\n",
    f"{SYSTEM}/pipeline.py": "from .cleaning import clean\n",
    f"{SYSTEM}/dags/daily.py": "import os\nprint(os.environ)\n",
    "systems/patterns/p02_comet_star_schema/load.py": "",
}  # fmt: skip


def plant(root: Path, contents: dict[str, str]) -> Path:
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule: Rule) -> None:
    assert rule(ROOT) == []


@pytest.mark.parametrize(("rule", "name", "content"), BREAKS, ids=[f"{r.__name__}-{n}" for r, n, _ in BREAKS])
def test_the_rule_bites(rule: Rule, name: str, content: str, tmp_path: Path) -> None:
    assert rule(plant(tmp_path, {**IN_ORDER, name: content})), f"{rule.__name__} lets {name} pass"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_leaves_a_house_in_order_alone(rule: Rule, tmp_path: Path) -> None:
    assert rule(plant(tmp_path, IN_ORDER)) == []


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    ran = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_the_command_line_loads_nothing_heavy() -> None:
    assert loaded_by("import orrery.cli.main") & HEAVY == set()


def test_a_program_of_another_environment_is_imported_by_nobody() -> None:
    names = {Path(each).stem for each in ELSEWHERE}
    assert [name for name, path in python(ROOT, "src/", "systems/", "tools/") for node in ast.walk(tree(path))
            for module in imported(node) if names & set(module.split("."))] == []  # fmt: skip


def test_a_heavy_import_would_be_seen() -> None:
    assert "duckdb" in loaded_by("import duckdb") & HEAVY
