"""The stand-in is held to recorded answers of five versions of Rocket.Chat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from demo.standin import StandIn
from demo.standin.application import ROUTES
from demo.standin.routes.routing import split_tail
from tests.support.servers import require_shared
from tests.support.standin_client import Answer
from tests.support.standin_later_scenes import LaterStage
from tests.support.standin_scenes import BEFORE, Stage
from tests.support.standin_tape import (
    LATER_SESSIONS,
    Case,
    cut,
    differences,
    in_order,
    read_cases,
)

OLD = {"3.11.4": "3.11", "6.5.3": "6.5"}
LATER = {"7.2.0": "7.2", "7.7.1": "7.7", "8.6.1": "8.6"}
LIKE = OLD | LATER
ADMINISTRATORS = {"3.11.4": "admin"} | dict.fromkeys(("6.5.3", *LATER), "rcadmin")
SESSIONS = ("main", "import", "private", "new", "tokens")
# What rcsync asks of a server, and how much of its cases has to be exactly as recorded.
USED = (
    *("login", "logout", "me", "/api/info", "settings.public", "settings/*", "licenses.info"),
    *("permissions.listAll", "users.getPersonalAccessTokens", "import.*", "chat.postMessage"),
    *("users.create", "users.update", "users.setActiveStatus"),
    *("users.info", "users.list", "users.listByStatus"),
    *("rooms.adminRooms", "rooms.info", "rooms.membersOrderedByRole"),
    *("rooms.saveRoomSettings", "rooms.changeArchivationState"),
    *(
        f"{kind}.{action}"
        for kind in ("channels", "groups")
        for action in ("create", "invite", "kick", "members", "roles", "add*", "remove*")
    ),
)
EXACT_AT_LEAST = 0.95

# Recorded, but no part of what a sync asks of a server.
NOT_OFFERED = {
    "users.createToken": "a sync acts in nobody's name but its own",
    "users.presence": "a sync does not care who is online",
    "roles.addUserToRole": "a sync gives roles in rooms only",
    "roles.getUsersInRole": "a sync gives roles in rooms only",
    "roles.list": "a sync gives roles in rooms only",
    "rooms.get": "only the caller's own rooms: adminRooms shows them all",
    "subscriptions.getOne": "only the caller's own subscription",
    "roles.removeUserFromRole": "a sync gives roles in rooms only",
    "roles.create": "a sync gives roles in rooms only",
}


@dataclass(frozen=True, slots=True)
class Exemption:
    """A difference that is meant: in which cases, where, and why."""

    case: str
    difference: str
    reason: str


PREFERENCES = "the stand-in keeps no display preferences; no sync reads them"
FEW_SETTINGS = "the stand-in keeps the settings a sync may ask about, not some 400 to 900 of them"
NO_DIRECT_ROOMS = "the stand-in keeps no direct rooms; no sync reads them"
LOGGER = "the recorded build stumbles over its own log"
NOT_THE_SERVER = "the database of the recorded server was a stand-in itself"
ORDER = "the order says nothing to anybody"
FEW_PERMISSIONS = "the stand-in keeps the permissions a sync may need, not all thousand"
EXEMPTIONS = (
    Exemption("*", "data.me.settings.preferences.*: missing", PREFERENCES),
    Exemption("*", "settings.preferences.*: missing", PREFERENCES),
    Exemption("*settings_public*", "total: * became *", FEW_SETTINGS),
    Exemption("*settings_public*", "settings[[][]]: *", FEW_SETTINGS),
    Exemption("settings_list*", "total: * became *", FEW_SETTINGS),
    Exemption("settings_list_query", "settings[[][]]: *", FEW_SETTINGS),
    Exemption("*settings_public*", "count: * became *", FEW_SETTINGS),
    Exemption("n_bot_*_channel_members_outside", "total: 100? became *", NOT_THE_SERVER),
    Exemption(
        "n_info_admin", "*version: '7.2.0-develop' became '7.2.0'", "a build of the developers"
    ),
    Exemption("n_*_sort_bad", "error*: *", LOGGER),
    Exemption("n_*_sort_bad", "details: too much", LOGGER),
    Exemption("n_postMessage_to_user", "message.rid: *", NO_DIRECT_ROOMS),
    Exemption("*users_info*", "user.rooms[[][]]: *", NO_DIRECT_ROOMS),
    Exemption("import_status_done*", "operation.count.error: 0 became *", NOT_THE_SERVER),
    Exemption("*permissions*", "update[[][]]: *", FEW_PERMISSIONS),
    Exemption("*permissions*", "update: another order", ORDER),
    Exemption("n_perm_*", "permissions: another order", ORDER),
    Exemption("n_perm_*", "permissions[[][]]: *", FEW_PERMISSIONS),
    Exemption("*teams_members*", "members: another order", ORDER),
    Exemption("*", "user.roomRolePriorities: missing", "only the server's own sorting reads it"),
)


@dataclass(frozen=True, slots=True)
class Played:
    """A recorded case with the stand-in's answer; no answer where it is not offered."""

    case: Case
    answer: Answer | None

    def differences(self) -> list[str]:
        """All differences, exempted or not."""
        if self.answer is None:
            return []
        recorded, given = self.case, self.answer
        if recorded.status != given.status:
            return [f"status: {recorded.status} became {given.status}, {given.body}"]
        if isinstance(recorded.answer, str):
            alike = isinstance(given.body, str) and bool(recorded.answer) == bool(given.body)
            return [] if alike else [f"text became {given.body!r}"]
        limit = "x-ratelimit-reset"
        if (
            recorded.status == 429
            and limit in recorded.answer_headers.keys() - given.headers.keys()
        ):
            return [f"{limit}: missing"]
        return differences(recorded.answer, cut(given.body, recorded.kept))


