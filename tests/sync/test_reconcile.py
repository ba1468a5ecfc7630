"""The line: read, desire, read, plan, guard, apply; and what of it a failure leaves undone."""

from typing import Any

import pytest

from integration.domain.errors import (
    ConfigurationError,
    RocketChatError,
    SourceError,
    StalePlan,
    SyncError,
)
from integration.domain.operations import AddMembers, RemoveMember
from integration.domain.outcomes import RunStatus
from integration.domain.state import MoodleState, RoomRole, Scope
from tests.support.builders import enrolment, group, moodle, operations, person, policy
from tests.support.fake_ledger import Line

MANY = range(1, 11)


def line(*groups: Any, **values: Any) -> Line:
    return Line(moodle(*groups), policy(**values))


def synced(*groups: Any, **values: Any) -> Line:
    made = line(*groups, **values)
    assert made.sync().status is RunStatus.DONE
    made.chat.calls.clear()
    return made


def half(state: MoodleState) -> MoodleState:
    """Everybody has left."""
    return moodle(
        group(10, "A"),
        people=state.people.values(),
        enrolments=[enrolment(2, user_id) for user_id in state.people],
    )


def test_a_run_brings_rocketchat_in_step() -> None:
    site = line(group(10, "A", [1, 2]), group(11, "B", [2, 3]))
    report = site.sync()
    assert report.status is RunStatus.DONE
    assert (site.members(10), site.members(11)) == ({1, 2}, {2, 3})
    assert report.applied == {"create_account": 3, "create_channel": 2}


def test_a_second_run_plans_nothing_and_sends_nothing() -> None:
    site = synced(group(10, "A", [1, 2]))
    report = site.sync()
    assert report.plan.operations == ()
    assert report.outcomes == ()
    assert site.chat.calls == []


def test_a_preview_writes_nothing_anywhere() -> None:
    site = line(group(10, "A", [1]))
    report = site.sync(dry_run=True)
    assert report.status is RunStatus.PLANNED
    assert report.plan.operations
    assert site.chat.calls == []
    assert site.ledger.rows == []


def test_a_run_does_exactly_what_its_preview_showed() -> None:
    site = line(group(10, "A", [1]))
    seen = site.plan()
    report = site.sync(expect_digest=seen.digest)
    assert report.plan.operations == seen.operations


def test_a_plan_that_changed_since_it_was_shown_is_not_carried_out() -> None:
    site = line(group(10, "A", [1]))
    seen = site.plan()
    site.moodle = moodle(group(10, "A", [1, 2]))
    with pytest.raises(StalePlan, match="has changed"):
        site.sync(expect_digest=seen.digest)
    assert site.chat.calls == []


def test_the_plan_is_stored_before_anything_is_written() -> None:
    site = line(group(10, "A", [1]))
    stored: list[int] = []
    site.chat.before = lambda _call: stored.append(len(site.ledger.rows))
    site.sync()
    assert stored
    assert all(number == 2 for number in stored)


def test_a_failed_operation_makes_the_run_failed() -> None:
    site = line(group(10, "A", [1]))
    site.chat.account_by_hand("user-1", "x@y.z")
    site.chat.before = _refuse
    report = site.sync()
    assert report.status is RunStatus.FAILED
    assert [one.error for one in report.failed] == ["no"]


def _refuse(call: str) -> None:
    if call == "create_channel":
        raise RocketChatError("no")


def test_a_cancelled_run_is_stopped() -> None:
    site = line(group(10, "A", [1]))
    report = site.sync(should_stop=lambda: "Cancelled.")
    assert (report.status, report.stopped_because) == (RunStatus.STOPPED, "Cancelled.")


# ── Nothing is done on half the truth ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "fail",
    [
        lambda site: setattr(site, "source_fails", SourceError("the connection was lost")),
        lambda site: setattr(site.chat, "reading_fails", RocketChatError("page 2 failed")),
        lambda site: setattr(site, "policy", policy(roles={99: RoomRole.MEMBER})),
    ],
    ids=["moodle", "rocketchat", "configuration"],
)
def test_a_failed_reading_writes_nothing(fail: Any) -> None:
    site = synced(group(10, "A", MANY))
    site.moodle = half(site.moodle)
    fail(site)
    rows = len(site.ledger.rows)
    with pytest.raises((SourceError, RocketChatError, ConfigurationError)):
        site.sync()
    assert site.chat.calls == []
    assert len(site.ledger.rows) == rows


