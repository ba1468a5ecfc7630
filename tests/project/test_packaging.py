"""What is handed out: the version, the ranges and the locks fit each other."""

import json
import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from integration import __version__
from tests.support.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCKS = {"production": ROOT / "requirements.txt"} | {
    extra: ROOT / f"requirements-{extra}.txt" for extra in EXTRAS if extra != "mysqlclient"
}
ENTRY = re.compile(r"^([a-z][a-z0-9._-]*)==([^ ]+)(?: ; [^\\]+)? \\$")


def locked(file: Path) -> dict[str, Version]:
    found = filter(None, map(ENTRY.match, file.read_text().splitlines()))
    return {entry[1]: Version(entry[2]) for entry in found}


def wanted(kind: str) -> list[Requirement]:
    lines = (
        PROJECT["dependencies"] + EXTRAS["mysqlclient"] if kind == "production" else EXTRAS[kind]
    )
    return [Requirement(line) for line in lines]


def test_the_changelog_tells_of_this_version() -> None:
    assert f"\n## [{__version__}] - " in (ROOT / "CHANGELOG.md").read_text()


def test_who_made_it_under_which_licence_and_for_whom_is_said() -> None:
    """Every Python it is for has a classifier, and no address is invented for the project."""
    assert (PROJECT["license"], PROJECT["license-files"]) == ("Apache-2.0", ["LICENSE"])
    assert (ROOT / "LICENSE").read_text().lstrip().startswith("Apache License")
    assert PROJECT["authors"]
    assert PROJECT["urls"].keys() == {"Moodle", "Rocket.Chat"}
    pythons = [one for one in PROJECT["classifiers"] if one.startswith("Programming Language ::")]
    assert {one.split()[-1] for one in pythons} == {"3", "3.11", "3.12", "3.13"}


@pytest.mark.parametrize("kind", LOCKS)
def test_a_lock_holds_what_the_ranges_ask_for(kind: str) -> None:
    pins = locked(LOCKS["production"]) | locked(LOCKS[kind])
    for requirement in wanted(kind):
        version = pins[requirement.name.lower()]
        assert requirement.specifier.contains(version), f"{requirement} is locked to {version}"


@pytest.mark.parametrize("kind", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(kind: str) -> None:
    entries = re.split(r"\n(?=[a-z])", LOCKS[kind].read_text())[1:]
    assert entries
    for entry in entries:
        assert ENTRY.match(entry.splitlines()[0]), entry.splitlines()[0]
        assert "--hash=sha256:" in entry
    assert "://" not in LOCKS[kind].read_text()


def test_extras_can_be_installed_together() -> None:
    pins: dict[str, Version] = {}
    for file in LOCKS.values():
        for name, version in locked(file).items():
            assert pins.setdefault(name, version) == version, name


def test_what_production_has_on_some_pythons_the_tools_have_on_all() -> None:
    """asgiref needs typing-extensions before Python 3.13, django-stubs always."""
    assert "typing-extensions==4" in LOCKS["production"].read_text()
    entry = re.search(r"^typing-extensions==.*$", LOCKS["dev"].read_text(), re.MULTILINE)
    assert entry
    assert ";" not in entry[0]


# ── The bill of materials ────────────────────────────────────────────────────────────────────────

BILL = runpy.run_path(str(ROOT / ".ci/sbom.py"))


def component(name: str, licence: str = "MIT") -> dict[str, Any]:
    licences = [{"license": {"id": licence}}]
    return {"bom-ref": name, "name": name, "version": "1", "licenses": licences}


def billed(
    parts: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, dict[str, Any]]:
    """The exit status and the bill, where the environment holds those and dependencies on all."""
    refs = [part["bom-ref"] for part in parts]
    whole = {
        "components": parts,
        "dependencies": [{"ref": ref, "dependsOn": refs} for ref in refs],
    }
    environment = BILL["main"].__globals__
    monkeypatch.setitem(environment, "whole_environment", lambda: whole)
    monkeypatch.setitem(environment, "ROOT", ROOT)
    bill = ROOT / "var" / f"{tmp_path.name}.json"
    monkeypatch.setitem(environment, "SBOM", bill)
    try:
        return BILL["main"](), json.loads(bill.read_text())
    finally:
        bill.unlink(missing_ok=True)


def everything() -> list[dict[str, Any]]:
    files = [file for extra, file in LOCKS.items() if extra != "dev"]
    return [component(name) for name in sorted({name for file in files for name in locked(file)})]


def test_the_bill_of_materials_tells_what_extras_bring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(BILL["EXTRAS"]) == EXTRAS.keys() - {"mysqlclient", "dev"}
    status, bill = billed([*everything(), component("pytest")], tmp_path, monkeypatch)
    assert status == 0
    scopes = {part["name"]: part["scope"] for part in bill["components"]}
    assert scopes["django"] == "required"
    for name in ("mozilla-django-oidc", "redis", "sentry-sdk", "pyjwt"):
        assert scopes[name] == "optional"
    assert "pytest" not in json.dumps(bill)


@pytest.mark.parametrize("name", ["gunicorn", "redis"])
def test_a_locked_package_that_is_not_installed_is_missed_in_the_bill(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [part for part in everything() if part["name"] != name]
    status, _bill = billed(parts, tmp_path, monkeypatch)
    assert status == 1
    assert f"PROBLEM: {name} is locked and not installed" in capsys.readouterr().out


def test_a_licence_that_asks_for_more_than_a_notice_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [part for part in everything() if part["name"] != "redis"]
    status, _bill = billed([*parts, component("redis", "MPL-2.0")], tmp_path, monkeypatch)
    assert status == 1
    assert "PROBLEM: redis is under MPL-2.0" in capsys.readouterr().out
    assert "MPL-2.0" in BILL["RECIPROCAL"]["mozilla-django-oidc"]
