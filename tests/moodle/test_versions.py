"""Moodle 3.9 to 5.x: columns that came later, and what a newer version took away."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext

from demo.sample_moodle.builder import MoodleBuilder
from integration.domain.errors import SourceError
from integration.domain.state import EVERYTHING
from integration.services.moodle.reader import MoodleReader
from integration.services.moodle.versions import number_of
from integration.services.sync.eligibility import unusable_because
from tests.support.moodle_rows import ENGINES, NOW, Site, new_site
from tests.support.servers import moodle_at


@pytest.fixture(autouse=True)
def _databases(django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture(params=ENGINES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    site = new_site(request.param, request, tmp_path)
    site.build(one_course)
    return site


def one_course(world: MoodleBuilder) -> None:
    course = world.course(world.category("Science"), "BIO", "Biology")
    anna = world.user("Anna", "Berg", "anna", "anna@campus.invalid")
    remote = world.user("Rosa", "Remote", "rosa", "rosa@campus.invalid", auth="mnet")
    world.enrol(course, [anna, remote])
    world.group(course, "Seen by all", [anna, remote])
    world.group(course, "Hidden members", [anna], visibility=3)


def set_version(site: Site, version: str) -> None:
    site.sql(f"UPDATE mdl_config SET value = '{version}' WHERE name = 'version'")


OLD_VERSIONS = {
    "3.9": "2020061522",
    "3.10": "2020110911",
    "3.11": "2021051718",
    "4.0": "2022041912",
    "4.1": "2022112805.03",
}


@pytest.mark.parametrize("version", OLD_VERSIONS.values(), ids=OLD_VERSIONS)
def test_before_4_2_no_group_hides_its_members(site: Site, version: str) -> None:
    set_version(site, version)
    site.sql("ALTER TABLE mdl_groups DROP COLUMN visibility")
    moodle = site.read(integrated={2})
    assert {group.name: group.visibility for group in moodle.groups.values()} == {
        "Seen by all": 0,
        "Hidden members": 0,
    }
    assert set(moodle.group_members[1]) == {3, 4}


def test_a_column_that_the_version_has_to_have_is_never_made_up(site: Site) -> None:
    """A hidden group would get a channel that shows everybody in it."""
    set_version(site, "2023042400")
    site.sql("ALTER TABLE mdl_groups DROP COLUMN visibility")
    with pytest.raises(SourceError, match="visibility"):
        site.read(integrated={2})


def test_a_column_that_came_early_is_read(site: Site) -> None:
    """In the middle of an upgrade the columns are there before the version is."""
    set_version(site, OLD_VERSIONS["4.1"])
    moodle = site.read(integrated={2})
    assert moodle.groups[2].visibility == 3


def test_columns_are_asked_for_once_per_connection(site: Site) -> None:
    set_version(site, OLD_VERSIONS["4.1"])
    site.sql("ALTER TABLE mdl_groups DROP COLUMN visibility")
    with moodle_at(site.url) as connection:
        reader = MoodleReader(lambda: NOW)
        counts = []
        for _ in range(3):
            with CaptureQueriesContext(connection) as queries:
                reader.read(EVERYTHING, integrated={2}, linked_users=())
            counts.append(len(queries))
        connection.close()
        with CaptureQueriesContext(connection) as queries:
            reader.read(EVERYTHING, integrated={2}, linked_users=())
    assert counts[1] == counts[2] == counts[0] - 2
    assert len(queries) == counts[0], "Moodle may have been upgraded since"


@pytest.mark.parametrize(("version", "usable"), [("2024100705.01", True), ("2025041400", False)])
def test_since_5_0_nobody_logs_in_by_mnet(site: Site, version: str, usable: bool) -> None:
    set_version(site, version)
    moodle = site.read(integrated={2})
    reason = unusable_because(moodle.people[4])
    assert (reason == "") is usable
    assert unusable_because(moodle.people[3]) == ""
    if not usable:
        assert reason == (
            "cannot log in to Moodle, whose version no longer has the authentication 'mnet'"
        )


@pytest.mark.parametrize(
    ("text", "number"),
    [("2024100705.01", 2024100705), ("2022112805", 2022112805), ("", None), ("soon", None)],
)
def test_a_version_is_a_number_with_a_counter(text: str, number: int | None) -> None:
    assert number_of(text) == number
