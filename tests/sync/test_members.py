"""Channels and who is in them: added is who should be in, removed is only whom rcsync put there."""

from typing import Any

import pytest

from integration.domain.conflicts import ConflictKind
from integration.domain.operations import (
    AddMembers,
    AdoptChannel,
    Archive,
    ChannelRef,
    CreateChannel,
    Joiner,
    Operation,
    RemoveMember,
    RenameChannel,
    SetReadOnly,
    SetRoomRole,
    SetTexts,
    Unarchive,
    Unconfirmed,
    UnsetReadOnly,
    UnsetRoomRole,
)
from integration.domain.policy import Cause, Deactivation, Policy
from integration.domain.state import (
    EVERYTHING,
    Ending,
    ManagedMember,
    MoodleState,
    Person,
    RoomRole,
    Scope,
)
from integration.services.sync.plan import Plan
from tests.support.builders import (
    BY_HAND,
    OURS,
    STUDENT,
    TEACHER,
    account,
    channel_link,
    course,
    enrolment,
    group,
    kinds,
    link,
    managed,
    moodle,
    operations,
    person,
    plan_for,
    policy,
    remote,
    room,
)
from tests.support.fake_ledger import Line

ANNA, BEN, CEM = 7, 8, 9
MEMBER, LEADER, MODERATOR, OWNER = RoomRole
A_TEACHER = {(102, ANNA): (TEACHER,)}
OUR_MODERATOR = ManagedMember(MODERATOR, ours=True)


def settings(**values: Any) -> Policy:
    """Accounts are not the matter here: none is deactivated."""
    return policy(deactivation=Deactivation.NEVER, **values)


def group_a(*members: int, **values: Any) -> MoodleState:
    return moodle(group(10, "A", members), people=[person(n) for n in (ANNA, BEN, CEM)], **values)


def with_room(
    state: MoodleState,
    listed: list[str] | None = None,
    rows: dict[int, ManagedMember] | None = None,
    rules: Policy | None = None,
    scope: Scope = EVERYTHING,
    link_values: Any = None,
    accounts: Any = None,
    unfinished: Any = (),
    *,
    unfinished_removals: Any = (),
    unconfirmed: Any = (),
    **room_values: Any,
) -> Plan:
    """Group A has the room r10; Anna, Ben and Cem have a7, a8 and a9. `listed` None: not read."""
    known = {"name": "A", "users_count": room_values.get("users_count", 1)} | (link_values or {})
    return plan_for(
        state,
        remote=remote(
            *(account(f"a{n}", **(accounts or {}).get(n, {})) for n in (ANNA, BEN, CEM)),
            room("r10", room_values.pop("name", "A"), listed, **room_values),
        ),
        managed=managed(
            *(link(n) for n in (ANNA, BEN, CEM)),
            channel_link(10, **known),
            members={10: rows or {}},
            unfinished_members=frozenset(unfinished),
            unfinished_removals=frozenset(unfinished_removals),
            unconfirmed=unconfirmed,
        ),
        policy=rules or settings(),
        scope=scope,
    )


def added(plan: Plan) -> list[int]:
    return [one.user_id for adding in operations(plan, AddMembers) for one in adding.joiners]


def removed(plan: Plan) -> list[int]:
    return [one.user_id for one in operations(plan, RemoveMember)]


# ── In ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_channel_has_its_members_from_the_beginning() -> None:
    plan = plan_for(group_a(ANNA, BEN))
    (made,) = operations(plan, CreateChannel)
    assert [one.user_id for one in made.joiners] == [ANNA, BEN]
    assert made.joiners[0].reason == "member of group 'A'; active by manual enrolment; role student"
    assert made.reason == "group 'A' of course C2 should have a channel"
    assert operations(plan, AddMembers) == []


@pytest.mark.parametrize("private", [True, False])
def test_a_new_channel_is_private_or_not_by_the_settings(private: bool) -> None:
    plan = plan_for(group_a(), policy=settings(private_channels=private))
    assert operations(plan, CreateChannel)[0].private is private


def test_everybody_new_is_added_in_one_operation() -> None:
    plan = with_room(group_a(ANNA, BEN, CEM), ["a7"], {ANNA: OURS})
    assert kinds(plan) == ["add_members"]
    assert added(plan) == [BEN, CEM]


