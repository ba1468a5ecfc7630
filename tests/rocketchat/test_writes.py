"""Changing Rocket.Chat: doing it twice does no harm, and nothing that was done is lost."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import responses

from demo.standin import ADMIN_ID, ADMIN_PASSWORD, ADMIN_TOKEN_WITH_2FA, StandIn
from integration.domain.errors import (
    NameTaken,
    NotFound,
    PermissionMissing,
    RocketChatError,
    SecondFactorRequired,
    TooSoonForPerson,
    TransientError,
)
from integration.domain.operations import CREATE_CHUNK, INVITE_CHUNK
from integration.domain.room_texts import NO_TEXTS, RoomTexts
from integration.domain.state import RoomRole
from integration.services import rocketchat
from integration.services.rocketchat import RocketChatRemote
from tests.support.remote_client import channel, person, quick_remote, room, user

VERSIONS = ("3.11", "6.5", "7.2", "7.7", "8.6", "8.8", "9.0")
UNKNOWN = ("timeout_after", "reset_after", "html", "garbage")  # it was done, but who could know
NOT_DONE = ("timeout_before", "reset", "status")
EVERY_FAULT = (*UNKNOWN, *NOT_DONE, "429")


@pytest.fixture(params=VERSIONS)
def standin(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with StandIn(like=request.param) as server:
        yield server


@pytest.fixture
def remote(standin: StandIn) -> Iterator[RocketChatRemote]:
    with quick_remote(standin.url) as remote:
        yield remote


# ── Once around ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("private", [True, False])
def test_the_whole_life_of_a_channel_and_its_people(
    standin: StandIn, remote: RocketChatRemote, private: bool
) -> None:
    writes = remote.writes
    anna, bert, cleo = (person(remote, name) for name in ("anna", "bert", "cleo"))
    made = channel(remote, private=private, usernames=["anna", "bert"], texts=RoomTexts("Course 7"))
    assert (made.users_count, made.topic, made.private) == (3, "Course 7", private)
    assert room(standin)["customFields"] == {"moodle_course": 7, "moodle_group": 42}
    assert room(standin)["topic"] == "Course 7"
    room_id = made.room_id

    assert writes.add_members(room_id, private, [cleo.account_id]) == 4
    writes.set_role(room_id, private, anna.account_id, RoomRole.OWNER)
    writes.set_role(room_id, private, bert.account_id, RoomRole.MODERATOR)
    writes.set_role(room_id, private, cleo.account_id, RoomRole.LEADER)
    expected = {"rcsync-bot": ["owner"], "anna": ["owner"], "bert": ["moderator"]}
    assert room(standin)["roles"] == expected | {"cleo": ["leader"]}
    writes.unset_role(room_id, private, cleo.account_id, RoomRole.LEADER)
    assert room(standin)["roles"] == expected
    writes.remove_member(room_id, private, cleo.account_id)
    assert room(standin)["members"] == ["anna", "bert", "rcsync-bot"]

    assert not room(standin)["ro"]
    channel(remote, "closed", private=private, read_only=True)
    assert room(standin, "closed")["ro"]

    writes.rename_channel(room_id, "renamed")
    writes.set_texts(room_id, {"topic": "Other"})
    writes.set_read_only(room_id, True)
    now = room(standin, "renamed")
    assert (now["topic"], now["ro"]) == ("Other", True)
    writes.archive(room_id)
    assert room(standin, "renamed")["archived"]
    writes.unarchive(room_id)
    assert not room(standin, "renamed")["archived"]
    writes.set_active(bert.account_id, False)
    assert not user(standin, "bert")["active"]
    writes.set_active(bert.account_id, True)
    assert user(standin, "bert")["active"]


def test_doing_everything_twice_changes_nothing_and_fails_nowhere(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    writes, anna = remote.writes, person(remote, "anna")
    room_id = channel(remote, usernames=["anna"]).room_id
    calls: list[tuple[Any, ...]] = [
        (writes.add_members, room_id, True, [anna.account_id]),
        (writes.set_role, room_id, True, anna.account_id, RoomRole.MODERATOR),
        (writes.unset_role, room_id, True, anna.account_id, RoomRole.MODERATOR),
        (writes.set_texts, room_id, {"topic": "Topic"}),
        (writes.rename_channel, room_id, "renamed"),
        (writes.set_read_only, room_id, True),
        (writes.set_active, anna.account_id, False),
        (writes.set_active, anna.account_id, True),
        (writes.remove_member, room_id, True, anna.account_id),
        (writes.unset_role, room_id, True, anna.account_id, RoomRole.OWNER),
        (writes.archive, room_id),
        (writes.unarchive, room_id),
    ]
    for call, *arguments in calls:
        call(*arguments)
        before = standin.state()
        call(*arguments)
        after = standin.state()
        for one in (*before["rooms"], *after["rooms"]):
            del one["msgs"]
        assert after == before


# ── Accounts ─────────────────────────────────────────────────────────────────────────────────────


def test_a_new_account_is_quiet_and_has_a_password_nobody_knows() -> None:
    passwords = set()
    with responses.RequestsMock() as server:
        row = {"_id": "u1", "username": "anna", "emails": [{"address": "anna@example.com"}]}
        server.post("http://127.0.0.1:1/api/v1/users.create", json={"user": row, "success": True})
        with quick_remote("http://127.0.0.1:1") as remote:
            for _ in range(5):
                assert person(remote, "anna").account_id == "u1"
        for call in server.calls:
            body = json.loads(call.request.body or "{}")
            passwords.add(body.pop("password"))
            assert body == {
                "username": "anna",
                "name": "Anna",
                "email": "anna@example.com",
                "verified": True,
                "joinDefaultChannels": False,
                "requirePasswordChange": False,
                "sendWelcomeEmail": False,
            }
    assert len(passwords) == 5
    assert all(len(password) > 40 for password in passwords)


@pytest.mark.parametrize("fault", EVERY_FAULT)
def test_a_create_with_unknown_outcome_makes_one_account(
    standin: StandIn, remote: RocketChatRemote, fault: str
) -> None:
    standin.fault(fault, endpoint="users.create", seconds=0.5 if "timeout" in fault else 2)
    made = person(remote, "anna")
    assert (made.username, made.emails) == ("anna", ("anna@example.com",))
    assert user(standin, "anna")["id"] == made.account_id


def test_a_username_of_somebody_else_is_never_taken_over(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    person(remote, "anna")
    for fault in (None, "timeout_before"):
        if fault:
            standin.fault(fault, endpoint="users.create", seconds=0.5)
        with pytest.raises(NameTaken):
            remote.writes.create_account(username="anna", name="Other", email="o@example.com")


def test_an_existing_account_is_not_passed_off_as_a_new_one(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    person(remote, "anna")
    with pytest.raises(NameTaken):
        person(remote, "anna")


def test_a_time_out_whose_look_up_shows_success_is_no_strain(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    standin.fault("timeout_after", endpoint="users.create", seconds=0.5)
    person(remote, "anna")
    assert remote.client.limiter.concurrency.places == 8
    standin.fault("timeout_before", endpoint="users.create", seconds=0.5)
    person(remote, "bert")
    assert remote.client.limiter.concurrency.places < 8


def test_a_second_address_within_a_minute_keeps_only_that_person_waiting(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    anna, bert = person(remote, "anna"), person(remote, "bert")
    remote.writes.update_account(anna.account_id, name=None, email="a2@example.com")
    if standin.world.dialect.limits_address_changes:
        with pytest.raises(TooSoonForPerson):
            remote.writes.update_account(anna.account_id, name=None, email="a3@example.com")
    else:
        remote.writes.update_account(anna.account_id, name=None, email="a3@example.com")
    remote.writes.update_account(bert.account_id, name=None, email="b2@example.com")
    assert user(standin, "bert")["emails"][0]["address"] == "b2@example.com"
    assert remote.stats.seconds_waited == 0
    assert remote.client.limiter.concurrency.places == 8


def test_a_create_that_fails_twice_is_reported(standin: StandIn, remote: RocketChatRemote) -> None:
    standin.fault("status", endpoint="users.create", times=2)
    with pytest.raises(TransientError):
        person(remote, "anna")


def test_changing_an_account_keeps_what_is_not_ours(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    anna = person(remote, "anna")
    with standin.world.lock:
        record = standin.world.users[anna.account_id]
        record.bio, record.nickname = "Likes tea", "Annie"
        standin.world.touch_user(record)
    remote.writes.update_account(anna.account_id, name="Anna New", email=None)
    remote.writes.update_account(anna.account_id, name=None, email="New@Example.com")
    now = standin.world.users[anna.account_id]
    assert (now.name, now.bio, now.nickname) == ("Anna New", "Likes tea", "Annie")
    assert now.email.lower() == "new@example.com"
    assert now.verified


def test_an_account_that_is_already_so_is_not_written(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    anna = person(remote, "anna")
    remote.writes.update_account(anna.account_id, name="Anna", email="ANNA@example.com")
    assert "POST users.update" not in remote.stats.by_endpoint


def test_an_account_that_is_partly_hidden_is_not_changed(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    """Rocket.Chat would erase the bio and nickname that we cannot see."""
    anna = person(remote, "anna")
    standin.configure(permissions={"view-full-other-user-info": []})
    with pytest.raises(PermissionMissing, match="view-full-other-user-info"):
        remote.writes.update_account(anna.account_id, name="Anna New", email=None)


def test_the_bot_s_password_opens_what_needs_a_second_factor(standin: StandIn) -> None:
    with quick_remote(standin.url) as admin:
        anna = person(admin, "anna")
    with (
        quick_remote(standin.url, ADMIN_TOKEN_WITH_2FA) as remote,
        pytest.raises(SecondFactorRequired),
    ):
        remote.writes.update_account(anna.account_id, name="Anna New", email=None)
    secret: dict[str, Any] = {"second_factor_password": ADMIN_PASSWORD}
    with quick_remote(standin.url, ADMIN_TOKEN_WITH_2FA, **secret) as remote:
        remote.writes.update_account(anna.account_id, name="Anna New", email=None)
    assert user(standin, "anna")["name"] == "Anna New"


def test_an_account_that_is_gone_is_not_found(standin: StandIn, remote: RocketChatRemote) -> None:
    for change in (
        lambda: remote.writes.set_active("no-such-id", False),
        lambda: remote.writes.update_account("no-such-id", name="X", email=None),
    ):
        with pytest.raises(NotFound):
            change()


def test_the_last_owner_of_a_channel_stays_active_and_the_channel_is_named(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    anna = person(remote, "anna")
    made = channel(remote, usernames=["anna"])
    remote.writes.set_role(made.room_id, True, anna.account_id, RoomRole.OWNER)
    remote.writes.unset_role(made.room_id, True, ADMIN_ID, RoomRole.OWNER)
    with pytest.raises(RocketChatError, match="group") as refused:
        remote.writes.set_active(anna.account_id, False)
    assert refused.value.code == "user-last-owner"
    assert "owner" in refused.value.hint
    assert user(standin, "anna")["active"]


# ── Channels ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", EVERY_FAULT)
def test_a_create_with_unknown_outcome_makes_one_complete_channel(
    standin: StandIn, remote: RocketChatRemote, fault: str
) -> None:
    person(remote, "anna")
    seconds = 0.5 if "timeout" in fault else 2
    for name, private in (("groups", True), ("channels", False)):
        standin.fault(fault, endpoint=f"{name}.create", seconds=seconds)
        made = channel(remote, name, private=private, usernames=["anna"], texts=RoomTexts("Topic"))
        now = room(standin, name)
        assert (made.room_id, made.users_count, made.moodle_group) == (now["id"], 2, 42)
        assert (now["members"], now["topic"]) == (["anna", "rcsync-bot"], "Topic")


def test_a_channel_of_others_is_never_taken_over(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    channel(remote, group_id=1)
    with pytest.raises(NameTaken):
        channel(remote, group_id=42)
    standin.fault("timeout_before", endpoint="groups.create", seconds=0.5)
    with pytest.raises(NameTaken):
        channel(remote, group_id=42)
    assert room(standin)["customFields"]["moodle_group"] == 1


def test_a_channel_with_special_characters_is_found_again(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    standin.configure(UI_Allow_room_names_with_special_chars=True)
    standin.fault("reset_after", endpoint="groups.create")
    made = channel(remote, name="Übung 1 / Gruppe (B)")
    [now] = [one for one in standin.state()["rooms"] if one["fname"] == "Übung 1 / Gruppe (B)"]
    assert made.room_id == now["id"]
    assert made.name == "Übung 1 / Gruppe (B)"


def test_unknown_members_are_told_by_the_count(standin: StandIn, remote: RocketChatRemote) -> None:
    person(remote, "anna")
    assert channel(remote, usernames=["anna", "nobody", "anna"]).users_count == 2


def saves(standin: StandIn) -> int:
    return int(standin.stats()["by_endpoint"].get("POST rooms.saveRoomSettings", 0))


def test_all_texts_of_a_channel_are_one_request(standin: StandIn, remote: RocketChatRemote) -> None:
    room_id = channel(remote).room_id
    texts = {"topic": "T", "description": "D", "announcement": "A"}
    standin.reset_stats()
    remote.writes.set_texts(room_id, texts)
    assert saves(standin) == 1
    now = room(standin)
    assert {name: now[name] for name in texts} == texts
    remote.writes.set_texts(room_id, {"description": "Other"})
    assert {name: room(standin)[name] for name in texts} == texts | {"description": "Other"}


def test_what_cannot_go_in_with_a_channel_follows_in_one_request(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    texts = RoomTexts("T", "D", "A")
    standin.reset_stats()
    made = channel(remote, texts=texts)
    now = room(standin)
    assert (now["topic"], now["description"], now["announcement"]) == texts == made.texts
    assert saves(standin) == 1
    channel(remote, "without")
    assert saves(standin) == 1, "nothing is sent where there is nothing to set"


def test_what_fails_after_the_room_is_made_does_not_lose_the_room(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    standin.fault("refuse", endpoint="rooms.saveRoomSettings")
    standin.fault("refuse", endpoint="groups.invite")
    names = [f"p{number}" for number in range(3)]
    for name in names:
        person(remote, name)
    made = channel(remote, usernames=names, texts=RoomTexts("Topic"))
    assert made.room_id == room(standin)["id"]
    assert (room(standin)["topic"] or "") == made.topic  # 3.x takes none at creation


def test_a_large_channel_is_made_and_filled_in_chunks(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    names = [f"p{number}" for number in range(CREATE_CHUNK + 5)]
    with standin.world.lock:
        for name in names:
            standin.world.add_user(name, email=f"{name}@example.com")
    assert channel(remote, usernames=names).users_count == len(names) + 1
    assert len(room(standin)["members"]) == len(names) + 1


# ── Members ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("private", [True, False])
def test_people_are_added_in_as_few_requests_as_the_server_takes(
    standin: StandIn, private: bool
) -> None:
    with quick_remote(standin.url, patience=60) as remote:
        count = INVITE_CHUNK + 10
        with standin.world.lock:
            people = [standin.world.add_user(f"p{number}").id for number in range(count)]
        made = channel(remote, private=private)
        kind = "groups" if private else "channels"
        assert remote.writes.add_members(made.room_id, private, people) == count + 1
        dialect = standin.world.dialect
        lists = dialect.invites_take_lists and (private or not dialect.at_least(8, 8))
        assert remote.stats.by_endpoint[f"POST {kind}.invite"] == (2 if lists else count + 1)


def test_nobody_to_add_costs_nothing(standin: StandIn, remote: RocketChatRemote) -> None:
    assert remote.writes.add_members("any", True, []) is None
    assert remote.stats.total == 0


@pytest.mark.parametrize("private", [True, False])
def test_accounts_that_are_gone_do_not_keep_the_others_out(
    standin: StandIn, remote: RocketChatRemote, private: bool
) -> None:
    anna, made = person(remote, "anna"), channel(remote, private=private)
    people = ["gone-1", anna.account_id, "gone-2"]
    assert remote.writes.add_members(made.room_id, private, people) == 2
    with pytest.raises(NotFound):
        remote.writes.add_members(made.room_id, private, ["gone-1", "gone-2"])


@pytest.mark.parametrize("private", [True, False])
def test_an_account_that_is_gone_is_not_in_the_channel_either(
    standin: StandIn, remote: RocketChatRemote, private: bool
) -> None:
    made = channel(remote, private=private)
    before = standin.state()
    remote.writes.remove_member(made.room_id, private, "gone")
    assert standin.state() == before


def test_a_channel_that_is_gone_is_an_error_when_people_are_to_be_removed(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    anna = person(remote, "anna")
    with pytest.raises(NotFound):
        remote.writes.remove_member("no-such-room", True, anna.account_id)


@pytest.mark.parametrize("fault", EVERY_FAULT)
def test_changes_of_a_channel_come_through_a_bad_moment(fault: str) -> None:
    with StandIn(like="8.8") as server, quick_remote(server.url) as remote:
        anna, made = person(remote, "anna"), channel(remote)
        for endpoint in ("groups.invite", "groups.addModerator", "rooms.saveRoomSettings"):
            server.fault(fault, endpoint=endpoint, seconds=0.5 if "timeout" in fault else 2)
        remote.writes.add_members(made.room_id, True, [anna.account_id])
        remote.writes.set_role(made.room_id, True, anna.account_id, RoomRole.MODERATOR)
        remote.writes.set_texts(made.room_id, {"topic": "Topic"})
        now = room(server)
        assert now["members"] == ["anna", "rcsync-bot"]
        assert now["roles"]["anna"] == ["moderator"]
        assert now["topic"] == "Topic"
        for endpoint in ("groups.kick", "rooms.changeArchivationState", "users.setActiveStatus"):
            server.fault(fault, endpoint=endpoint, seconds=0.5 if "timeout" in fault else 2)
        remote.writes.remove_member(made.room_id, True, anna.account_id)
        remote.writes.archive(made.room_id)
        remote.writes.set_active(anna.account_id, False)
        assert room(server)["members"] == ["rcsync-bot"]
        assert room(server)["archived"]
        assert not user(server, "anna")["active"]


def test_a_plain_member_has_no_role_to_set(standin: StandIn, remote: RocketChatRemote) -> None:
    with pytest.raises(ValueError, match="no role"):
        remote.writes.set_role("room", True, "account", RoomRole.MEMBER)


def test_no_call_deletes_anything_or_gives_up_ownership() -> None:
    """Rocket.Chat deletes rooms when `confirmRelinquish` is sent; deleting is not our business."""
    folder = Path(rocketchat.__path__[0])
    sent = "\n".join(file.read_text() for file in folder.glob("*.py"))
    assert '"confirmRelinquish"' not in sent
    for endpoint in ("users.delete", "channels.delete", "groups.delete", "rooms.delete"):
        assert endpoint not in sent


def test_a_room_of_our_own_mark_that_appeared_after_our_look_is_ours(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    """A run that died had asked for it; its members are put in, too. Another group's is not."""
    people = [person(remote, name) for name in ("anna", "bert")]

    def make(group_id: int, *usernames: str) -> str:
        made = remote.writes.create_channel(
            name="group",
            private=True,
            texts=NO_TEXTS,
            read_only=False,
            group_id=group_id,
            course_id=1,
            usernames=usernames,
        )
        return made.channel.room_id

    room_id = make(7, "anna")
    assert make(7, "anna", "bert") == room_id
    (found,) = [one for one in standin.state()["rooms"] if one["id"] == room_id]
    assert {one.username for one in people} <= set(found["members"])
    with pytest.raises(NameTaken):
        make(8, "anna")
