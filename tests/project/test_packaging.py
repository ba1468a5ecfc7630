"""What is handed out: the version, the ranges and the locks fit each other."""

import re
import tomllib
from pathlib import Path

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