def test_where_the_count_is_as_remembered_the_ledger_says_who_is_in() -> None:
    assert with_room(group_a(ANNA), None, {ANNA: OURS}).operations == ()


def test_who_is_in_by_hand_already_is_not_added_but_remembered_as_found() -> None:
    plan = with_room(group_a(ANNA), ["a7"])
    assert plan.operations == ()
    assert plan.observed[0].found == (ANNA,)


def test_somebody_who_left_by_themselves_is_added_again() -> None:
    assert added(with_room(group_a(ANNA), [], {ANNA: OURS})) == [ANNA]


def test_somebody_who_left_by_themselves_stays_out_where_the_settings_say_so() -> None:
    plan = with_room(group_a(ANNA, BEN), [], {ANNA: OURS}, settings(respect_leavers=True))
    assert added(plan) == [BEN]
    assert plan.observed == () or ANNA not in plan.observed[0].gone


def test_who_was_added_by_a_run_that_was_cut_off_is_ours() -> None:
    plan = with_room(group_a(ANNA), ["a7"], unfinished=[(10, ANNA)])
    assert plan.operations == ()
    assert plan.observed[0].taken_over == (ANNA,)


# ── Out ───────────────────────────────────────────────────────────────────────────────────────────


def test_who_left_the_group_is_removed_with_the_reason() -> None:
    plan = with_room(group_a(BEN), None, {ANNA: OURS, BEN: OURS})
    (gone,) = operations(plan, RemoveMember)
    assert (gone.user_id, gone.account_id, gone.username) == (ANNA, "a7", "user7")
    assert gone.reason == "no longer in group 'A'; not enrolled in the course any more"


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (
            group_a(ANNA, enrolments=[enrolment(2, ANNA, status=1)]),
            "the manual enrolment is suspended",
        ),
        (group_a(ANNA, roles={(102, ANNA): ()}), "holds no included role (has: none)"),
        (
            moodle(group(10, "A", [ANNA]), people=[person(ANNA, suspended=True)]),
            "suspended in Moodle",
        ),
    ],
)
def test_who_does_not_count_any_more_is_removed_with_the_reason(
    state: MoodleState, reason: str
) -> None:
    plan = with_room(state, None, {ANNA: OURS})
    assert [one.reason for one in operations(plan, RemoveMember)] == [reason]


def test_somebody_added_by_hand_stays_and_that_is_said_when_it_is_seen() -> None:
    plan = with_room(group_a(), ["a7"], {ANNA: BY_HAND})
    assert plan.operations == ()
    assert "was added by hand and stays" in plan.skips[0].reason


def test_somebody_who_was_in_by_hand_before_they_joined_the_group_is_known_as_such() -> None:
    plan = with_room(group_a(), ["a7"])
    assert plan.observed[0].found == (ANNA,)


def test_strangers_in_a_channel_are_nobodys_business() -> None:
    plan = with_room(group_a(ANNA), ["a7", "stranger"], {ANNA: OURS})
    assert plan.operations == ()


@pytest.mark.parametrize("values", [{"roles": ("admin",)}, {"kind": "bot"}])
def test_administrators_and_bots_are_never_removed_and_that_is_said(values: Any) -> None:
    plan = with_room(group_a(), None, {ANNA: OURS}, accounts={ANNA: values})
    assert plan.operations == ()
    assert "protected" in plan.skips[0].reason


def test_the_protected_list_is_never_removed() -> None:
    rules = settings(protected_usernames=frozenset({"user7"}))
    assert with_room(group_a(), None, {ANNA: OURS}, rules).operations == ()


def test_people_without_a_row_in_moodle_stay_and_stay_ours() -> None:
    state = moodle(group(10, "A"))
    plan = with_room(state, ["a7"], {ANNA: OURS})
    assert plan.operations == ()
    assert "Moodle has no row of person 7" in plan.skips[0].reason
    assert all(ANNA not in look.gone for look in plan.observed)


MISSING = ManagedMember(RoomRole.MEMBER, ours=True, missing=True)


