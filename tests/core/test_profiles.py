"""Profiles and manifests: every key known, no secret in clear text, errors that say where."""

from __future__ import annotations

from pathlib import Path

import pytest

from orrery import catalogue, manifest, profiles
from orrery.cli import render
from orrery.engines import postgres
from orrery.errors import BadInput, Denied, ManifestBroken

GOOD = '[warehouse]\nengine = "postgres"\nserver = "host=h dbname=d"\nfidelity = "real"\n'
METEOR = catalogue.find("p01_meteor").folder


def loaded(tmp_path: Path, text: str) -> profiles.Profile:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return profiles.load(str(path), tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("engine", "engin"), "unknown: engin"),
        (GOOD.replace('fidelity = "real"\n', ""), "missing: fidelity"),
        (GOOD.replace('"real"', '"nearly"'), "nearly"),
        (GOOD.replace("host=h", "host=h password=hunter2"), "clear text"),
        (GOOD.replace("host=h dbname=d", "postgresql://me:hunter2@h/d"), "clear text"),
        (GOOD.replace("host=h dbname=d", "postgresql://me@h/d?sslmode=prefer&password=hunter2"), "clear text"),
        (GOOD.replace("host=h", "host=h sslpassword=hunter2"), "clear text"),
        (GOOD.replace('"postgres"', "5"), "table of texts"),
        ("warehouse = 1", "table of texts"),
        ("[warehouse", "cannot be read"),
    ],
)
def test_a_broken_profile_is_refused_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ManifestBroken) as caught:
        loaded(tmp_path, text)
    assert told in str(caught.value)
    assert "mine.toml" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_variables_come_from_the_environment_and_must_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = GOOD.replace("host=h", "host=${ORRERY_TEST_HOST}") + 'password_env = "ORRERY_TEST_PASSWORD"\n'
    with pytest.raises(BadInput, match="ORRERY_TEST_HOST"):
        loaded(tmp_path, text)
    monkeypatch.setenv("ORRERY_TEST_HOST", "db.example")
    binding = loaded(tmp_path, text).binding("warehouse", "p01_meteor")
    assert binding.server == "host=db.example dbname=d"
    with pytest.raises(BadInput, match="ORRERY_TEST_PASSWORD"):
        binding.password()
    monkeypatch.setenv("ORRERY_TEST_PASSWORD", "c4n4ry")
    assert binding.password() == "c4n4ry"
    monkeypatch.setenv("ORRERY_TEST_HOST", "h password=hunter2")
    with pytest.raises(ManifestBroken, match="clear text") as caught:
        loaded(tmp_path, text)
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("ORRERY_TEST_HOST", "db.example")
    assert "c4n4ry" not in repr(binding) + postgres.dsn(binding) + str(postgres.environment(binding))
    with pytest.raises(BadInput, match="does not bind"):
        loaded(tmp_path, text).binding("lake", "p01_meteor")


def test_a_password_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("c4n4ry\n", encoding="utf-8")
    binding = loaded(tmp_path, GOOD + f'password_file = "{secret}"\n').binding("warehouse", "p01_meteor")
    secret.chmod(0o644)
    with pytest.raises(Denied, match="chmod 600"):
        binding.password()
    secret.chmod(0o600)
    assert binding.password() == "c4n4ry"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('title  = "', 'titel  = "', "did you mean 'title'"),
        ("[needs]\n", "[needs]\nwarehose = 'postgres'\n", "needs.warehose"),
        ('level  = "Beginner"', "level  = 1", "lacks a text 'level'"),
        ('default = "pandas"', 'default = "polars"', "settings.engine"),
        ('"p01_meteor.files"', '"p02_comet.files"', "p02_comet.files"),
        ('name   = "Meteor"', 'name   = "Comet"', "does not match its folder"),
        ("[inputs.launches]\ncontract", "[inputs.launches]\ncontrct", "contract"),
    ],
)
def test_a_broken_manifest_is_refused_with_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    folder = tmp_path / METEOR.name
    folder.mkdir()
    text = (METEOR / "system.toml").read_text(encoding="utf-8")
    assert old in text
    (folder / "system.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ManifestBroken) as caught:
        manifest.read(folder)
    assert told in str(caught.value)
    assert "system.toml" in str(caught.value)


def test_the_catalogue_and_the_roadmap_agree() -> None:
    rows = {row.slug: row for row in catalogue.roadmap()}
    assert len(rows) == 40
    for system in catalogue.systems():
        row = rows[system.slug]
        assert (system.name, system.domain, system.level) == (row.name, row.domain, row.level)
        assert set(system.tools) == set(row.stack)
        for path in (*(each.contract for each in system.inputs.values()), *system.outputs.values()):
            assert path.is_file()
        for sample in system.inputs.values():
            assert sample.sample.exists()
            assert (sample.sample.parent / "PROVENANCE.md").exists()
        tests = "".join(path.read_text(encoding="utf-8") for path in (system.folder / "tests").rglob("test_*.py"))
        for sentence, test in system.claims.items():
            assert f"def {test}(" in tests, f"{system.slug} claims «{sentence}», and {test} does not exist"
        assert callable(catalogue.entry(system))


@pytest.mark.parametrize(
    ("name", "told"), [("metor", "did you mean 'meteor'"), ("pulsar", "p08_pulsar"), ("andromeda", "planned")]
)
def test_names_that_mean_no_one_system(name: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        catalogue.find(name)
    assert told in str(caught.value)


def test_a_name_that_two_share_means_the_one_that_runs() -> None:
    assert {row.slug for row in catalogue.roadmap() if row.name == "Nebula"} == {"p07_nebula", "d04_nebula"}
    assert catalogue.find("nebula").slug == "p07_nebula"


@pytest.mark.parametrize("name", ["meteor", "METEOR", "p01", "p01_meteor"])
def test_names_that_mean_meteor(name: str) -> None:
    assert catalogue.find(name).slug == "p01_meteor"


@pytest.mark.parametrize(
    ("name", "told"),
    [("embedded", "show meteor\n"), ("services", "show meteor --profile services\n"), ("my own/embedded.toml", None)],
)
def test_commands_to_go_on_with_name_the_profile_as_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, told: str | None
) -> None:
    for variable in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE"):
        monkeypatch.setenv(variable, "1")
    if told is None:
        name = str(tmp_path / name)
        told = f"show meteor --profile '{name}'\n"
        Path(name).parent.mkdir()
        Path(name).write_text(GOOD, encoding="utf-8")
    found = profiles.load(name, tmp_path)
    about = {"profile": found.name, "profile_argument": found.argument, "fidelity": {}, "seconds": 1.0, "run_id": "r"}
    render.run_result({"system": "p01_meteor_x", **about})
    assert told in capsys.readouterr().out
