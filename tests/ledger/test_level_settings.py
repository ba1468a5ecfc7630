"""The table of own settings: what it holds becomes a value, and what it refuses."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from integration.domain.levels import FOR_ALL, FOR_COURSES
from integration.domain.patterns import Pattern
from integration.domain.state import Ending, RoomRole
from integration.models import AuditEntry, LevelSettings
from integration.services.ledger.level_settings import own_settings
from integration.services.ledger.policy import load_policy, missing_choices

pytestmark = pytest.mark.django_db

ROLES = {3: "editingteacher", 5: "student"}


def test_an_empty_column_is_inherited_and_an_empty_text_is_a_value() -> None:
    LevelSettings.objects.create(
        level="category", moodle_id=4, name="Science", topic_template="", on_course_hidden=""
    )
    (own,) = own_settings()
    assert own.values == {"topic_template": "", "on_course_hidden": None}
    assert own.level.name == "Science"


def test_every_setting_comes_through_as_the_type_that_the_plan_needs() -> None:
    endings = dict.fromkeys((n for n in (*FOR_ALL, *FOR_COURSES) if n.startswith("on_")), "archive")
    LevelSettings.objects.create(
        level="course",
        moodle_id=2,
        name_template="{group}",
        topic_template="t",
        private_channels=False,
        whole_course=True,
        course_name_template="all",
        include_patterns="^A\r\n\r\n^B ",
        exclude_patterns="C",
        roles={"5": "owner"},
        **endings,
    )
    (own,) = load_policy(ROLES).own
    assert own.values == {
        "name_template": "{group}",
        "topic_template": "t",
        "private_channels": False,
        "whole_course": True,
        "course_name_template": "all",
        "patterns": (Pattern("^A"), Pattern("^B "), Pattern("C", exclude=True)),
        "roles": {5: RoomRole.OWNER},
        **dict.fromkeys(endings, Ending.ARCHIVE),
    }


def test_a_row_without_settings_is_no_level() -> None:
    LevelSettings.objects.create(level="course", moodle_id=2)
    assert own_settings() == ()


@pytest.mark.parametrize(
    "values",
    [
        {"level": "category", "on_course_deleted": "keep"},
        {"level": "category", "on_course_removed": "keep"},
        {"level": "course", "exclude_patterns": "x"},
    ],
)
def test_the_database_refuses_what_has_no_meaning(values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        LevelSettings.objects.create(moodle_id=2, **values)


@pytest.mark.parametrize(
    "values",
    [
        {"include_patterns": "("},
        {"include_patterns": " \n"},
        {"include_patterns": ".", "exclude_patterns": "(a|aa)+$"},
        {"roles": {}},
        {"roles": {"5": "king"}},
        {"roles": ["5"]},
    ],
)
def test_what_the_sync_could_not_use_is_not_valid(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LevelSettings(level="course", moodle_id=2, **values).full_clean()


def test_a_change_is_in_the_audit_trail_with_what_it_was() -> None:
    row = LevelSettings.objects.create(level="course", moodle_id=2, name_template="{group}")
    row.name_template = None
    row.save()
    entry = AuditEntry.objects.latest("pk")
    assert entry.action == "change_levelsettings"
    assert (entry.before, entry.after) == ({"name_template": "{group}"}, {"name_template": None})


def test_the_number_of_queries_does_not_grow_with_the_levels() -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            load_policy(ROLES)
        return len(seen)

    queries()  # the first one makes the row of the site
    before = queries()
    for number in range(30):
        LevelSettings.objects.create(level="course", moodle_id=number, name_template="x")
    assert queries() == before


def test_what_one_level_chose_is_not_missing_for_the_whole_site() -> None:
    assert len(missing_choices(load_policy(ROLES))) == 2
    LevelSettings.objects.create(
        level="course", moodle_id=2, include_patterns=".", roles={"5": "member"}
    )
    assert missing_choices(load_policy(ROLES)) == []