def test_who_is_not_in_the_list_once_is_missing_and_looked_for_again() -> None:
    plan = with_room(group_a(), [], {ANNA: OURS}, link_values={"users_count": 2})
    assert plan.operations == ()
    (look,) = plan.observed
    assert (look.gone, look.missing, look.users_count) == ((), (ANNA,), None)


def test_who_is_not_in_the_list_twice_needs_no_removal_and_their_row_goes() -> None:
    plan = with_room(group_a(), ["bot"], {ANNA: MISSING}, users_count=1)
    assert plan.operations == ()
    assert (plan.observed[0].gone, plan.observed[0].users_count) == ((ANNA,), 1)


def test_while_the_server_counts_one_more_than_it_lists_nobody_is_gone() -> None:
    plan = with_room(group_a(), ["bot"], {ANNA: MISSING}, users_count=2)
    assert plan.operations == ()
    assert (plan.observed[0].gone, plan.observed[0].missing) == ((), ())


def test_a_removal_that_was_asked_for_is_the_second_opinion() -> None:
    plan = with_room(
        group_a(), ["bot"], {ANNA: OURS}, users_count=1, unfinished_removals={(10, ANNA)}
    )
    assert plan.observed[0].gone == (ANNA,)


def test_who_is_in_the_list_again_is_missing_no_more_and_removed() -> None:
    plan = with_room(group_a(), ["bot", "a7"], {ANNA: MISSING}, users_count=2)
    assert removed(plan) == [ANNA]
    assert plan.observed[0].back == (ANNA,)


def test_who_is_missing_is_not_removed_without_a_look() -> None:
    """They may be banned meanwhile, and kicking somebody lifts the ban."""
    assert with_room(group_a(), None, {ANNA: MISSING}).operations == ()


def claims(*made: Operation) -> tuple[Unconfirmed, ...]:
    return tuple(Unconfirmed(number, one) for number, one in enumerate(made))


ROOM_10 = ChannelRef(10, 2, "A", "r10", True)
REMOVED = RemoveMember(ROOM_10, ANNA, "a7", "user7", reason="")


def test_whom_we_were_told_to_have_removed_and_who_is_there_is_removed_again() -> None:
    plan = with_room(group_a(), ["bot", "a7"], users_count=2, unconfirmed=claims(REMOVED))
    assert removed(plan) == [ANNA]
    assert plan.confirmed == {0}


def test_whom_we_removed_and_who_is_not_seen_is_not_kicked() -> None:
    plan = with_room(group_a(), None, unconfirmed=claims(REMOVED))
    assert plan.operations == ()
    assert plan.confirmed == {0}, "the count says so"


def test_a_room_whose_members_cannot_be_read_confirms_no_removal() -> None:
    plan = with_room(
        group_a(),
        None,
        users_count=2,
        link_values={"users_count": 1},
        unreadable="not today",
        unconfirmed=claims(REMOVED),
    )
    assert plan.confirmed == frozenset()


def test_a_role_that_we_were_told_to_have_taken_is_taken_again() -> None:
    taken = UnsetRoomRole(ROOM_10, ANNA, "user7", RoomRole.MODERATOR, reason="")
    plan = with_room(
        group_a(ANNA),
        ["bot", "a7"],
        {ANNA: OURS},
        users_count=2,
        roles={"a7": RoomRole.MODERATOR},
        unconfirmed=claims(taken),
    )
    assert [one.user_id for one in operations(plan, UnsetRoomRole)] == [ANNA]
    unread = with_room(group_a(ANNA), None, {ANNA: OURS}, unconfirmed=claims(taken))
    assert unread.confirmed == frozenset(), "a look without roles tells nothing"


def test_who_was_never_let_in_has_not_left() -> None:
    joined = AddMembers(ROOM_10, (Joiner(ANNA, "", "user7"),), reason="")
    never = with_room(
        group_a(ANNA),
        ["bot"],
        {ANNA: OURS},
        rules=settings(respect_leavers=True),
        unconfirmed=claims(joined),
    )
    assert added(never) == [ANNA]
    left = with_room(group_a(ANNA), ["bot"], {ANNA: OURS}, rules=settings(respect_leavers=True))
    assert added(left) == []


def test_somebody_added_by_a_run_that_was_cut_off_is_removed_when_they_left_meanwhile() -> None:
    assert removed(with_room(group_a(), ["a7"], unfinished=[(10, ANNA)])) == [ANNA]


