"""A category is integrated with what comes later: its new courses join by themselves."""

import logging
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connections
from django.test.utils import CaptureQueriesContext

from integration.domain.errors import SourceError
from integration.models import AuditEntry, IntegratedCategory, IntegratedCourse
from integration.services.admin.links import stop_managing_courses
from integration.services.background import jobs
from integration.services.moodle.reader import MoodleReader
from moodle.models import CourseCategory
from tests.support.background import COURSES, play_worker
from tests.support.site import Site
from tests.support.small_moodle import CATEGORY, STUDENT, SmallMoodle, rows

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

NEW = 20
BELOW, ELSEWHERE = 2, 3


def integrate(category: int = CATEGORY, **values: Any) -> IntegratedCategory:
    return IntegratedCategory.objects.create(category_id=category, name="All", **values)


def courses() -> set[int]:
    return set(IntegratedCourse.objects.values_list("course_id", flat=True))


@pytest.fixture
def moodle(small_site: Site, small_moodle: SmallMoodle) -> SmallMoodle:
    """Category 2 lies in the first one, 3 beside it."""
    rows(CourseCategory).create(id=BELOW, name="Below", parent=CATEGORY, path="/1/2")
    rows(CourseCategory).create(id=ELSEWHERE, name="Elsewhere", path="/3")
    return small_moodle


def test_a_new_course_joins_at_the_next_pass_and_is_synced_in_it(
    small_site: Site, moodle: SmallMoodle
) -> None:
    integrate()
    moodle.course(NEW)
    people = moodle.people(2000, 3)
    moodle.enrol(NEW, people, STUDENT)
    moodle.group(200, NEW, "New group", people)
    jobs.full_pass()
    play_worker()
    assert small_site.channel_members()[200] == set(people)


def test_without_an_integrated_category_nothing_joins_and_moodle_is_not_asked(
    moodle: SmallMoodle,
) -> None:
    moodle.course(NEW)
    integrate(enabled=False)
    with CaptureQueriesContext(connections["moodle"]) as asked:
        assert jobs.join_new_courses() == 0
    assert len(asked) == 0
    assert courses() == set(COURSES)


def test_courses_of_categories_below_join_and_those_beside_do_not(moodle: SmallMoodle) -> None:
    integrate()
    for number, category in ((NEW, BELOW), (NEW + 1, ELSEWHERE)):
        moodle.course(number)
        moodle.change_course(number, category=category)
    assert jobs.join_new_courses() == 1
    assert courses() == {*COURSES, NEW}


def test_hidden_courses_and_templates_are_left_out_until_they_are_none(
    moodle: SmallMoodle,
) -> None:
    row = integrate(skip_matching="/^template/i", event_sync=True)
    moodle.course(NEW)
    moodle.change_course(NEW, visible=0)
    moodle.course(NEW + 1, "Template 2027")
    assert jobs.join_new_courses() == 0
    moodle.change_course(NEW, visible=1)
    assert jobs.join_new_courses() == 1
    assert IntegratedCourse.objects.get(course_id=NEW).event_sync
    row.skip_matching, row.skip_hidden = "", False
    row.save()
    assert jobs.join_new_courses() == 1
    assert courses() == {*COURSES, NEW, NEW + 1}


def test_a_hidden_course_joins_where_the_category_takes_hidden_ones(moodle: SmallMoodle) -> None:
    integrate(skip_hidden=False)
    moodle.course(NEW)
    moodle.change_course(NEW, visible=0)
    assert jobs.join_new_courses() == 1


def test_the_nearest_integrated_category_decides(moodle: SmallMoodle) -> None:
    integrate()
    integrate(BELOW, skip_matching=".")
    moodle.course(NEW)
    moodle.change_course(NEW, category=BELOW)
    assert jobs.join_new_courses() == 0


def test_a_course_that_a_person_took_out_does_not_join_again(moodle: SmallMoodle) -> None:
    integrate()
    stop_managing_courses([COURSES[0]], forget_channels=False)
    assert jobs.join_new_courses() == 0
    assert courses() == set(COURSES[1:])


def test_a_course_that_leaves_the_category_stays_integrated(moodle: SmallMoodle) -> None:
    integrate()
    moodle.change_course(COURSES[0], category=ELSEWHERE)
    assert jobs.join_new_courses() == 0
    assert courses() == set(COURSES)


def test_where_moodle_cannot_be_read_nothing_joins_and_the_log_says_why(
    moodle: SmallMoodle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: Any) -> None:
        raise SourceError("Moodle is away.")

    integrate()
    monkeypatch.setattr(MoodleReader, "courses_below", away)
    with caplog.at_level(logging.WARNING):
        assert jobs.join_new_courses() == 0
    assert "Moodle is away." in caplog.text


def test_each_course_that_joins_is_in_the_audit_trail(moodle: SmallMoodle) -> None:
    integrate()
    moodle.course(NEW)
    jobs.join_new_courses()
    assert (
        AuditEntry.objects.filter(action="create_integratedcourse").latest("pk").after["course_id"]
        == NEW
    )


def test_the_number_of_queries_does_not_grow_with_the_courses(moodle: SmallMoodle) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connections["moodle"]) as asked:
            jobs.join_new_courses()
        return len(asked)

    integrate()
    moodle.course(NEW)
    before = queries()
    for number in range(NEW + 1, NEW + 31):
        moodle.course(number)
    assert queries() == before < 10


def test_a_pattern_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(ValidationError):
        IntegratedCategory(category_id=1, skip_matching="(").full_clean()