@cache
def played(version: str) -> tuple[Played, ...]:
    """Every recorded case of a server, played to a stand-in."""
    cases = _ordered(version)
    return tuple(
        item
        for session in SESSIONS
        for item in _played_session(version, [c for c in cases if c.session == session])
    )


def _ordered(version: str) -> list[Case]:
    """The cases in the order they were made in; newer indexes have it."""
    folder = require_shared() / "rocketchat" / "recordings"
    if version in LATER:
        return read_cases(folder / version, LATER_SESSIONS)
    cases, others = (read_cases(folder / name) for name in (version, *(OLD.keys() - {version})))
    return in_order(cases, others, BEFORE)


def _played_session(version: str, cases: list[Case]) -> Iterator[Played]:
    if not cases:
        return
    with StandIn(like=LIKE[version]) as server:
        kind = LaterStage if version in LATER else Stage
        stage = kind(cases, server, ADMINISTRATORS[version])
        for case in cases:
            if _is_offered(case, server):
                yield Played(case, stage.play(case))
            else:
                stage.stand_by(case)
                yield Played(case, None)


def _is_offered(case: Case, server: StandIn) -> bool:
    """Endpoints that the recorded server did not have are offered by not being there."""
    name, _ = split_tail(case.endpoint)
    known = ROUTES.methods(name, server.world.dialect.release)
    return bool(known) or case.is_unknown_endpoint


def exemptions_for(item: Played, difference: str) -> list[Exemption]:
    """The reasons why a difference is meant."""
    return [
        exemption
        for exemption in EXEMPTIONS
        if fnmatchcase(item.case.name, exemption.case)
        and fnmatchcase(difference, exemption.difference)
    ]


@pytest.mark.parametrize("version", LIKE)
def test_every_recorded_call_is_answered_as_it_was(version: str) -> None:
    unexplained = [
        f"{item.case.name} ({item.case.endpoint}): {difference}"
        for item in played(version)
        for difference in item.differences()
        if not exemptions_for(item, difference)
    ]
    assert not unexplained, "\n".join(unexplained)


@pytest.mark.parametrize("version", LIKE)
def test_what_a_sync_uses_is_exactly_as_recorded(version: str, note: Callable[[str], None]) -> None:
    used = [item for item in played(version) if _is_used(item.case)]
    exact = [item for item in used if item.answer is not None and not item.differences()]
    others = Counter(item.case.endpoint for item in used if item not in exact)
    note(
        f"stand-in, {version}: {len(exact)} of {len(used)} cases of used endpoints exactly as "
        f"recorded, the others with differences that are meant ({_counted(others)})"
    )
    assert len(exact) >= EXACT_AT_LEAST * len(used)
    assert all(item.answer is not None for item in used), "used, but not offered"


def _is_used(case: Case) -> bool:
    return any(fnmatchcase(case.endpoint, pattern) for pattern in USED)


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


@pytest.mark.parametrize("version", LIKE)
def test_what_is_not_offered_has_a_reason(version: str, note: Callable[[str], None]) -> None:
    items = played(version)
    missing = Counter(item.case.endpoint for item in items if item.answer is None)
    note(
        f"stand-in, {version}: {len(items) - missing.total()} of {len(items)} recorded cases "
        f"played, {missing.total()} not offered ({_counted(missing)})"
    )
    assert missing.keys() <= NOT_OFFERED.keys()


def test_every_endpoint_that_is_not_offered_was_recorded() -> None:
    recorded = {item.case.endpoint for version in LIKE for item in played(version)}
    assert NOT_OFFERED.keys() <= recorded


@pytest.mark.parametrize("exemption", EXEMPTIONS, ids=lambda e: f"{e.case} {e.difference}")
def test_every_exemption_is_still_needed(exemption: Exemption) -> None:
    used = any(
        exemption in exemptions_for(item, difference)
        for version in LIKE
        for item in played(version)
        for difference in item.differences()
    )
    assert used, f"no longer needed: {exemption}"


def test_the_comparison_sees_what_differs() -> None:
    recorded = {"success": True, "user": {"name": "A"}, "rooms": [{"_id": "1", "t": "p"}]}
    given = {"user": {"name": 7, "more": 1}, "rooms": [{"_id": "1", "t": "c"}, {"_id": "2"}]}
    assert differences(recorded, given) == [
        "rooms[].t: 'p' became 'c'",
        "rooms[]: too much",
        "success: missing",
        "user.more: too much",
        "user.name: str became number",
    ]


def test_recordings_are_found_without_a_fixed_path(shared: Path) -> None:
    assert {path.name for path in (shared / "rocketchat" / "recordings").iterdir()} >= LIKE.keys()