def test_nobody_is_removed_because_a_run_that_was_cut_off_wanted_to_add_them() -> None:
    assert with_room(group_a(), [], unfinished=[(10, ANNA)]).operations == ()


# ── Deactivated members are hidden ────────────────────────────────────────────────────────────────


def test_deactivated_members_are_hidden_in_the_list_and_in_step() -> None:
    plan = with_room(
        group_a(ANNA),
        [],
        {ANNA: OURS},
        accounts={ANNA: {"active": False}},
        users_count=2,
    )
    assert added(plan) == []
    assert plan.observed == ()


def test_a_hidden_member_who_does_not_count_any_more_is_removed() -> None:
    plan = with_room(group_a(), [], {ANNA: OURS}, accounts={ANNA: {"active": False}})
    assert removed(plan) == [ANNA]


# ── Room roles ────────────────────────────────────────────────────────────────────────────────────


def roles(plan: Plan) -> list[tuple[str, int, RoomRole]]:
    changes: list[SetRoomRole | UnsetRoomRole] = [*operations(plan, UnsetRoomRole)]
    changes += operations(plan, SetRoomRole)
    return [(one.kind, one.user_id, one.role) for one in changes]


GIVE, TAKE = SetRoomRole.kind, UnsetRoomRole.kind


def test_a_role_is_given_with_the_membership() -> None:
    plan = with_room(group_a(ANNA, roles=A_TEACHER), [])
    assert kinds(plan) == ["add_members", "set_room_role"]
    assert roles(plan) == [(GIVE, ANNA, MODERATOR)]


def test_a_role_is_given_in_a_channel_that_is_being_made() -> None:
    plan = plan_for(group_a(ANNA, roles=A_TEACHER))
    assert [one.room_id for one in operations(plan, SetRoomRole)] == [None]


def test_a_new_role_in_moodle_is_given_and_its_reason_names_it() -> None:
    plan = with_room(group_a(ANNA, roles=A_TEACHER), None, {ANNA: OURS})
    assert roles(plan) == [(GIVE, ANNA, MODERATOR)]
    assert "role editingteacher" in operations(plan, SetRoomRole)[0].reason


def test_a_role_that_is_there_is_not_given_again() -> None:
    plan = with_room(group_a(ANNA, roles=A_TEACHER), None, {ANNA: OUR_MODERATOR})
    assert plan.operations == ()


def test_a_role_that_ended_in_moodle_is_taken() -> None:
    assert roles(with_room(group_a(ANNA), None, {ANNA: OUR_MODERATOR})) == [(TAKE, ANNA, MODERATOR)]


def test_a_changed_role_is_taken_and_given() -> None:
    rules = settings(roles={STUDENT: MEMBER, TEACHER: OWNER})
    plan = with_room(group_a(ANNA, roles=A_TEACHER), None, {ANNA: OUR_MODERATOR}, rules)
    assert roles(plan) == [(TAKE, ANNA, MODERATOR), (GIVE, ANNA, OWNER)]


def test_a_role_that_somebody_took_is_seen_by_an_audit_and_given_again() -> None:
    state = group_a(ANNA, roles=A_TEACHER)
    plan = with_room(state, ["a7"], {ANNA: OUR_MODERATOR}, roles={})
    assert roles(plan) == [(GIVE, ANNA, MODERATOR)]


def test_a_role_that_was_given_by_hand_is_not_taken() -> None:
    plan = with_room(group_a(ANNA), ["a7"], {ANNA: OURS}, roles={"a7": OWNER})
    assert plan.operations == ()


def test_a_stronger_role_given_by_hand_stays_beside_ours() -> None:
    state = group_a(ANNA, roles=A_TEACHER)
    plan = with_room(state, ["a7"], {ANNA: OUR_MODERATOR}, roles={"a7": OWNER})
    assert plan.operations == ()


def test_our_role_is_taken_beside_a_stronger_one_given_by_hand() -> None:
    plan = with_room(group_a(ANNA), ["a7"], {ANNA: OUR_MODERATOR}, roles={"a7": OWNER})
    assert roles(plan) == [(TAKE, ANNA, MODERATOR)]


