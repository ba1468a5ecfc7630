"""Channels of a course are read-only before its start date and after its end date, by the settings.

`NOW` is the moment at which Moodle was read.
"""

from dataclasses import replace
from typing import Any

import pytest

from integration.domain.levels import Level, LevelKind, OwnSettings
from integration.domain.operations import (
    AdoptChannel,
    CreateChannel,
    RemoveMember,
    SetReadOnly,
    UnsetReadOnly,
)
from integration.domain.policy import Limits, Policy
from integration.domain.state import EVERYTHING, Ending, MoodleState, Scope
from integration.services.sync.desired import desire
from integration.services.sync.guard import breaches
from integration.services.sync.vanished import weigh_evidence
from tests.support.builders import (
    NOW,
    OURS,
    Case,
    account,
    channel_link,
    course,
    group,
    kinds,
    link,
    managed,
    moodle,
    operations,
    policy,
    remote,
    room,
)
from tests.support.fake_ledger import Line
from tests.support.fake_remote import FakeRemote

ANNA, BEN = 7, 8
HOUR, DAY = 3600, 24 * 3600
OUTSIDE = {"on_course_not_begun": Ending.READ_ONLY, "on_course_ended": Ending.READ_ONLY}


def rules(**values: Any) -> Policy:
    return policy(**(OUTSIDE | values))


def state(startdate: int = 0, enddate: int = 0, **values: Any) -> MoodleState:
    """Anna and Ben are in group A of the course with these dates."""
    dates = course(startdate=startdate, enddate=enddate)
    return replace(moodle(group(10, "A", [ANNA, BEN]), courses=[dates]), **values)


def linked(
    moodle: MoodleState, *, ended: Ending | None = None, policy: Policy | None = None, **values: Any
) -> Case:
    """Group A has the room r10, with both inside."""
    there = room("r10", "A", ["a7", "a8"], **values)
    known = channel_link(10, name="A", users_count=3, ended=ended)
    return Case(
        moodle,
        remote(account("a7"), account("a8"), there),
        managed(link(ANNA), link(BEN), known, members={10: {ANNA: OURS, BEN: OURS}}),
        policy or rules(),
    )


@pytest.mark.parametrize(
    ("startdate", "enddate", "read_only"),
    [
        (NOW + 1, 0, True),
        (NOW, 0, False),  # the course begins in this very second
        (NOW - 1, 0, False),
        (NOW - DAY, NOW + DAY, False),
        (NOW - DAY, NOW, False),  # it ends in this very second
        (NOW - DAY, NOW - 1, True),
        (NOW + DAY, NOW + 2 * DAY, True),
        (0, NOW + DAY, False),  # since when it runs is not known
        (0, NOW - 1, True),
        (0, 0, False),
        (NOW + DAY, 0, True),
        (NOW + DAY, NOW - DAY, True),  # nonsense, and outside of both
    ],
)
def test_a_channel_is_read_only_outside_the_dates_of_its_course(
    startdate: int, enddate: int, read_only: bool
) -> None:
    plan = linked(state(startdate, enddate)).plan()
    assert kinds(plan) == (["set_read_only"] if read_only else [])
    back = linked(state(startdate, enddate), ended=Ending.READ_ONLY, read_only=True).plan()
    assert kinds(back) == ([] if read_only else ["unset_read_only"])


def test_without_the_setting_no_date_matters() -> None:
    assert linked(state(NOW + DAY, NOW - DAY), policy=policy()).plan().operations == ()


@pytest.mark.parametrize("setting", OUTSIDE)
def test_each_side_is_a_setting_of_its_own(setting: str) -> None:
    only = policy(**{setting: Ending.READ_ONLY})
    before = linked(state(NOW + DAY), policy=only).plan()
    after = linked(state(0, NOW - DAY), policy=only).plan()
    assert [kinds(before), kinds(after)].count(["set_read_only"]) == 1
    assert kinds(before) == (["set_read_only"] if setting == "on_course_not_begun" else [])


@pytest.mark.parametrize(
    ("zone", "day"),
    [("UTC", "2026-01-31"), ("Europe/Berlin", "2026-02-01"), ("Pacific/Honolulu", "2026-01-31")],
)
def test_the_day_on_which_the_course_begins_is_said_in_the_time_zone(zone: str, day: str) -> None:
    late = 1769900400  # 2026-01-31 23:00 in Greenwich
    before = state(late, read_at=late - DAY, time_zone=zone)
    (closed,) = operations(linked(before).plan(), SetReadOnly)
    assert closed.reason == f"the course begins on {day}"


def test_a_course_that_has_not_begun_gets_its_channels_read_only_with_everybody_inside() -> None:
    (made,) = operations(Case(state(NOW + DAY), policy=rules()).plan(), CreateChannel)
    assert made.read_only
    assert [one.user_id for one in made.joiners] == [ANNA, BEN]
    (made,) = operations(Case(state(NOW), policy=rules()).plan(), CreateChannel)
    assert not made.read_only


