"""Topic, description and announcement of a channel: one rule for each of them, one request for all.

They follow Moodle through their templates; an empty template leaves the text alone, and a text that
somebody changed by hand stays until what Moodle makes of the template changes.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from integration.domain.levels import Level, LevelKind, OwnSettings
from integration.domain.operations import (
    AdoptChannel,
    ChannelRef,
    CreateChannel,
    SetTexts,
    Stored,
    Unconfirmed,
    restore,
)
from integration.domain.policy import Policy
from integration.domain.room_texts import NO_TEXTS, TEXTS, RoomTexts
from integration.domain.state import NameRules
from integration.services.sync.course_groups import course_group_id
from integration.services.sync.plan import Plan
from integration.services.sync.undo import PastOperation, undo_plan
from tests.support.builders import (
    Case,
    channel_link,
    course,
    group,
    managed,
    moodle,
    operations,
    policy,
    remote,
    room,
)
from tests.support.fake_ledger import Line
from tests.support.fake_remote import FakeRemote

ALL = {f"{name}_template": f"{name} of {{group}} in {{course}}" for name in TEXTS}
WANTED = RoomTexts(*(f"{name} of A in C2" for name in TEXTS))
GROUP_A = moodle(group(10, "A"))


def case(
    rules: Policy, there: RoomTexts = NO_TEXTS, known: RoomTexts = NO_TEXTS, **values: Any
) -> Case:
    """Group A has the room r10 with the texts `there`; `known` are those that rcsync set."""
    return Case(
        GROUP_A,
        remote(room("r10", "A", **there._asdict())),
        managed(channel_link(10, name="A", **known._asdict()), **values),
        rules,
    )


def set_texts(plan: Plan) -> Mapping[str, str]:
    """What the plan changes, in one operation at most."""
    found = operations(plan, SetTexts)
    assert len(found) < 2
    return found[0].new if found else {}


def only(name: str, text: str) -> RoomTexts:
    return NO_TEXTS._replace(**{name: text})


def of(name: str, template: str = "") -> Policy:
    return policy(**{f"{name}_template": template or ALL[f"{name}_template"]})


# ── The rule, for each text ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_follows_moodle(name: str) -> None:
    found = case(of(name), there=only(name, "Old"), known=only(name, "Old"))
    (change,) = operations(found.plan(), SetTexts)
    assert (change.new, change.old) == ({name: getattr(WANTED, name)}, {name: "Old"})
    assert change.describe() == f"set {name} of A: {getattr(WANTED, name)}"


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_was_changed_by_hand_stays_until_moodles_changes(name: str) -> None:
    known = only(name, getattr(WANTED, name))
    found = case(of(name), there=only(name, "By hand"), known=known)
    assert found.plan().operations == ()
    renamed = replace(found, moodle=moodle(group(10, "B")))
    assert set_texts(renamed.plan()) == {name: f"{name} of B in C2"}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("text", ["", "By hand"])
def test_an_empty_template_leaves_the_text_alone(name: str, text: str) -> None:
    assert case(policy(), there=only(name, text)).plan().operations == ()
    known = only(name, "Ours")
    assert case(policy(), there=only(name, text), known=known).plan().operations == ()


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_is_there_is_not_set(name: str) -> None:
    assert case(of(name), there=only(name, getattr(WANTED, name))).plan().operations == ()


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_a_server_does_not_keep_is_sent_twice_and_then_said(name: str) -> None:
    text = getattr(WANTED, name)
    asked = SetTexts(ChannelRef(10, 2, "A", "r10", True), reason="why", **{name: text})
    once, twice = (
        case(
            of(name),
            known=only(name, text),
            unconfirmed=tuple(Unconfirmed(number, asked) for number in range(tries)),
        ).plan()
        for tries in (1, 2)
    )
    assert (set_texts(once), once.conflicts) == ({name: text}, ())
    assert set_texts(twice) == {}
    assert [text in one.rocketchat_side for one in twice.conflicts] == [True]


# ── Together ──────────────────────────────────────────────────────────────────────────────────────


def test_all_that_changes_is_one_operation() -> None:
    (change,) = operations(case(policy(**ALL)).plan(), SetTexts)
    assert change.new == WANTED._asdict()
    assert change.requests == 1
    assert change.describe() == (
        "set texts of A: topic: topic of A in C2; description: description of A in C2; "
        "announcement: announcement of A in C2"
    )


def test_each_text_is_judged_by_itself() -> None:
    by_hand = WANTED._replace(description="By hand", topic="Old")
    known = WANTED._replace(topic="Old")
    assert set_texts(case(policy(**ALL), by_hand, known).plan()) == {"topic": WANTED.topic}


@pytest.mark.parametrize("name", TEXTS)
def test_what_a_run_that_died_was_setting_says_nothing_about_the_other_texts(name: str) -> None:
    """The room tells whether it was set; what somebody changed in the others stays."""
    by_hand = RoomTexts("x", "y", "z")
    unfinished = frozenset({(10, name)})
    found = case(policy(**ALL), by_hand, WANTED, unfinished_texts=unfinished)
    assert set_texts(found.plan()) == {name: getattr(WANTED, name)}
    done = by_hand._replace(**{name: getattr(WANTED, name)})
    before = WANTED._replace(**{name: "Old"})
    found = case(policy(**ALL), done, before, unfinished_texts=unfinished)
    assert set_texts(found.plan()) == {}


def test_a_new_channel_has_all_of_them() -> None:
    (made,) = operations(Case(GROUP_A, policy=policy(**ALL)).plan(), CreateChannel)
    assert made.texts == WANTED
    assert made.requests == 2, "only the topic goes in with the channel"
    (made,) = operations(Case(GROUP_A, policy=of("topic")).plan(), CreateChannel)
    assert made.requests == 1


def test_a_room_that_is_taken_over_gets_those_that_it_lacks() -> None:
    there = RoomTexts("Old", "Old", WANTED.announcement)
    found = remote(room("r10", "A", moodle_group=10, **there._asdict()))
    plan = Case(GROUP_A, found, policy=policy(**ALL)).plan()
    assert operations(plan, AdoptChannel)[0].texts == there
    assert set_texts(plan) == {"topic": WANTED.topic, "description": WANTED.description}


def test_the_channel_of_a_whole_course_has_them_too() -> None:
    plan = Case(GROUP_A, policy=policy(whole_course=True, **ALL)).plan()
    made = {one.group_id: one for one in operations(plan, CreateChannel)}
    whole = made[course_group_id(2)].texts
    assert whole == RoomTexts(*(f"{name} of C2 in C2" for name in TEXTS))


def test_a_category_and_a_course_have_their_own() -> None:
    lies_in = moodle(group(10, "A"), courses=[course(2, categories=(5,))])
    own: tuple[OwnSettings, ...] = (
        OwnSettings(Level(LevelKind.CATEGORY, 5), {"description_template": "Science"}),
    )
    found = replace(case(policy(**ALL), WANTED, WANTED), moodle=lies_in)
    of_category = replace(found, policy=policy(**ALL, own=own))
    assert set_texts(of_category.plan()) == {"description": "Science"}
    own = (*own, OwnSettings(Level(LevelKind.COURSE, 2), {"description_template": ""}))
    assert set_texts(replace(found, policy=policy(**ALL, own=own)).plan()) == {}


def test_a_long_text_is_cut_to_what_is_stored() -> None:
    long = {f"{name}_template": "{course_fullname}" * 9 for name in TEXTS}
    state = moodle(group(10, "A"), courses=[course(2, fullname="x" * 254)])
    (made,) = operations(Case(state, policy=policy(**long)).plan(), CreateChannel)
    assert [len(text) for text in made.texts] == [250, 1000, 1000]


def test_a_server_that_does_not_list_all_texts_gets_only_those_that_can_be_seen() -> None:
    rules = NameRules(all_texts_listed=False)
    found = replace(case(policy(**ALL)), rules=rules)
    assert set_texts(found.plan()) == {"topic": WANTED.topic}
    (made,) = operations(Case(GROUP_A, policy=found.policy, rules=rules).plan(), CreateChannel)
    assert made.texts == RoomTexts(WANTED.topic)


# ── Stored rows, and back ─────────────────────────────────────────────────────────────────────────


def test_a_row_of_an_earlier_version_is_a_change_of_the_topic_alone() -> None:
    details = {"name": "A", "room_id": "r10", "private": True, "topic": "new", "old_topic": "old"}
    found = restore(Stored("set_topic", None, 10, 2, "why", details))
    assert isinstance(found, SetTexts)
    assert (found.new, found.old) == ({"topic": "new"}, {"topic": "old"})


def test_an_undo_gives_back_the_texts_that_are_as_the_run_left_them() -> None:
    ref = ChannelRef(10, 2, "A", "r10", True)
    old = RoomTexts("t", "d", "a")
    done = SetTexts.of(ref, WANTED._asdict(), old, reason="why")
    assert restore(_stored(done)) == done
    since = WANTED._replace(description="By hand")
    found = case(policy(), since, WANTED)
    past = [PastOperation(done, done.describe())]
    plan = undo_plan(past, found.managed, found.remote, found.policy, "undo")
    assert set_texts(plan) == {"topic": "t", "announcement": "a"}
    gone = case(policy(), RoomTexts("x", "y", "z"), WANTED)
    plan = undo_plan(past, gone.managed, gone.remote, gone.policy, "undo")
    assert plan.operations == ()
    assert len(plan.skips) == 1, "what changed since stays, and is named"


def _stored(operation: SetTexts) -> Stored:
    about = operation.about
    ids = (about.user_id, about.group_id, about.course_id)
    return Stored(operation.kind, *ids, operation.reason, operation.details())


def test_texts_come_to_rest_and_follow_a_renamed_group() -> None:
    chat = FakeRemote()
    line = Line(GROUP_A, policy(**ALL), chat)
    line.sync()
    assert _texts(line) == WANTED
    assert [call for call, _ in chat.calls].count("set_texts") == 0, "they came with the channel"
    assert line.plan().operations == ()
    line.room(10).announcement = "By hand"
    assert line.plan().operations == ()
    line.moodle = moodle(group(10, "B"))
    line.sync()
    assert _texts(line) == RoomTexts(*(f"{name} of B in C2" for name in TEXTS))
    assert [call for call, _ in chat.calls].count("set_texts") == 1
    assert line.plan().operations == ()


def _texts(line: Line) -> RoomTexts:
    there = line.room(10)
    return RoomTexts(there.topic, there.description, there.announcement)