def test_our_role_is_also_taken_from_somebody_who_was_added_by_hand() -> None:
    rows = {ANNA: ManagedMember(MODERATOR, ours=False)}
    assert roles(with_room(group_a(ANNA), None, rows)) == [(TAKE, ANNA, MODERATOR)]


def test_who_left_as_moderator_and_is_added_back_as_member_is_noted_as_member() -> None:
    plan = with_room(group_a(ANNA), [], {ANNA: OUR_MODERATOR})
    assert roles(plan) == [(TAKE, ANNA, MODERATOR)]


# ── The channel itself ────────────────────────────────────────────────────────────────────────────


def test_a_room_of_the_wanted_name_is_not_taken_over() -> None:
    plan = plan_for(group_a(), remote=remote(room("r1", "A", [], creator_id="somebody")))
    (conflict,) = plan.conflicts
    assert (conflict.kind, conflict.group_id) == (ConflictKind.CHANNEL_NAME_TAKEN, 10)
    assert conflict.remote_id == "r1"
    assert "not managed by rcsync" in conflict.rocketchat_side
    assert plan.operations == ()


def test_a_room_name_that_differs_only_in_case_is_taken_too() -> None:
    plan = plan_for(group_a(), remote=remote(room("r1", "a", [], creator_id="somebody")))
    assert len(plan.conflicts) == 1


def test_a_room_of_another_group_is_called_so_in_the_conflict() -> None:
    plan = plan_for(
        moodle(group(10, "A"), group(11, "B")),
        remote=remote(room("r11", "A")),
        managed=managed(channel_link(11, name="B")),
        policy=settings(follow_renames=False),  # else it would give the name up
    )
    assert "belongs to another group" in plan.conflicts[0].rocketchat_side


def test_a_rename_to_a_taken_name_is_a_conflict_and_no_failure() -> None:
    plan = plan_for(
        group_a(),
        remote=remote(room("r10", "Old"), room("r1", "A", creator_id="somebody")),
        managed=managed(channel_link(10, name="Old")),
    )
    assert operations(plan, RenameChannel) == []
    assert [one.kind for one in plan.conflicts] == [ConflictKind.CHANNEL_NAME_TAKEN]


def test_a_room_with_our_mark_was_made_by_a_run_that_was_cut_off() -> None:
    plan = plan_for(group_a(ANNA), remote=remote(account("a7"), room("r1", "A", moodle_group=10)))
    (found,) = operations(plan, AdoptChannel)
    assert (found.room_id, found.created) == ("r1", True)
    assert added(plan) == [ANNA]


def test_a_room_with_the_mark_of_another_group_is_not_taken_over() -> None:
    rules = settings(adopt_channels=True)
    plan = plan_for(group_a(), remote=remote(room("r1", "A", moodle_group=99)), policy=rules)
    assert operations(plan, AdoptChannel) == []


def test_a_room_with_our_mark_that_somebody_else_made_is_not_taken_over() -> None:
    plan = plan_for(group_a(), remote=remote(room("r1", "A", moodle_group=10, creator_id="x")))
    assert operations(plan, AdoptChannel) == []


def test_a_room_of_our_account_is_taken_over_where_the_settings_say_so() -> None:
    there = remote(room("r1", "A"))
    assert operations(plan_for(group_a(), remote=there), AdoptChannel) == []
    plan = plan_for(group_a(), remote=there, policy=settings(adopt_channels=True))
    assert [one.created for one in operations(plan, AdoptChannel)] == [False]


def test_of_two_rooms_of_a_name_the_one_with_our_mark_is_found() -> None:
    plan = plan_for(
        group_a(),
        remote=remote(room("r1", "A", creator_id="x"), room("r2", "A", moodle_group=10)),
    )
    assert [one.room_id for one in operations(plan, AdoptChannel)] == ["r2"]


def test_a_channel_that_vanished_is_made_again_with_its_members() -> None:
    plan = plan_for(
        group_a(ANNA),
        remote=remote(account("a7")),
        managed=managed(link(ANNA), channel_link(10, name="A"), members={10: {ANNA: OURS}}),
    )
    assert [one.user_id for one in operations(plan, CreateChannel)[0].joiners] == [ANNA]
    assert plan.missing_channels == (10,)