def test_people_join_and_leave_before_the_course_begins() -> None:
    case = linked(state(NOW + DAY), ended=Ending.READ_ONLY, read_only=True)
    left = replace(case.moodle, group_members={10: (ANNA,)})
    plan = replace(case, moodle=left).plan()
    assert [one.user_id for one in operations(plan, RemoveMember)] == [BEN]


def test_a_channel_that_somebody_made_read_only_stays_so_when_the_course_begins() -> None:
    assert linked(state(NOW + DAY), read_only=True).plan().operations == ()
    assert linked(state(NOW - DAY), read_only=True).plan().operations == ()


def test_what_ended_for_another_reason_is_read_only_when_it_returns_before_the_begin() -> None:
    plan = linked(state(NOW + DAY), ended=Ending.ARCHIVE, archived=True).plan()
    assert kinds(plan) == ["unarchive", "set_read_only"]


def test_a_hidden_course_ends_as_the_settings_say_whatever_its_dates() -> None:
    hidden = replace(state(NOW + DAY), courses={2: course(visible=False, startdate=NOW + DAY)})
    plan = linked(hidden, policy=rules(on_course_hidden=Ending.ARCHIVE)).plan()
    assert kinds(plan) == ["archive"]


def test_a_room_whose_making_was_interrupted_is_opened_when_the_course_begins() -> None:
    """Made read-only for a course to come, and never stored: the mark says that it is ours."""
    found = remote(account("a7"), account("a8"), room("r1", "A", read_only=True, moodle_group=10))
    case = Case(state(NOW + DAY), found, managed(link(ANNA), link(BEN)), rules())
    (adopted,) = operations(case.plan(), AdoptChannel)
    assert adopted.read_only
    assert operations(case.plan(), UnsetReadOnly) == []
    begun = replace(case, moodle=state(NOW - DAY))
    assert len(operations(begun.plan(), UnsetReadOnly)) == 1


def test_a_look_at_one_group_leaves_the_channel_to_the_course_only_when_it_opens() -> None:
    only = Scope(frozenset({2}), frozenset(), frozenset({10}))
    case = linked(state(NOW + DAY), ended=Ending.READ_ONLY, read_only=True)
    assert replace(case, scope=only).plan().skips == ()
    (skip,) = replace(case, scope=only, moodle=state(NOW - DAY)).plan().skips
    assert skip.needs_course


def test_a_category_and_a_course_can_say_it_for_themselves() -> None:
    own = OwnSettings(Level(LevelKind.COURSE, 2), {"on_course_not_begun": Ending.READ_ONLY})
    assert kinds(linked(state(NOW + DAY), policy=policy(own=(own,))).plan()) == ["set_read_only"]
    own = OwnSettings(Level(LevelKind.COURSE, 2), {"on_course_not_begun": None})
    assert kinds(linked(state(NOW + DAY), policy=rules(own=(own,))).plan()) == []


@pytest.mark.parametrize(("startdate", "enddate"), [(NOW + DAY, 0), (0, NOW - DAY)])
def test_a_course_whose_date_comes_needs_nobodys_approval(startdate: int, enddate: int) -> None:
    """All its channels close on one day, as Moodle had said. The limit of the site stays."""
    groups = [group(number, f"G{number}", [ANNA]) for number in range(10, 18)]
    others = [group(number, f"G{number}", [ANNA], course_id=3) for number in range(20, 60)]
    dates = course(startdate=startdate, enddate=enddate)
    links = [channel_link(one.group.group_id, name=one.group.name) for one in groups]
    links += [channel_link(one.group.group_id, name=one.group.name, course_id=3) for one in others]
    case = Case(
        moodle(*groups, *others, courses=[dates]),
        remote(account("a7"), *(room(one.room_id, one.name) for one in links)),
        managed(link(ANNA), *links),
        rules(),
    )
    plan, limits = case.plan(), Limits()
    assert len(operations(plan, SetReadOnly)) == len(groups)
    wanted = desire(case.moodle, case.policy, case.rules, case.managed, EVERYTHING)
    evidence = weigh_evidence(plan, [], None, wanted, case.managed, EVERYTHING, limits)
    assert breaches(plan, case.managed, EVERYTHING, limits, explained=evidence.explained) == []
    assert breaches(plan, case.managed, EVERYTHING, limits) != []


def test_a_course_opens_and_closes_as_its_days_pass() -> None:
    begin, end = NOW + 10 * DAY, NOW + 20 * DAY
    line = Line(state(begin, end), rules(), FakeRemote())
    seen = []
    for days in (0, 9, 10, 15, 20, 21):
        line.moodle = state(begin, end, read_at=NOW + days * DAY)
        line.sync()
        assert line.plan().operations == ()
        seen.append((days, line.room(10).read_only, line.members(10)))
    both = {ANNA, BEN}
    assert seen == [
        (0, True, both),
        (9, True, both),
        (10, False, both),
        (15, False, both),
        (20, False, both),
        (21, True, both),
    ]
