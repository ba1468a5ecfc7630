"""The launcher, up to the point where it would install. It borrows this environment's .venv."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from integration import __version__
from tests.support.paths import ROOT as TOP

SYSTEM = {"PATH": "/usr/bin:/bin"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of the launcher in a folder with spaces, with an environment that is up to date."""
    place = tmp_path / "a folder" / "with spaces"
    place.mkdir(parents=True)
    for name in ("rcsync", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(TOP / name, place)
    (place / "integration").mkdir()
    shutil.copy(TOP / "integration/__init__.py", place / "integration")
    make_environment(place)
    (place / "manage.py").write_text(
        "import os, sys\nprint(sys.argv[1:])\n"
        "print(sorted(k for k in os.environ if k.startswith(('ROCKETCHAT', 'RCSYNC', 'DEBUG'))))\n"
    )
    return place


def make_environment(place: Path) -> None:
    folder = place / ".venv" / "bin"
    folder.mkdir(parents=True)
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    for kind, files in (("production", "requirements.txt"), ("dev", "requirements*.txt")):
        found = sorted(place.glob(files), key=lambda file: len(file.name))
        text = b"".join(file.read_bytes() for file in found)
        check = subprocess.run(["cksum"], input=text, capture_output=True, check=True).stdout
        (place / ".venv" / f"installed-{kind}").write_bytes(check)


def launch(program: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *arguments],
        cwd="/",
        env={**SYSTEM, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_alone_it_says_what_it_can_do(place: Path) -> None:
    for arguments in ([], ["help"], ["--help"]):
        done = launch(place / "rcsync", *arguments)
        assert done.returncode == 0
        assert "./rcsync demo" in done.stdout


def test_any_other_word_is_a_command_of_manage_py(place: Path) -> None:
    done = launch(place / "rcsync", "sync", "--course", "BIO 1", "*")
    assert done.stdout.splitlines()[0] == str(["sync", "--course", "BIO 1", "*"])


def test_it_works_through_symbolic_links(place: Path, tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(place / "rcsync")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "two").symlink_to("../one")
    done = launch(tmp_path / "deep" / "two", "check")
    assert done.stdout.splitlines()[0] == "['check']", done.stderr


def test_python_has_the_project_on_its_path(place: Path) -> None:
    done = launch(place / "rcsync", "python", "-c", "import sys; print(sys.argv, sys.path)", "a b")
    assert "['-c', 'a b']" in done.stdout
    assert str(place) in done.stdout


def test_the_exit_code_is_that_of_the_command(place: Path) -> None:
    assert launch(place / "rcsync", "python", "-c", "raise SystemExit(3)").returncode == 3


def test_the_demo_does_not_know_the_real_rocketchat(place: Path) -> None:
    real = {"ROCKETCHAT_URL": "https://chat", "ROCKETCHAT_AUTH_TOKEN": "secret"}
    assert "ROCKETCHAT_URL" in launch(place / "rcsync", "sync", **real).stdout
    for done in (
        launch(place / "rcsync", "demo", **real),
        launch(place / "rcsync", "sync", RCSYNC_DEMO="1", **real),
    ):
        assert "ROCKETCHAT" not in done.stdout
        assert "DEBUG" in done.stdout


def test_other_requirements_mean_another_installation(place: Path) -> None:
    (place / "requirements.txt").write_text("rcsync-cannot-be-had==0\n")
    nothing = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    done = launch(place / "rcsync", "check", **python_for_launcher(), **nothing)
    assert done.returncode == 2
    assert "installation failed" in done.stderr
    assert "rcsync-cannot-be-had" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((place / ".venv").glob("installed-*"))


def python_for_launcher() -> dict[str, str]:
    """The Python under this test's environment, which is able to make another."""
    name = f"python{sysconfig.get_python_version()}"
    return {"RCSYNC_PYTHON": str(Path(sys.base_prefix) / "bin" / name)}


def test_a_python_that_is_too_old_is_named(place: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    (place / ".venv" / "installed-production").unlink()
    done = launch(place / "rcsync", "check", RCSYNC_PYTHON=str(old))
    assert done.returncode == 2
    assert f"{old} is not Python 3.11 or newer" in done.stderr


def test_a_wrong_argument_of_install_shows_the_usage(place: Path) -> None:
    done = launch(place / "rcsync", "install", "--everything")
    assert done.returncode == 2
    assert "./rcsync install [--dev]" in done.stderr


def test_an_extra_that_does_not_exist_is_named(place: Path) -> None:
    done = launch(place / "rcsync", "install", "--extra", "nonsense")
    assert done.returncode == 2
    assert 'no extra "nonsense"' in done.stderr
    assert launch(place / "rcsync", "install", "--extra").returncode == 2


def test_the_version_is_told_without_an_installation(place: Path) -> None:
    shutil.rmtree(place / ".venv")
    done = launch(place / "rcsync", "--version")
    assert done.stdout == f"rcsync {__version__}\n"
    assert not (place / ".venv").exists()


def test_an_extra_that_was_chosen_belongs_to_the_installation(place: Path) -> None:
    (place / "requirements-redis.txt").write_text("rcsync-cannot-be-had==0\n")
    (place / ".venv" / "extras").write_text("redis\n")
    nothing = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    done = launch(place / "rcsync", "check", **python_for_launcher(), **nothing)
    assert done.returncode == 2  # what is installed lacks the extra, so it is installed anew
    assert "rcsync-cannot-be-had==0" in (place / ".venv" / "requirements.txt").read_text()


def test_mysqlclient_is_tried_apart_with_its_hashes(place: Path) -> None:
    (place / ".venv" / "installed-production").unlink()
    nothing = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    launch(place / "rcsync", "check", **python_for_launcher(), **nothing)
    first = (place / ".venv" / "requirements.txt").read_text()
    second = (place / ".venv" / "mysqlclient.txt").read_text()
    assert "mysqlclient==" not in first
    assert second.startswith("mysqlclient==")
    assert second.count("==") == 1
    assert first.count("--hash") + second.count("--hash") == (
        (TOP / "requirements.txt").read_text().count("--hash")
    )