def test_every_reason_to_stop_is_a_sync_error() -> None:
    assert issubclass(SourceError, SyncError)
    assert issubclass(StalePlan, SyncError)


def test_a_plan_over_a_limit_writes_nothing() -> None:
    site = synced(group(10, "A", MANY))
    site.moodle = half(site.moodle)
    report = site.sync(force=False)
    assert report.breaches
    assert report.outcomes == ()
    assert site.chat.calls == []
    assert site.members(10) == set(MANY)


def test_a_plan_over_a_limit_is_carried_out_by_force() -> None:
    site = synced(group(10, "A", MANY))
    site.moodle = half(site.moodle)
    report = site.sync(force=True)
    assert report.status is RunStatus.DONE
    assert report.breaches
    assert site.members(10) == set()


def test_a_preview_says_which_limits_it_passes() -> None:
    site = synced(group(10, "A", MANY))
    site.moodle = half(site.moodle)
    assert site.sync(dry_run=True, force=False).breaches


# ── What is read ──────────────────────────────────────────────────────────────────────────────────


def test_a_change_by_hand_that_the_count_shows_is_seen() -> None:
    site = synced(group(10, "A", [1, 2]))
    site.chat.leave_by_hand(site.room(10).room_id, site.account(1))
    assert [one.joiners[0].user_id for one in operations(site.plan(), AddMembers)] == [1]


def test_a_change_by_hand_that_the_count_hides_is_seen_by_an_audit() -> None:
    site = synced(group(10, "A", [1, 2]))
    stranger = site.chat.account_by_hand("stranger", "s@x.y")
    site.chat.leave_by_hand(site.room(10).room_id, site.account(1))
    site.chat.join_by_hand(site.room(10).room_id, stranger.account_id)
    assert site.plan().operations == ()
    assert len(operations(site.plan(full_check=True), AddMembers)) == 1


def test_who_left_every_course_is_still_known() -> None:
    site = synced(group(10, "A", [1, 2]))
    site.moodle = moodle(group(10, "A", [2]), people=[person(1)])
    site.sync()
    assert site.members(10) == {2}
    assert not site.chat.accounts[site.account(1)].active


# ── Scopes ────────────────────────────────────────────────────────────────────────────────────────

COURSE_2 = Scope(courses=frozenset({2}))


def test_a_run_for_one_course_leaves_the_others_alone() -> None:
    site = synced(group(10, "A", [1]), group(11, "B", [1], course_id=3))
    site.moodle = moodle(group(10, "A", [1, 2]), group(11, "B", [1, 3], course_id=3))
    site.sync(COURSE_2)
    assert (site.members(10), site.members(11)) == ({1, 2}, {1})


def test_a_run_for_one_course_keeps_who_is_active_in_another() -> None:
    site = synced(group(10, "A", [1]), group(11, "B", [1], course_id=3))
    site.moodle = moodle(group(10, "A"), group(11, "B", [1], course_id=3))
    report = site.sync(COURSE_2)
    assert [one.user_id for one in operations(report.plan, RemoveMember)] == [1]
    assert site.chat.accounts[site.account(1)].active


def test_a_run_for_one_course_deactivates_who_is_active_nowhere_any_more() -> None:
    site = synced(group(10, "A", [1]))
    site.moodle = moodle(group(10, "A"), people=[person(1)])
    site.sync(COURSE_2)
    assert not site.chat.accounts[site.account(1)].active


def test_a_run_for_one_person_leaves_the_others_alone() -> None:
    site = synced(group(10, "A", [1, 2]))
    site.moodle = moodle(
        group(10, "A", [3]), people=[person(1), person(2)], enrolments=[enrolment(2, 3)]
    )
    site.sync(Scope(users=frozenset({1, 3})))
    assert site.members(10) == {2, 3}
