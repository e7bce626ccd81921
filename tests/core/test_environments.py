"""Environments: made once from a lock by hash, made again where they were cut off, told in four parts where they fail."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from orrery import environments, locking, profiles
from orrery.errors import BadInput, Denied, DependencyDown, ExitCode, IntegrityBroken, Locked


def wheel(folder: Path, name: str = "tiny_orrery_thing") -> tuple[Path, str]:
    """A wheel of one module, and its sha256."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    meta = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "ANSWER = 42\n",
        f"{meta}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{meta}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{each},sha256={urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}\n"
        for each, text in files.items()
    )
    with zipfile.ZipFile(path, "w") as packed:
        for each, text in {**files, f"{meta}/RECORD": f"{record}{meta}/RECORD,,\n"}.items():
            packed.writestr(each, text)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock of one wheel that lies in a folder; nothing is asked of a network."""
    _, digest = wheel(tmp_path)
    lock = tmp_path / "tiny.lock"
    lock.write_text(f"tiny_orrery_thing==1.0 \\\n    --hash=sha256:{digest}\n", encoding="ascii")
    monkeypatch.setattr(environments, "requirements", lambda _name: lock)
    return lock


def settings(folder: Path) -> dict[str, str]:
    """Installers that look into a folder only."""
    named = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "UV_NO_INDEX": "1", "UV_FIND_LINKS": str(folder)}
    return {**profiles.tool_environment(), **named, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def answer(python: Path) -> str:
    asked = [str(python), "-I", "-c", "import tiny_orrery_thing as it, sys; print(it.ANSWER, *sys.version_info[:2])"]
    return subprocess.run(asked, capture_output=True, text=True, check=True, env={}).stdout.strip()


def test_made_once_then_found(tmp_path: Path, made: Path) -> None:
    said: list[str] = []
    python = environments.python(tmp_path / "home", "tiny", said.append, settings(made.parent))
    assert answer(python) == f"42 {sys.version_info[0]} {sys.version_info[1]}"
    assert len(said) == 1
    assert "installing 1 packages" in said[0]
    assert environments.python(tmp_path / "home", "tiny", said.append, {}) == python
    assert len(said) == 1


def test_cut_off_or_changed_begins_again(tmp_path: Path, made: Path) -> None:
    said: list[str] = []
    home = tmp_path / "home"
    python = environments.python(home, "tiny", said.append, settings(made.parent))
    (python.parents[1] / ".ready").unlink()  # killed before the end
    (python.parents[1] / "left-over").touch()
    assert answer(environments.python(home, "tiny", said.append, settings(made.parent)))
    assert not (python.parents[1] / "left-over").exists()
    made.write_text(made.read_text(encoding="ascii") + "\n# new\n", encoding="ascii")
    environments.python(home, "tiny", said.append, settings(made.parent))
    assert len(said) == 3


def test_two_at_once_install_once(tmp_path: Path, made: Path) -> None:
    said: list[str] = []

    def ask() -> None:
        environments.python(tmp_path / "home", "tiny", said.append, settings(made.parent))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("installing 1" in line for line in said) == 1


def test_wrong_hash_is_told(tmp_path: Path, made: Path) -> None:
    made.write_text(f"tiny_orrery_thing==1.0 \\\n    --hash=sha256:{'0' * 64}\n", encoding="ascii")
    with pytest.raises(IntegrityBroken) as caught:
        environments.python(tmp_path / "home", "tiny", lambda _line: None, settings(made.parent))
    assert caught.value.exit_code == ExitCode.INTEGRITY_BROKEN


def test_network_away_is_a_dependency_down(tmp_path: Path, made: Path) -> None:
    away = {**profiles.tool_environment(), "PIP_CONFIG_FILE": "/dev/null", "PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0"}
    away |= {
        "PIP_INDEX_URL": "http://someone:secret@127.0.0.1:9/simple",
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
    }
    with pytest.raises(DependencyDown) as caught:
        environments.python(tmp_path / "home", "tiny", lambda _line: None, away)
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "home" / "envs" / "tiny" / ".ready").exists()


def test_no_lock_no_right_no_turn(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_args: object, **_named: object) -> None:
        raise PermissionError(13, "Permission denied", "x")

    with monkeypatch.context() as patch:
        patch.setattr(environments.Path, "mkdir", refused)
        with pytest.raises(Denied):
            environments.python(tmp_path / "home", "tiny", lambda _line: None, {})
    monkeypatch.setattr(locking, "LOCK_SECONDS", 0.2)
    (tmp_path / "home" / "envs").mkdir(parents=True)
    with locking.alone(tmp_path / "home" / "envs" / "tiny.lock", "testing"), pytest.raises(Locked):
        environments.python(tmp_path / "home", "tiny", lambda _line: None, {})
    monkeypatch.undo()
    with pytest.raises(BadInput, match="nothing that says"):
        environments.requirements("nobody-has-this")