def test_a_name_that_was_changed_by_hand_is_changed_back() -> None:
    (change,) = operations(with_room(group_a(), name="Ours!"), RenameChannel)
    assert (change.old_name, change.name) == ("Ours!", "A")


def test_a_topic_follows_moodle() -> None:
    plan = with_room(group_a(), rules=settings(topic_template="Group {group}"), topic="Old")
    assert [(one.topic, one.old_topic) for one in operations(plan, SetTexts)] == [
        ("Group A", "Old")
    ]


def test_a_topic_that_was_changed_by_hand_stays_until_moodles_changes() -> None:
    rules = settings(topic_template="Group {group}")
    known = {"topic": "Group A"}
    assert with_room(group_a(), rules=rules, topic="By hand", link_values=known).operations == ()


def test_a_topic_that_is_there_is_not_set() -> None:
    rules = settings(topic_template="Group {group}")
    assert with_room(group_a(), rules=rules, topic="Group A").operations == ()


# ── Endings, and back ─────────────────────────────────────────────────────────────────────────────

NO_GROUP = moodle(courses=[course()], people=[person(ANNA)])


def test_a_channel_without_a_group_is_archived_with_its_members_in() -> None:
    plan = with_room(NO_GROUP, None, {ANNA: OURS}, accounts={ANNA: {"roles": ("admin",)}})
    (end,) = operations(plan, Archive)
    assert end.reason == "the group was deleted in Moodle"
    assert removed(plan) == []


def test_a_channel_without_a_group_becomes_read_only_where_the_settings_say_so() -> None:
    plan = with_room(NO_GROUP, rules=settings(on_group_deleted=Ending.READ_ONLY))
    assert len(operations(plan, SetReadOnly)) == 1


def test_a_channel_without_a_group_is_kept_where_the_settings_say_so_and_that_is_said() -> None:
    plan = with_room(NO_GROUP, rules=settings(on_group_deleted=Ending.KEEP))
    assert plan.operations == ()
    assert "kept" in plan.skips[-1].reason


def ended(state: MoodleState, ending: Ending | None, **values: Any) -> Plan:
    return with_room(state, None, {ANNA: OURS}, link_values={"ended": ending}, **values)


def test_what_ended_already_is_not_ended_again() -> None:
    plan = ended(NO_GROUP, Ending.ARCHIVE, archived=True)
    assert operations(plan, Archive) == []


def test_a_channel_that_we_archived_comes_back_with_its_group() -> None:
    plan = ended(group_a(ANNA, BEN), Ending.ARCHIVE, archived=True)
    assert kinds(plan)[:2] == ["unarchive", "add_members"]
    assert [one.room_id for one in operations(plan, Unarchive)] == ["r10"]


def test_a_channel_that_somebody_archived_is_left_alone_and_that_is_said() -> None:
    plan = ended(group_a(ANNA, BEN), None, archived=True)
    assert added(plan) == []
    assert operations(plan, Unarchive) == []
    assert "archived in Rocket.Chat by somebody else" in plan.skips[0].reason


def test_a_channel_that_we_made_read_only_comes_back_with_its_group() -> None:
    plan = ended(group_a(ANNA), Ending.READ_ONLY, read_only=True)
    assert len(operations(plan, UnsetReadOnly)) == 1


def test_a_channel_that_somebody_made_read_only_stays_so() -> None:
    assert operations(ended(group_a(ANNA), None, read_only=True), SetReadOnly) == []


def test_a_read_only_channel_that_is_archived_later_would_not_come_back_read_only() -> None:
    plan = ended(NO_GROUP, Ending.READ_ONLY, read_only=True)
    assert len(operations(plan, UnsetReadOnly)) == 1
    assert len(operations(plan, Archive)) == 1


def test_nothing_is_done_to_an_ended_channel_that_is_gone() -> None:
    plan = plan_for(NO_GROUP, managed=managed(channel_link(10)))
    assert plan.operations == ()


# ── A run for one person ──────────────────────────────────────────────────────────────────────────

ONLY_BEN = Scope(users=frozenset({BEN}))


