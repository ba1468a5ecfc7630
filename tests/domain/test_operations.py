"""What every operation has to know about itself."""

from dataclasses import replace

import pytest
from django.db.models import CharField

from integration.domain.messages import Message
from integration.domain.operations import (
    Activate,
    AddMembers,
    AdoptAccount,
    AdoptChannel,
    Archive,
    ChannelRef,
    CreateAccount,
    CreateChannel,
    Deactivate,
    FreeName,
    Joiner,
    MarkChannel,
    Operation,
    RemoveMember,
    RenameChannel,
    SendPasswordMail,
    SetReadOnly,
    SetRoomRole,
    SetTexts,
    Stored,
    Unarchive,
    UnsetReadOnly,
    UnsetRoomRole,
    UpdateAccount,
    kinds,
    labels,
    permissions,
    restore,
)
from integration.domain.policy import Policy
from integration.domain.state import RoomRole
from integration.models import SyncOperation
from integration.services.sync.perform import Performer

WHY = "why"
ROOM = ChannelRef(10, 2, "A", "r10", True)
ACCOUNT = (7, "a7", "anna")
JOINERS = (Joiner(7, "in the group", "anna"), Joiner(8, "in the group", "ben"))
ALL: tuple[Operation, ...] = (
    CreateAccount(7, "anna", "Anna", "anna@x.y", reason=WHY),
    AdoptAccount(*ACCOUNT, True, reason=WHY),
    UpdateAccount(*ACCOUNT, "Anna", None, "Anne", "anna@x.y", reason=WHY),
    Activate(*ACCOUNT, reason=WHY),
    Deactivate(*ACCOUNT, reason=WHY),
    SendPasswordMail(7, "anna", "anna@x.y", reason=WHY),
    CreateChannel(replace(ROOM, room_id=None), JOINERS, "topic", reason=WHY),
    AdoptChannel(ROOM, False, "topic", reason=WHY),
    RenameChannel(ROOM, "B", "C", reason=WHY),
    FreeName(ROOM, "B", reason=WHY),
    SetTexts(ROOM, "new", "old", announcement="new", old_announcement="old", reason=WHY),
    MarkChannel(ROOM, reason=WHY),
    SetReadOnly(ROOM, reason=WHY),
    UnsetReadOnly(ROOM, reason=WHY),
    Archive(ROOM, reason=WHY),
    Unarchive(ROOM, reason=WHY),
    AddMembers(ROOM, JOINERS, reason=WHY),
    RemoveMember(ROOM, 7, "a7", "anna", RoomRole.OWNER, reason=WHY),
    SetRoomRole(ROOM, 7, "anna", RoomRole.LEADER, reason=WHY),
    UnsetRoomRole(ROOM, 7, "anna", RoomRole.LEADER, reason=WHY),
)
each = pytest.mark.parametrize("operation", ALL, ids=lambda one: one.kind)


def stored(operation: Operation) -> Stored:
    return Stored(operation.kind, *operation.about, operation.reason, operation.details())


def test_all_kinds_are_here() -> None:
    assert {one.kind for one in ALL} == set(kinds())


@each
def test_an_operation_has_a_label_and_a_description_that_can_be_translated(
    operation: Operation,
) -> None:
    assert isinstance(operation.label, Message)
    assert not operation.label.values
    assert isinstance(operation.describe(), Message)


@each
def test_an_operation_survives_being_stored(operation: Operation) -> None:
    assert restore(stored(operation)) == operation


@each
def test_an_operation_has_a_performer(operation: Operation) -> None:
    dispatcher = Performer.__dict__["perform"].dispatcher
    assert dispatcher.dispatch(type(operation)) is not dispatcher.dispatch(Operation)


@each
def test_what_is_sent_needs_a_permission_and_costs_a_request(operation: Operation) -> None:
    is_sent = not isinstance(operation, AdoptAccount | AdoptChannel)
    assert bool(operation.permissions) is bool(operation.requests) is is_sent


@each
def test_what_the_limits_count_waits_for_a_person(operation: Operation) -> None:
    assert operation.takes_away or operation.takes is None
    assert not (operation.takes_away and operation.gives)


@each
def test_an_operation_changes_something_in_the_audit_trail(operation: Operation) -> None:
    before, after = operation.changes()
    assert after
    assert before != after


@each
def test_a_key_has_a_column_that_holds_the_longest_ids(operation: Operation) -> None:
    longest = operation.kind, 2**63 - 1, 2**63 - 1, "r" * 64, "a" * 64
    assert len("/".join(map(str, longest))) <= length_of("key")
    assert len(operation.kind) <= length_of("kind")


def length_of(column: str) -> int:
    field = SyncOperation._meta.get_field(column)
    assert isinstance(field, CharField)
    assert field.max_length is not None
    return field.max_length


@each
def test_the_key_is_not_changed_by_words(operation: Operation) -> None:
    assert replace(operation, reason="another").key == operation.key


def test_no_two_operations_share_a_key_but_those_that_put_people_into_a_channel() -> None:
    keys = [one.key for one in ALL if not isinstance(one, CreateChannel)]
    assert len(set(keys)) == len(keys)
    create, add = (one.key for one in ALL if isinstance(one, CreateChannel | AddMembers))
    assert create == add


def test_an_approval_names_the_very_account_and_room() -> None:
    removal = RemoveMember(ROOM, 7, "a7", "anna", reason=WHY)
    assert replace(removal, account_id="other").key != removal.key
    assert replace(removal, channel=replace(ROOM, room_id="other")).key != removal.key
    rename = RenameChannel(ROOM, "B", reason=WHY)
    assert replace(rename, channel=replace(ROOM, name="other")).key != rename.key
    assert Deactivate(7, "other", "anna", reason=WHY).key != Deactivate(*ACCOUNT, reason=WHY).key


def test_what_is_given_is_the_same_although_its_room_is_being_made() -> None:
    role = SetRoomRole(ROOM, 7, "anna", RoomRole.LEADER, reason=WHY)
    assert replace(role, channel=replace(ROOM, room_id=None)).key == role.key


def test_labels_are_in_the_order_in_which_operations_are_carried_out() -> None:
    waves = [kinds()[kind].wave for kind in labels()]
    assert waves == sorted(waves)


def test_each_permission_is_named_once() -> None:
    names = [one.name for one in permissions(Policy(roles={1: RoomRole.OWNER}))]
    assert len(set(names)) == len(names) > 8


@pytest.mark.parametrize(
    "row",
    [
        Stored("of_another_version", 7, None, None, WHY, {}),
        Stored("deactivate", 7, None, None, WHY, {}),
        Stored("archive", None, None, None, WHY, {"name": "A", "room_id": "r"}),
        Stored("set_room_role", 7, 10, 2, WHY, {"name": "A", "username": "u", "role": "king"}),
    ],
)
def test_a_row_that_says_too_little_is_no_operation(row: Stored) -> None:
    assert restore(row) is None
