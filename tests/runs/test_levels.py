"""Own settings of categories and courses on a real Moodle: exactly its own truth, level by level.

In the sample "small" category 3 (courses 2, 6, 8) lies in category 2 (courses 4, 5); course 3 is
in another one.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from demo.standin import StandIn
from integration.models import LevelSettings
from integration.services.admin import why
from tests.support.real_moodle import (
    ALL_ROLES,
    COURSES,
    RealMoodle,
    assert_in_step,
    expected,
)
from tests.support.servers import MariaDB
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

SCIENCE, FIRST_YEAR = 2, 3
IN_SCIENCE = {2, 4, 5, 6, 8}
IN_FIRST_YEAR = {2, 6, 8}


@pytest.fixture
def real(
    mariadb: MariaDB, shared: Path, moodle_alias: Callable[..., AbstractContextManager[Any]]
) -> Iterator[RealMoodle]:
    moodle = RealMoodle(mariadb, shared)
    with moodle_alias(moodle.url):
        yield moodle


@pytest.fixture
def site(real: RealMoodle, settings: Any) -> Iterator[Site]:
    with StandIn(like="8.8") as chat:
        yield Site(chat, settings)


def of_level(level: str, number: int, **values: Any) -> None:
    LevelSettings.objects.create(level=level, moodle_id=number, name=f"name {number}", **values)


def test_channels_follow_the_settings_of_their_own_level(site: Site, real: RealMoodle) -> None:
    site.choose(COURSES, ALL_ROLES)
    of_level("category", SCIENCE, roles={"5": "moderator"}, private_channels=False)
    of_level("category", FIRST_YEAR, name_template="y1-{group_id}")
    of_level("course", 2, name_template="bio-{group_id}", include_patterns="^Group")
    site.apply()

    truth = real.truth()
    course_of = {
        group["id"]: course["id"] for course in truth["courses"] for group in course["groups"]
    }
    names = {
        group["id"]: group["name"] for course in truth["courses"] for group in course["groups"]
    }
    everybody, students = expected(truth), expected(truth, "student")
    wanted = {
        group: (students if course_of[group] in IN_SCIENCE else everybody)[group]
        for group in everybody
        if course_of[group] != 2 or names[group].startswith("Group")
    }
    assert site.channel_members() == wanted

    moderators = {group for group, _user in site.room_roles("moderator")}
    assert moderators == {
        group for group in wanted if course_of[group] in IN_SCIENCE and wanted[group]
    }
    for room in site.rooms():
        group = room["customFields"]["moodle_group"]
        course = course_of[group]
        assert (room["t"] == "c") == (course in IN_SCIENCE)
        prefix = "bio-" if course == 2 else "y1-"
        assert (room["name"] == f"{prefix}{group}") == (course in IN_FIRST_YEAR)
    assert_in_step(site)


def test_why_names_the_level_that_decided(site: Site) -> None:
    site.choose(COURSES, ALL_ROLES)
    of_level("category", SCIENCE, roles={"5": "member"})
    of_level("course", 2, include_patterns="^Group", name_template="bio-{group}")
    site.apply()
    steps = why.why_channel(1).steps
    text = "\n".join(sentence.text for step in steps for sentence in step.sentences)
    assert "Decided by the patterns of the course name 2." in text
    assert "channel name: bio-{group}, set for the course name 2." in text
    assert "included roles: 5 → member, set for the category “name 2”." in text
    steps = why.why_person(3).steps
    text = "\n".join(sentence.text for step in steps for sentence in step.sentences)
    assert "Decided by the included roles of the category “name 2”." in text
