"""The permissions that the doctor asks for: each is needed, and together they are enough."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest

from demo.standin import ADMIN_ID, StandIn
from integration.domain.checks import CheckStatus
from integration.domain.errors import RocketChatError
from integration.domain.policy import Deactivation, MissingAccounts, Policy
from integration.domain.state import Ending, RoomRole
from integration.services.rocketchat import RocketChatRemote, check_rocketchat
from integration.services.rocketchat.doctor_permissions import needed_permissions
from tests.support.remote_client import channel, person, quick_remote

EVERY_ROLE = {1: RoomRole.OWNER, 2: RoomRole.MODERATOR, 3: RoomRole.LEADER}
EVERYTHING = Policy(roles=EVERY_ROLE, on_course_ended=Ending.READ_ONLY)
PUBLIC = Policy(private_channels=False, roles=EVERY_ROLE, on_course_ended=Ending.READ_ONLY)
NAMES = sorted({one.name for one in needed_permissions(EVERYTHING)})
NOTHING_ENDS: dict[str, Any] = {
    one.name: Ending.KEEP for one in fields(Policy) if one.name.startswith("on_")
}
Step = Callable[[], object]


@pytest.fixture(params=["6.5", "7.2", "8.6", "9.0"])
def standin(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    """The bot has the role `bot` alone, and no role but administrators' has anything by itself."""
    with StandIn(like=request.param) as server:
        with server.world.lock:
            server.world.users[ADMIN_ID].roles = ["bot"]
        yield server


def grant_only(standin: StandIn, names: set[str]) -> None:
    world = standin.world
    with world.lock:
        for name in world.permissions:
            world.permissions[name] = ["bot"] if name in names else []
        world.permissions["api-bypass-rate-limit"] = ["bot"]


def whole_life(remote: RocketChatRemote, *, private: bool = True) -> Iterator[Step]:
    """Every call that a sync makes, one step after the other."""
    writes = remote.writes
    yield lambda: remote.read(known_counts={}, wanted_names=())
    anna = person(remote, "anna")
    made = channel(remote, private=private)
    room = (made.room_id, private)
    yield lambda: writes.add_members(*room, [anna.account_id])
    for role in EVERY_ROLE.values():
        yield lambda role=role: writes.set_role(*room, anna.account_id, role)  # type: ignore[misc]
        yield lambda role=role: writes.unset_role(*room, anna.account_id, role)  # type: ignore[misc]
    count = {made.room_id: None}
    yield lambda: remote.read(known_counts=count, wanted_names=(), full_check=(made.room_id,))
    yield lambda: writes.rename_channel(made.room_id, "renamed")
    yield lambda: writes.set_texts(made.room_id, {"topic": "Topic"})
    yield lambda: writes.set_read_only(made.room_id, True)
    yield lambda: writes.remove_member(*room, anna.account_id)
    yield lambda: writes.archive(made.room_id)
    yield lambda: writes.unarchive(made.room_id)
    yield lambda: writes.update_account(anna.account_id, name="Anna New", email=None)
    yield lambda: writes.set_active(anna.account_id, False)


def refusals(standin: StandIn, *, private: bool = True) -> list[RocketChatError]:
    """What fails in a whole life; making an account or a channel ends it."""
    found: list[RocketChatError] = []
    with quick_remote(standin.url) as remote:
        steps = whole_life(remote, private=private)
        try:
            for step in steps:
                try:
                    step()
                except RocketChatError as error:
                    found.append(error)
        except RocketChatError as error:
            found.append(error)
    return found


def missing(standin: StandIn, policy: Policy) -> set[str]:
    with quick_remote(standin.url) as remote:
        checks = check_rocketchat(remote.client, policy)
    bad = {one.name for one in checks if one.status is CheckStatus.FAILED}
    return {name.removeprefix("Permission ") for name in bad if name.startswith("Permission ")}


@pytest.mark.parametrize("policy", [EVERYTHING, PUBLIC], ids=["private", "public"])
def test_what_the_doctor_asks_for_is_enough(standin: StandIn, policy: Policy) -> None:
    grant_only(standin, {one.name for one in needed_permissions(policy)})
    assert refusals(standin, private=policy.private_channels) == []
    assert missing(standin, policy) == set()


@pytest.mark.parametrize("name", NAMES)
def test_each_that_the_doctor_asks_for_is_needed_and_missed_by_name(
    standin: StandIn, name: str
) -> None:
    grant_only(standin, set(NAMES) - {name})
    assert missing(standin, EVERYTHING) == {name}
    assert refusals(standin) != []


def test_settings_that_never_need_a_permission_do_not_ask_for_it() -> None:
    quiet = Policy(
        missing_accounts=MissingAccounts.LINK_ONLY,
        deactivation=Deactivation.NEVER,
        follow_renames=False,
        topic_template="",
        **NOTHING_ENDS,
    )
    few = {one.name for one in needed_permissions(quiet)}
    assert few == {
        "add-user-to-joined-room",
        "create-p",
        "edit-room",  # a channel is marked as ours
        "remove-user",
        "view-d-room",
        "view-full-other-user-info",
        "view-room-administration",
    }
    assert "run-import" not in few
    assert "run-import" in {one.name for one in needed_permissions(quiet, bulk_import=True)}
