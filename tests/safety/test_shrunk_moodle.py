"""A Moodle that is half there removes nobody."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.db.models import Model

from integration.management.operator import Operator
from integration.models import GroupRegexFilter, IncludedRole, SyncRun
from integration.services.runs import approval
from moodle.models import (
    Config,
    Context,
    Course,
    Enrol,
    Group,
    GroupMember,
    MoodleTable,
    RoleAssignment,
    User,
    UserEnrolment,
)
from tests.support.school import School
from tests.support.small_moodle import STUDENT, rows

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
Status = SyncRun.Status
READ = (User, Course, Context, Group, GroupMember, Enrol, UserEnrolment, RoleAssignment, Config)


def vanish(table: type[MoodleTable], keep: Callable[[int], bool] = lambda _: False) -> None:
    """Rows go, as in a restore that stopped, or a script that went wrong."""
    ids = rows(table).order_by("id").values_list("id", flat=True)
    rows(table).filter(id__in=[pk for n, pk in enumerate(list(ids)) if not keep(n)]).delete()


@pytest.mark.parametrize("table", READ, ids=lambda table: table.__name__)
def test_an_empty_table_removes_nobody(school: School, table: type[MoodleTable]) -> None:
    before = school.chat.state()
    vanish(table)
    run = school.run()
    assert run.status in (Status.ERROR, Status.QUARANTINED), (run.status, run.message)
    assert run.message
    assert run.hint
    assert school.chat.state() == before


@pytest.mark.parametrize("table", READ[:-1], ids=lambda table: table.__name__)
def test_a_table_with_a_third_of_its_rows_removes_nobody(
    school: School, table: type[MoodleTable]
) -> None:
    members = [school.members(group) for group in (101, 102, 111, 112)]
    vanish(table, keep=lambda number: number % 3 == 0)
    run = school.run()
    assert run.status in (Status.ERROR, Status.QUARANTINED, Status.DONE), run.message
    assert [school.members(group) for group in (101, 102, 111, 112)] == members
    assert "remove_member" not in run.applied


def test_a_moodle_that_shrank_is_said_to_have_shrunk(school: School) -> None:
    vanish(UserEnrolment, keep=lambda number: number % 3 == 0)
    run = school.run()
    assert run.status == Status.QUARANTINED
    assert "enrolments that Moodle had at the last good run are missing" in run.message
    assert run.applied == {}


def test_a_school_that_really_shrank_is_approved_once(school: School) -> None:
    school.set(limit_percent=100)
    vanish(UserEnrolment, keep=lambda number: number % 3 == 0)
    run = school.run()
    assert run.status == Status.QUARANTINED
    order = approval.approve(run, Operator(), "the summer term is small")
    assert school.carry_out(order).status == Status.DONE
    assert school.run().status == Status.DONE


def test_another_database_under_the_same_address_changes_nothing(school: School) -> None:
    for course in (12, 13):
        school.moodle.course(course)
        school.moodle.enrol(course, school.moodle.people(course * 100, 5))
        school.moodle.group(course * 10, course, "Group", range(course * 100, course * 100 + 5))
    school.site.choose([10, 11, 12, 13], [STUDENT])
    assert school.run().status == Status.DONE
    before = school.chat.state()
    for number in (10, 11, 12):
        rows(Course).filter(id=number).update(shortname=f"Other{number}", fullname="Another school")
    run = school.run()
    assert run.status == Status.QUARANTINED
    assert "is it the right database?" in run.message
    assert school.chat.state() == before


@pytest.mark.parametrize("number", range(1, 14))
def test_a_connection_lost_in_any_query_removes_nobody(
    school: School, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The n-th query and all after it fail, as when the server goes away in the middle of a
    read.
    """
    before = school.chat.state()
    count = 0

    def lost(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal count
        count += sql.startswith("SELECT")
        if count >= number and sql.startswith("SELECT"):
            raise OperationalError(2013, "Lost connection to server during query")
        return execute(sql, params, many, context)

    with connections["moodle"].execute_wrapper(lost):
        run = school.run()
    assert count >= number, "fewer queries than that"
    assert run.status == Status.ERROR
    assert run.hint
    assert school.chat.state() == before


@pytest.mark.parametrize("nothing", [IncludedRole, GroupRegexFilter])
def test_settings_without_a_choice_empty_no_channel(school: School, nothing: type[Model]) -> None:
    """However small the course: four people are fewer than any limit."""
    school.set(limit_percent=100, on_pattern_unmatched="archive")
    school.moodle.leave(101, [1000])
    nothing._default_manager.all().delete()
    before = school.chat.state()["rooms"]
    run = school.run()
    assert (run.status, run.applied) == (Status.DONE, {})
    assert school.chat.state()["rooms"] == before
