"""The state of a course: what changes it, what never does, and that every reason is said."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.domain.errors import Busy, SourceError, StalePlan, TransientError
from integration.domain.outcomes import RunCause
from integration.domain.state import Scope
from integration.models import (
    Conflict,
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    SyncOperation,
    SyncRun,
)
from integration.services.ledger import runs
from integration.services.monitoring.course_states import (
    CourseFacts,
    CourseState,
    course_states,
    state_of,
)
from integration.services.monitoring.failures import broken_runs, outage
from integration.services.runs import approval, runner
from integration.services.runs.order import Order
from integration.services.sync.differences import Difference, DifferenceKind
from moodle.models import UserEnrolment
from tests.support.school import School
from tests.support.small_moodle import rows
from tests.support.states import states, status_of_course

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
IN_STEP = {10: CourseState.IN_STEP, 11: CourseState.IN_STEP}
KEPT = Difference(DifferenceKind.KEPT, 2, "because")
FAILED = Difference(DifferenceKind.FAILED, 3)


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, CourseState.IN_STEP),
        ({"differences": (KEPT,)}, CourseState.DIFFERS),
        ({"conflicts": 1}, CourseState.DIFFERS),
        ({"rejected": 1}, CourseState.DIFFERS),
        ({"choices": ("no role is chosen",)}, CourseState.DIFFERS),
        ({"ever_synced": False}, CourseState.NEVER),
        ({"automatic": False}, CourseState.PAUSED),
        ({"automatic": False, "differences": (KEPT,)}, CourseState.PAUSED),
        ({"failures": 1, "automatic": False}, CourseState.FAILING),
        ({"differences": (FAILED,)}, CourseState.IN_STEP),
        ({"differences": (FAILED,), "doubted": True}, CourseState.FAILING),
        ({"last_status": "error"}, CourseState.FAILING),
        ({"last_status": "stopped", "last_cause": "chat_away"}, CourseState.UNREACHABLE),
        ({"last_status": "error", "last_cause": "moodle"}, CourseState.UNREACHABLE),
        ({"last_status": "refused"}, CourseState.IN_STEP),
        ({"last_status": "failed"}, CourseState.IN_STEP),
        ({"waits_in": 7, "failures": 1, "last_status": "error"}, CourseState.WAITS),
    ],
)
def test_the_worst_that_is_known_is_the_state(facts: dict[str, Any], state: CourseState) -> None:
    found = state_of(CourseFacts(**facts))
    assert found.state is state
    assert bool(found.reasons) is (state not in (CourseState.IN_STEP, CourseState.NEVER)) or (
        state is CourseState.PAUSED and not facts.get("differences")
    )


def test_a_course_that_moodle_does_not_have_is_never_in_step(school: School) -> None:
    IntegratedCourse.objects.create(course_id=999999)
    run = school.run()
    assert run.status == SyncRun.Status.DONE
    found = status_of_course(999999)
    assert found.state is CourseState.DIFFERS
    assert found.reasons == ("Moodle has no course with the id 999999",)
    assert IntegratedCourse.objects.get(course_id=999999).last_success is None
    assert states()[10] is CourseState.IN_STEP


def test_a_course_is_in_step_after_a_sync_that_leaves_nothing_different(school: School) -> None:
    assert states() == IN_STEP
    school.run()
    assert states() == IN_STEP


def ended_by(error: Exception, courses: Collection[int] | None = None) -> SyncRun:
    scope = Scope(None if courses is None else frozenset(courses))
    order = Order(SyncRun.Kind.APPLY, SyncRun.Trigger.ADMIN, scope)
    run = runner.begin(order)
    runs.fail(run, error, scope)  # type: ignore[arg-type]
    return run


@pytest.mark.parametrize("error", [StalePlan("changed"), Busy("busy")])
def test_a_refused_run_changes_no_state(school: School, error: Exception) -> None:
    run = ended_by(error)
    assert run.status == SyncRun.Status.ERROR
    assert states() == IN_STEP
    assert broken_runs() == []


def test_a_cancelled_run_changes_no_state(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    school.moodle.leave(101, [1000])
    begin = runner.begin

    def cancelled(order: Order) -> SyncRun:
        run = begin(order)
        SyncRun.objects.filter(pk=run.pk).update(cancel_requested=True)
        return run

    monkeypatch.setattr(runner, "begin", cancelled)
    run = school.run()
    assert (run.status, run.cause) == (SyncRun.Status.STOPPED, RunCause.CANCELLED)
    assert states() == IN_STEP


def too_many_leave(school: School) -> SyncRun:
    school.moodle.leave(101, range(1000, 1005))
    school.moodle.leave(102, range(1005, 1009))
    return school.run()


def test_only_the_courses_concerned_wait_for_approval(school: School) -> None:
    run = too_many_leave(school)
    assert run.status == SyncRun.Status.QUARANTINED
    assert states() == {10: CourseState.WAITS, 11: CourseState.IN_STEP}
    found = status_of_course(10)
    assert found.run == run.pk
    assert found.reasons[0] == f"9 changes of run {run.pk} wait for approval"


def test_where_moodle_itself_is_doubted_every_course_of_the_run_waits(school: School) -> None:
    rows(UserEnrolment).filter(pk__gt=rows(UserEnrolment).earliest("pk").pk + 8).delete()
    run = school.run()
    assert any(breach["holds"] == "everything" for breach in run.breaches), run.message
    assert set(states().values()) == {CourseState.WAITS}


def decider() -> User:
    return User.objects.create_superuser("decider")


def test_a_rejected_run_is_no_failure_and_what_was_rejected_is_said(school: School) -> None:
    run = too_many_leave(school)
    approval.reject(run, decider(), "they come back tomorrow")
    found = status_of_course(10)
    assert found.state is CourseState.DIFFERS
    assert found.reasons == ("9 changes were rejected",)
    assert states()[11] is CourseState.IN_STEP


def test_an_approved_run_brings_the_course_in_step(school: School) -> None:
    run = too_many_leave(school)
    school.carry_out(approval.approve(run, decider(), "they left"))
    assert states() == IN_STEP


def test_channels_of_excluded_groups_are_kept_and_that_is_said(school: School) -> None:
    GroupRegexFilter.objects.create(pattern="^Group 10", kind="exclude")
    run = school.run()
    found = status_of_course(10)
    assert found.state is CourseState.DIFFERS
    assert found.reasons == ("2 channels: matches the exclude pattern ^Group 10: kept",)
    assert run.differences == [["kept", 2, "matches the exclude pattern ^Group 10: kept"]]
    assert states()[11] is CourseState.IN_STEP


def test_without_a_role_no_course_is_in_step(school: School) -> None:
    IncludedRole.objects.update(enabled=False)
    assert set(states().values()) == {CourseState.DIFFERS}
    assert "no role is chosen" in status_of_course(10).reasons[0]


def test_what_a_preview_found_is_a_difference_until_it_is_done(school: School) -> None:
    school.moodle.leave(101, [1000])
    plan = school.run(kind=SyncRun.Kind.PREVIEW)
    found = status_of_course(10)
    assert found.state is CourseState.DIFFERS
    assert found.reasons == (f"1 change was found, but not made (run {plan.pk})",)
    assert states()[11] is CourseState.IN_STEP
    school.run()
    assert states() == IN_STEP


def test_a_failure_is_of_its_own_course_until_it_is_repaired(school: School) -> None:
    school.moodle.leave(101, [1000])
    school.chat.configure(permissions={"remove-user": []})
    school.chat.fault("refuse", endpoint="groups.kick", times=10)
    assert school.run().status == SyncRun.Status.FAILED
    found = status_of_course(10)
    assert (found.state, found.reasons) == (CourseState.FAILING, ("1 change failed",))
    assert states()[11] is CourseState.IN_STEP
    school.chat.clear_faults()
    school.chat.configure(permissions={"remove-user": ["admin", "owner"]})
    school.run()
    assert states() == IN_STEP


def test_people_whose_account_fails_keep_their_course_from_being_in_step(school: School) -> None:
    newcomer = school.moodle.people(1500, 1)
    school.moodle.enrol(10, newcomer)
    school.moodle.join(101, newcomer)
    school.chat.fault("refuse", endpoint="users.create", times=10)
    school.run()
    assert states() == {10: CourseState.FAILING, 11: CourseState.IN_STEP}


def test_a_conflict_is_felt_in_its_courses_whoever_ignores_it(school: School) -> None:
    school.moodle.enrol(10, school.moodle.people(1500, 1))
    school.moodle.join(101, [1500])
    with school.chat.application.world.lock:
        school.chat.application.world.add_user("person1500", name="x", email="x@else.invalid")
    school.run()
    conflict = Conflict.objects.get()
    assert conflict.courses == [10]
    assert states() == {10: CourseState.DIFFERS, 11: CourseState.IN_STEP}
    Conflict.objects.update(status=Conflict.Status.IGNORED)
    assert status_of_course(10).reasons == ("1 conflict is not decided",)


def test_a_server_that_is_down_is_said_with_its_time_and_is_no_failure_of_a_course(
    school: School,
) -> None:
    first = ended_by(TransientError("GET users.list: no connection to http://chat."))
    SyncRun.objects.filter(pk=first.pk).update(finished_at=timezone.now() - timedelta(hours=2))
    last = ended_by(TransientError("GET users.list: no connection to http://chat."))
    assert set(states().values()) == {CourseState.UNREACHABLE}
    found = outage()
    assert found is not None
    assert (found.cause, found.last) == (RunCause.CHAT_AWAY, last)
    assert timezone.now() - found.since > timedelta(hours=1)
    (broken,) = broken_runs()
    assert (broken.number, broken.last, broken.since) == (2, last, found.since)
    school.run()
    assert states() == IN_STEP
    assert outage() is None
    assert broken_runs() == []


def test_a_broken_run_is_made_good_by_one_that_looks_at_all_of_it(school: School) -> None:
    ended_by(SourceError("no Moodle"))
    school.run(scope=Scope(frozenset({10})))
    assert states() == {10: CourseState.IN_STEP, 11: CourseState.UNREACHABLE}
    assert len(broken_runs()) == 1
    school.run()
    assert broken_runs() == []


def test_an_undone_run_leaves_its_courses_different(school: School) -> None:
    first = SyncRun.objects.latest("pk")
    order = Order(
        SyncRun.Kind.UNDO, SyncRun.Trigger.ADMIN, undoes=first.pk, reason="a try", force=True
    )
    run = school.carry_out(order)
    assert run.status == SyncRun.Status.DONE, run.message
    assert set(states().values()) == {CourseState.DIFFERS}
    assert f"run {run.pk} undid" in status_of_course(10).reasons[0]


def test_a_pause_is_a_state_and_hides_no_reason(school: School) -> None:
    IntegratedCourse.objects.filter(course_id=10).update(background_sync=False)
    assert states() == {10: CourseState.PAUSED, 11: CourseState.IN_STEP}
    GroupRegexFilter.objects.create(pattern="^Group 10", kind="exclude")
    school.run()
    found = status_of_course(10)
    assert found.state is CourseState.PAUSED
    assert found.reasons


def test_the_states_take_as_many_queries_for_many_courses_as_for_few(school: School) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            course_states()
        return len(captured)

    too_many_leave(school)
    few = queries()
    run = SyncRun.objects.latest("pk")
    for number in range(100, 160):
        IntegratedCourse.objects.create(course_id=number, last_run=run)
        SyncOperation.objects.create(
            run=run,
            position=number,
            kind="archive",
            moodle_course_id=number,
            moodle_group_id=number,
            status=SyncOperation.Status.HELD,
            description="x",
            reason="y",
        )
    assert queries() == few <= 14
