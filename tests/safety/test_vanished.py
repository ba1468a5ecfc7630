"""Damage that stays below the limits: rows of Moodle vanish and nobody took them out."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from demo.standin import StandIn
from integration.models import IntegrationSettings, SyncRun
from integration.services.ledger import past_runs
from integration.services.runs import runner
from integration.services.runs.approval import approve
from moodle.models import GroupMember, LogEntry, RoleAssignment, UserEnrolment
from tests.support.site import Site, chat_content
from tests.support.small_moodle import STUDENT, SmallMoodle, rows

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])

COURSES, EACH = (10, 11, 12, 13, 14), 8
LONG_AGO, NOW = 1_600_000_000, 4_000_000_000  # the log is asked from 60 days back
EVENTS = {
    GroupMember: "group_member_removed",
    UserEnrolment: "user_enrolment_deleted",
    RoleAssignment: "role_unassigned",
}


@pytest.fixture
def site(settings: Any) -> Iterator[Site]:
    """Five courses with a group of eight each, in step; Moodle keeps a log."""
    with StandIn(like="8.8") as chat:
        site, moodle = Site(chat, settings), SmallMoodle()
        for course in COURSES:
            people = moodle.people(course * 100, EACH)
            moodle.course(course)
            moodle.enrol(course, people)
            moodle.group(course * 10, course, f"Group {course}", people)
        site.choose(COURSES, [STUDENT])
        IntegrationSettings.load()
        site.apply()
        logged("course_viewed", 10, 1000)
        yield site


def logged(event: str, course: int, user: int) -> None:
    rows(LogEntry).create(
        eventname=f"\\core\\event\\{event}",
        edulevel=0,
        contextid=1,
        contextlevel=50,
        contextinstanceid=course,
        userid=2,
        courseid=course,
        relateduserid=user,
        timecreated=NOW,
    )


def every_fourth(number: int) -> bool:
    return number % 4 == 0


def lose(table: Any, *, explained: bool, choose: Callable[[int], bool] = every_fourth) -> int:
    """Every fourth row goes; with `explained` Moodle's log tells of each."""
    ids = [pk for n, pk in enumerate(rows(table).order_by("id").values_list("id", flat=True))]
    lost = [pk for n, pk in enumerate(ids) if choose(n)]
    for row in rows(table).filter(id__in=lost) if explained else ():
        logged(EVENTS[table], row.userid // 100, row.userid)
    rows(table).filter(id__in=lost).delete()
    return len(lost)


def codes(run: SyncRun) -> list[str]:
    return [breach["code"] for breach in run.breaches]


@pytest.mark.parametrize("table", EVENTS)
def test_a_quarter_that_vanishes_without_a_word_waits_for_a_person(site: Site, table: Any) -> None:
    before = chat_content(site.chat)
    assert lose(table, explained=False) == 10  # 25 %: below the limit of 30 %
    run = site.run().run
    assert run.status == SyncRun.Status.QUARANTINED
    assert codes(run) == ["source/unexplained"]
    assert chat_content(site.chat) == before


@pytest.mark.parametrize("table", EVENTS)
def test_a_quarter_whose_leaving_the_log_tells_is_taken_out(site: Site, table: Any) -> None:
    lose(table, explained=True)
    run = site.run().run
    assert (run.status, run.breaches) == (SyncRun.Status.DONE, [])
    assert run.applied["remove_member"] == 10


def test_every_enrolment_of_a_fifth_of_the_courses_may_end_on_one_day(site: Site) -> None:
    """The rows are still there: the log says nothing of time that passes."""
    rows(UserEnrolment).filter(enrolid=10).update(timeend=LONG_AGO)
    run = site.run().run
    assert run.applied["remove_member"] == EACH


def test_everybody_of_a_course_may_be_unenrolled_when_the_log_tells_it(site: Site) -> None:
    lose(UserEnrolment, explained=True, choose=lambda n: n < EACH)
    assert site.run().run.applied["remove_member"] == EACH


def test_a_few_that_vanish_are_believed(site: Site) -> None:
    lose(GroupMember, explained=False, choose=lambda n: n < 4)
    assert site.run().run.status == SyncRun.Status.DONE


def test_without_a_log_what_vanishes_from_many_courses_at_once_waits(site: Site) -> None:
    rows(LogEntry).all().delete()
    lose(GroupMember, explained=False)
    assert codes(site.run().run) == ["source/unexplained"]


def test_without_a_log_a_cohort_of_one_course_may_go(site: Site) -> None:
    rows(LogEntry).all().delete()
    lose(GroupMember, explained=False, choose=lambda n: n < EACH - 3)
    assert site.run().run.status == SyncRun.Status.DONE


def test_what_a_person_approved_is_taken_out(site: Site, admin_user: Any) -> None:
    lose(GroupMember, explained=False)
    held = site.run().run
    finished = runner.execute(approve(held, admin_user, "they really left"))
    assert past_runs.approval_of(held.pk).operations
    assert finished.run.applied["remove_member"] == 10
