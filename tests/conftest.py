"""Fixtures for infrastructure; those of whole sites are plugins in `tests.support`."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.support import servers

pytest_plugins = [
    "tests.support.site",  # before those that import it
    "tests.support.admin_client",
    "tests.support.background",
    "tests.support.browser",
    "tests.support.clock",
    "tests.support.own_database",
    "tests.support.school",
]


# A machine may be busy: how long an example takes proves nothing.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")
# Fewer examples where the slow tests are left out; otherwise Hypothesis's hundred.
hypothesis.settings.register_profile(
    "quick", hypothesis.settings.get_profile("patient"), max_examples=30
)


def pytest_configure(config: pytest.Config) -> None:
    if "not slow" in config.getoption("markexpr"):
        hypothesis.settings.load_profile("quick")
    if not _is_worker(config):
        settings.TEST_FOLDER.mkdir(mode=0o700)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not _is_worker(config):
        shutil.rmtree(settings.TEST_FOLDER, ignore_errors=True)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")  # set by pytest-xdist


STARTS_PROGRAMS = frozenset(
    {"backup", "benchmarks", "browser", "monitoring", "project", "runs", "safety", "web", "worker"}
)
"""Folders with files that take long: where several processes share the files, they come first, so
that none is left to one process at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what meets a MariaDB or MySQL server: only those can tell its drivers apart.

    Benchmarks that start a server of their own, and tests that ask for the fixture by its name
    only, are marked by hand.
    """
    for item in items:
        if _meets_mysql(item):
            item.add_marker(pytest.mark.mysql)
    items.sort(key=lambda item: item.path.parent.name not in STARTS_PROGRAMS)


def _meets_mysql(item: pytest.Item) -> bool:
    """By a fixture, or by the name of an engine among the parameters, also inside of others."""
    if "mariadb" in getattr(item, "fixturenames", ()):
        return True
    callspec = getattr(item, "callspec", None)
    return callspec is not None and re.search(r"mariadb|mysql", callspec.id) is not None


@pytest.fixture(scope="session", autouse=True)
def _databases_first(django_db_setup: None) -> None:
    """Before anything else connects: a connection made earlier would stay with another database."""


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of sample data and recordings."""
    return servers.require_shared()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[servers.MariaDB]:
    with servers.running_mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    with servers.running_postgres() as server:
        yield server


@pytest.fixture
def moodle_alias(
    django_db_blocker: Any,
) -> Callable[..., AbstractContextManager[BaseDatabaseWrapper]]:
    """`with moodle_alias(url, read_only=True) as connection:` points the alias `moodle` elsewhere.

    Works in tests with and without the mark `django_db`.
    """

    @contextmanager
    def point(url: str, *, read_only: bool = True) -> Iterator[BaseDatabaseWrapper]:
        with django_db_blocker.unblock(), servers.moodle_at(url, read_only=read_only) as connection:
            yield connection

    return point


# ── Lines for the end of the test report, also from workers of pytest-xdist ──────────────────────

NOTES = pytest.StashKey[list[str]]()


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """`note("...")` adds a line to the summary, for a figure that people should see."""
    return request.config.stash.setdefault(NOTES, []).append


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _is_worker(session.config):
        output: dict[str, Any] = vars(session.config)["workeroutput"]
        output["notes"] = session.config.stash.get(NOTES, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    notes = getattr(node, "workeroutput", {}).get("notes", [])
    node.config.stash.setdefault(NOTES, []).extend(notes)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    notes = config.stash.get(NOTES, [])
    if notes:
        terminalreporter.section("notes")
        for line in notes:
            terminalreporter.line(line)
