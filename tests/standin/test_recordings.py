"""The stand-in is held to the recorded answers of Rocket.Chat 3.11.4 and 6.5.3."""

from __future__ import annotations

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
from tests.support.standin_scenes import BEFORE, Stage
from tests.support.standin_tape import Case, differences, in_order, read_cases

LIKE = {"3.11.4": "3.11", "6.5.3": "6.5"}
ADMINISTRATORS = {"3.11.4": "admin", "6.5.3": "rcadmin"}
SESSIONS = ("main", "import", "private")
COVERED_AT_LEAST = {"3.11.4": 405, "6.5.3": 434}

# Recorded, but no part of what a sync asks of a server.
NOT_OFFERED = {
    "channels.delete": "a sync never deletes rooms",
    "groups.delete": "a sync never deletes rooms",
    "users.delete": "a sync never deletes accounts",
    "users.createToken": "a sync acts in nobody's name but its own",
    "users.presence": "a sync does not care who is online",
    "roles.addUserToRole": "a sync gives roles in rooms only",
    "roles.getUsersInRole": "a sync gives roles in rooms only",
    "roles.list": "a sync gives roles in rooms only",
    "rooms.get": "only the caller's own rooms: adminRooms shows them all",
    "subscriptions.getOne": "only the caller's own subscription",
    "teams.create": "a sync does not use teams",
    "teams.addRooms": "a sync does not use teams",
    "teams.addMembers": "a sync does not use teams",
    "teams.members": "a sync does not use teams",
    "teams.removeMember": "a sync does not use teams",
    "teams.listRooms": "a sync does not use teams",
}


@dataclass(frozen=True, slots=True)
class Exemption:
    """A difference that is meant: in which cases, where, and why."""

    case: str
    difference: str
    reason: str


PREFERENCES = "the stand-in keeps no display preferences; no sync reads them"
FEW_SETTINGS = "the stand-in keeps the settings a sync may ask about, not some 400 to 900 of them"
FEW_PERMISSIONS = "the stand-in keeps the permissions a sync may need, not all thousand"
EXEMPTIONS = (
    Exemption("login_*", "data.me.settings.preferences.*: missing", PREFERENCES),
    Exemption("me*", "settings.preferences.*: missing", PREFERENCES),
    Exemption("lowpriv_me_*", "settings.preferences.*: missing", PREFERENCES),
    Exemption("settings_public", "total: * became *", FEW_SETTINGS),
    Exemption("settings_public", "settings[[][]]: *", FEW_SETTINGS),
    Exemption("settings_list", "total: * became *", FEW_SETTINGS),
    Exemption("p_settings_public", "total: * became *", FEW_SETTINGS),
    Exemption("p_settings_public", "count: * became *", FEW_SETTINGS),
    Exemption("p_settings_public", "settings[[][]]: missing", FEW_SETTINGS),
    Exemption("*permissions*", "update[[][]]: missing", FEW_PERMISSIONS),
    Exemption("*permissions*", "update: another order", "the order says nothing to anybody"),
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
        if recorded.status == 429 and limit not in given.headers:
            return [f"{limit}: missing"]
        return differences(recorded.answer, given.body)


@cache
def played(version: str) -> tuple[Played, ...]:
    """Every recorded case of a server, played to a stand-in."""
    cases, others = (
        read_cases(require_shared() / "rocketchat" / "recordings" / name)
        for name in (version, *(LIKE.keys() - {version}))
    )
    return tuple(
        item
        for session in SESSIONS
        for item in _played_session(version, [c for c in cases if c.session == session], others)
    )


def _played_session(version: str, cases: list[Case], others: list[Case]) -> Iterator[Played]:
    if not cases:
        return
    with StandIn(like=LIKE[version]) as server:
        stage = Stage(cases, server, ADMINISTRATORS[version])
        for case in in_order(cases, others, BEFORE):
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
def test_nearly_all_recorded_calls_are_offered(version: str, note: Callable[[str], None]) -> None:
    items = played(version)
    covered = [item for item in items if item.answer is not None]
    missing = {item.case.endpoint for item in items if item.answer is None}
    note(
        f"stand-in, {version}: {len(covered)} of {len(items)} recorded cases covered, "
        f"{len(items) - len(covered)} not offered ({', '.join(sorted(missing))})"
    )
    assert len(covered) >= COVERED_AT_LEAST[version]
    assert missing <= NOT_OFFERED.keys()


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