def test_a_run_for_one_person_adds_and_removes_only_this_person() -> None:
    state = moodle(group(10, "A", [ANNA]), people=[person(BEN)])
    plan = with_room(state, None, {BEN: OURS}, scope=ONLY_BEN)
    assert (added(plan), removed(plan)) == ([], [BEN])
    state = group_a(ANNA, BEN)
    assert added(with_room(state, None, {}, scope=ONLY_BEN)) == [BEN]


@pytest.mark.parametrize(
    "values",
    [
        {"name": "Renamed"},
        {"topic": "x", "rules": settings(topic_template="{group}")},
        {"read_only": True, "link_values": {"ended": Ending.READ_ONLY}},
        {"archived": True, "link_values": {"ended": Ending.ARCHIVE}},
    ],
)
def test_a_run_for_one_person_changes_nothing_of_the_channel_itself(values: Any) -> None:
    plan = with_room(group_a(BEN), None, {BEN: OURS}, scope=ONLY_BEN, **values)
    assert plan.operations == ()


def test_a_run_for_one_person_makes_no_channel_and_says_what_would() -> None:
    plan = plan_for(group_a(BEN), scope=ONLY_BEN)
    assert operations(plan, CreateChannel) == []
    assert [skip.reason.partition(":")[2] for skip in plan.skips] == [" sync the course once"]


def test_a_run_for_one_person_is_silent_about_channels_of_others() -> None:
    assert plan_for(group_a(ANNA), scope=ONLY_BEN).skips == ()


def test_a_run_for_one_person_ends_no_channel() -> None:
    assert operations(with_room(NO_GROUP, scope=ONLY_BEN), Archive) == []


# ── Over several runs ─────────────────────────────────────────────────────────────────────────────


def test_a_username_changed_in_rocketchat_does_not_keep_anybody_out_of_a_new_channel() -> None:
    line = Line(moodle(group(10, "A", [ANNA])), settings())
    line.sync()
    line.chat.accounts[line.account(ANNA)].username = "renamed"
    line.moodle = moodle(group(10, "A", [ANNA]), group(11, "B", [ANNA]))
    line.sync()
    assert line.members(11) == {ANNA}
    assert line.plan().operations == ()


def test_a_room_made_by_a_run_that_was_cut_off_loses_who_left_meanwhile() -> None:
    line = Line(moodle(group(10, "A", [ANNA, BEN])), settings())
    line.sync()
    line.ledger.channels.clear()
    line.ledger.members.clear()
    for row in line.ledger.rows:
        row.status = "started" if isinstance(row.operation, CreateChannel) else row.status
    line.moodle = moodle(group(10, "A", [BEN]), enrolments=[enrolment(2, ANNA), enrolment(2, BEN)])
    line.sync()
    assert line.members(10) == {BEN}
    assert len(line.chat.rooms) == 1
    assert line.plan().operations == ()


def test_somebody_in_by_hand_who_joins_and_leaves_the_group_is_still_in() -> None:
    line = Line(moodle(group(10, "A", [ANNA]), group(11, "B", [BEN])), settings())
    line.sync()
    line.chat.join_by_hand(line.room(10).room_id, line.account(BEN))
    line.sync()
    line.moodle = moodle(group(10, "A", [ANNA, BEN]), group(11, "B", [BEN]))
    line.sync()
    line.moodle = moodle(group(10, "A", [ANNA]), group(11, "B", [BEN]))
    line.sync()
    assert line.members(10) == {ANNA, BEN}


def test_somebody_who_left_by_hand_and_was_added_back_by_us_is_ours() -> None:
    line = Line(moodle(group(10, "A", [ANNA]), group(11, "B", [BEN])), settings())
    line.sync()
    line.chat.join_by_hand(line.room(10).room_id, line.account(BEN))
    line.moodle = moodle(group(10, "A", [ANNA, BEN]), group(11, "B", [BEN]))
    line.sync()
    line.chat.leave_by_hand(line.room(10).room_id, line.account(BEN))
    line.sync()
    line.moodle = moodle(group(10, "A", [ANNA]), group(11, "B", [BEN]))
    line.sync()
    assert line.members(10) == {ANNA}


