"""The doctor's lines about Moodle: one for each thing that can be wrong, with its repair."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.domain.checks import Check, CheckStatus
from integration.services.moodle.doctor import check_moodle
from tests.support.moodle_rows import ENGINES, Site, new_site
from tests.support.servers import MariaDB, Postgres, moodle_at

pytestmark = pytest.mark.mysql  # by fixtures that are asked for by name
DRIVERS = {"sqlite": "SQLite 3", "mariadb": "MariaDB 1", "postgresql": "PostgreSQL 1"}


@pytest.fixture(autouse=True)
def _databases(django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture(params=ENGINES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    site = new_site(request.param, request, tmp_path)
    site.build()
    return site


def examine(url: str, *, read_only: bool = True, ahead: float = 0) -> dict[str, Check]:
    with moodle_at(url, read_only=read_only):
        return {check.name: check for check in check_moodle(lambda: time.time() - ahead)}


def test_a_moodle_as_it_should_be_gets_only_good_lines(site: Site) -> None:
    checks = examine(_reader_url(site))
    assert {check.status for check in checks.values()} == {CheckStatus.OK}
    assert {check.fix for check in checks.values()} == {""}
    assert checks["Moodle's database"].found.startswith(DRIVERS[site.engine])
    assert " through " in checks["Moodle's database"].found
    assert checks["Moodle's tables"].found == "all 15 tables, with the prefix 'mdl_'"
    assert checks["Moodle's version"].found.startswith("4.5")
    assert checks["Moodle's content"].found == "2 accounts, 0 courses, 0 groups, 0 memberships"
    assert "refused" in checks["Moodle's session"].found
    assert checks["Moodle's log"].found.startswith("on, its newest entry is of 20")
    assert len(checks) == 9


def _reader_url(site: Site) -> str:
    """The address with an account that may do nothing but SELECT."""
    if isinstance(site.server, MariaDB):
        site.server.sql(
            f"CREATE USER IF NOT EXISTS reader; GRANT SELECT ON `{site.database}`.* TO reader"
        )
        return site.server.url(site.database, "reader")
    if isinstance(site.server, Postgres):
        name = f"reader_{site.database}"
        site.server.sql(
            f"CREATE USER {name}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}",
            site.database,
        )
        return site.server.url(site.database, name)
    return site.url


def test_an_account_that_could_write_is_warned_about(site: Site) -> None:
    check = examine(site.url)["Moodle's account"]
    if site.engine == "sqlite":
        assert check.status is CheckStatus.OK
        return
    assert check.status is CheckStatus.WARNING
    assert check.found.startswith("the account has rights to write")
    assert "GRANT SELECT ON " in check.fix
    assert "rcsync" in check.fix


@pytest.mark.parametrize(
    ("right", "writes"),
    [
        ("SELECT ON `{}`.*", False),
        ("SELECT, INSERT ON `{}`.*", True),
        ("DELETE ON `{}`.mdl_user", True),
        ("UPDATE (firstname) ON `{}`.mdl_user", True),
        ("ALL PRIVILEGES ON *.*", True),
        ("ALL PRIVILEGES ON `elsewhere`.*", False),
        ("ALL PRIVILEGES ON `test\\_%`.*", False),
        ("ALL PRIVILEGES ON `test_%`.*", False),
        ("ALL PRIVILEGES ON `moodle%`.*", True),
        ("ALL PRIVILEGES ON `moodle\\_%`.*", True),
        ("INSERT ON `m__dle_%`.*", True),
        ("SELECT, SHOW VIEW, LOCK TABLES ON `{}`.*", False),
    ],
)
def test_only_rights_to_write_to_moodle_are_warned_about(
    right: str, writes: bool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    site = new_site("mariadb", request, tmp_path)
    site.build()
    server = site.server
    assert isinstance(server, MariaDB)
    server.sql(
        f"CREATE OR REPLACE USER some; GRANT SELECT ON `{site.database}`.* TO some; "
        f"GRANT {right.format(site.database)} TO some"
    )
    check = examine(server.url(site.database, "some"))["Moodle's account"]
    assert check.status is (CheckStatus.WARNING if writes else CheckStatus.OK)


def test_a_session_that_could_write_fails_and_has_written_nothing(site: Site) -> None:
    checks = examine(site.url, read_only=False)
    assert checks["Moodle's session"].status is CheckStatus.FAILED
    assert "MOODLE_DATABASE_URL" in checks["Moodle's session"].fix
    assert list(checks)[-1] == "Moodle's session"


def test_clocks_that_differ_are_warned_about(site: Site) -> None:
    check = examine(site.url, ahead=200)["Moodle's clock"]
    assert check.status is CheckStatus.WARNING
    assert check.found == "the database's clock is 200 s ahead of this machine's"
    assert "NTP" in check.fix
    assert examine(site.url, ahead=-100)["Moodle's clock"].status is CheckStatus.OK


def test_a_log_that_is_off_is_warned_about(site: Site) -> None:
    site.sql("UPDATE mdl_config_plugins SET value = 'logstore_database' WHERE plugin = 'tool_log'")
    check = examine(site.url)["Moodle's log"]
    assert check.status is CheckStatus.WARNING
    assert "Manage log stores" in check.fix


def test_an_empty_log_is_said(site: Site) -> None:
    site.sql("DELETE FROM mdl_logstore_standard_log")
    assert examine(site.url)["Moodle's log"].found == "on, but empty"


def of_version(site: Site, number: str, release: str) -> None:
    site.sql(
        f"UPDATE mdl_config SET value = '{number}' WHERE name = 'version'",
        f"UPDATE mdl_config SET value = '{release}' WHERE name = 'release'",
    )


@pytest.mark.parametrize(
    ("number", "release", "status"),
    [
        ("2019111800", "3.8", CheckStatus.WARNING),
        ("2020061500", "3.9", CheckStatus.OK),
        ("2022112805", "4.1.5", CheckStatus.OK),
        ("2025100606.02", "5.1.6", CheckStatus.OK),
    ],
)
def test_a_moodle_older_than_3_9_is_warned_about(
    site: Site, number: str, release: str, status: CheckStatus
) -> None:
    of_version(site, number, release)
    check = examine(site.url)["Moodle's version"]
    assert (check.status, check.found) == (status, release)
    assert ("upgrade Moodle" in check.fix) is (status is CheckStatus.WARNING)


def test_a_newer_moodle_than_any_that_was_tried_is_said_and_not_refused(site: Site) -> None:
    of_version(site, "2026042000", "5.2")
    checks = examine(site.url)
    check = checks["Moodle's version"]
    assert check.status is CheckStatus.WARNING
    assert check.found == "5.2 is newer than the versions rcsync was tested with (up to 5.1)"
    assert len(checks) == 9, "the other questions are asked as well"


def test_a_moodle_before_4_2_has_no_column_for_hidden_members_and_the_doctor_says_so(
    site: Site,
) -> None:
    of_version(site, "2022112805", "4.1.5")
    site.sql("ALTER TABLE mdl_groups DROP COLUMN visibility")
    check = examine(site.url)["Moodle's tables"]
    assert check.status is CheckStatus.OK
    assert check.found.endswith("this Moodle is older than mdl_groups.visibility")


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("DELETE FROM mdl_config WHERE name = 'version'", "Moodle's version"),
        ("DELETE FROM mdl_user", "Moodle's content"),
        ("DROP TABLE mdl_role", "Moodle's tables"),
        ("ALTER TABLE mdl_groups DROP COLUMN visibility", "Moodle's tables"),
    ],
)
def test_what_fails_ends_the_list_with_its_fix(site: Site, statement: str, name: str) -> None:
    site.sql(statement)
    last = list(examine(site.url).values())[-1]
    assert (last.name, last.status) == (name, CheckStatus.FAILED)
    assert last.fix


def test_a_moodle_out_of_reach_is_one_failed_line() -> None:
    checks = examine("mysql://rcsync:Geheim-4711@127.0.0.1:1/moodle")
    assert list(checks) == ["Moodle's database"]
    (check,) = checks.values()
    assert check.status is CheckStatus.FAILED
    assert "cannot be reached" in check.found
    assert "Geheim-4711" not in check.found + check.fix


def test_a_character_set_without_emoji_is_warned_about(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    site = new_site("mariadb", request, tmp_path)
    site.build()
    site.sql("ALTER TABLE mdl_user CONVERT TO CHARACTER SET utf8mb3")
    check = examine(site.url)["Moodle's character set"]
    assert check.status is CheckStatus.WARNING
    assert check.found.startswith("utf8mb3")