def test_a_role_of_somebody_who_was_in_by_hand_is_given_once() -> None:
    line = Line(moodle(group(10, "A", [ANNA]), group(11, "B", [BEN])), settings())
    line.sync()
    line.chat.join_by_hand(line.room(10).room_id, line.account(BEN))
    state = moodle(
        group(10, "A", [ANNA, BEN]), group(11, "B", [BEN]), roles={(102, BEN): (TEACHER,)}
    )
    line.moodle = state
    line.sync()
    assert line.room(10).strongest(line.account(BEN)) is MODERATOR
    assert line.plan().operations == ()


def test_what_somebody_woke_and_we_put_to_sleep_again_is_ours_to_wake() -> None:
    in_group = moodle(group(10, "A", [ANNA]))
    away = moodle(group(10, "A"), people=[person(ANNA)])
    line = Line(in_group, policy())
    line.sync()
    line.moodle = away
    line.sync()
    line.chat.accounts[line.account(ANNA)].active = True
    line.sync()
    line.moodle = in_group
    assert line.sync().plan.conflicts == ()
    assert line.chat.accounts[line.account(ANNA)].active


def test_a_channel_that_somebody_opened_and_we_archived_again_is_ours_to_open() -> None:
    there = moodle(group(10, "A", [ANNA]))
    gone = moodle(courses=[course()], people=[person(ANNA)], enrolments=[enrolment(2, ANNA)])
    line = Line(there, policy())
    line.sync()
    line.moodle = gone
    line.sync()
    line.room(10).archived = False
    line.sync()
    assert line.room(10).archived
    line.moodle = there
    line.sync()
    assert not line.room(10).archived


# --- a channel that is kept -----------------------------------------------------------------------


def kept(*people: Person, members: tuple[int, ...] = (ANNA, BEN), **rules: Any) -> Plan:
    """The channel of group 10, in which Anna and Ben are by us; its pattern no longer matches."""
    state = moodle(group(10, "A", members), people=people)
    there = remote(account(f"a{ANNA}"), account(f"a{BEN}"), account(f"a{CEM}"), room("r10", "A"))
    known = managed(
        *(link(number) for number in (ANNA, BEN, CEM)),
        channel_link(10, name="A"),
        members={10: {ANNA: OURS, BEN: OURS}},
    )
    return plan_for(state, remote=there, managed=known, policy=policy(include=["^B"], **rules))


def test_whoever_loses_the_right_leaves_a_channel_that_is_kept() -> None:
    plan = kept(person(ANNA, suspended=True), person(BEN))
    (removed,) = operations(plan, RemoveMember)
    assert removed.user_id == ANNA


def test_nobody_joins_a_channel_that_is_kept() -> None:
    assert operations(kept(members=(ANNA, BEN, CEM)), AddMembers) == []


def test_a_kept_channel_follows_the_policy_for_who_may_stay() -> None:
    plan = kept(person(ANNA, suspended=True), members_kept=frozenset({Cause.SUSPENDED}))
    assert operations(plan, RemoveMember) == []


def test_without_an_included_role_a_kept_channel_is_frozen() -> None:
    assert operations(kept(person(ANNA, suspended=True), roles={}), RemoveMember) == []


def test_without_its_group_a_kept_channel_is_for_those_active_in_the_course() -> None:
    state = moodle(
        courses=[course()],
        people=[person(ANNA), person(BEN)],
        enrolments=[enrolment(2, ANNA)],
    )
    there = remote(account(f"a{ANNA}"), account(f"a{BEN}"), room("r10", "A"))
    known = managed(
        link(ANNA), link(BEN), channel_link(10, name="A"), members={10: {ANNA: OURS, BEN: OURS}}
    )
    rules = policy(on_group_deleted=Ending.KEEP)
    plan = plan_for(state, remote=there, managed=known, policy=rules)
    assert [one.user_id for one in operations(plan, RemoveMember)] == [BEN]


def test_a_group_that_was_hidden_later_has_an_ending_of_its_own() -> None:
    state = moodle(group(10, "A", [ANNA], visibility=2))
    there = remote(account(f"a{ANNA}"), room("r10", "A"))
    known = managed(link(ANNA), channel_link(10, name="A"), members={10: {ANNA: OURS}})
    plan = plan_for(state, remote=there, managed=known)
    assert kinds(plan) == ["archive"]
    stays = plan_for(state, remote=there, managed=known, policy=policy(on_group_hidden=Ending.KEEP))
    assert kinds(stays) == []
