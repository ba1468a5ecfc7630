"""Every write endpoint does its work and denies it, or claims it and does nothing.

Two normal runs later Rocket.Chat and our own ledger are as if nothing had happened. This file knows
nothing of the table by which rcsync tells refusals apart.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from demo.standin import StandIn
from demo.standin.web.call import Reply, Request
from demo.standin.web.faults import Fault
from integration.domain.operations import kinds
from integration.models import SyncRun
from integration.services.runs import runner
from integration.services.runs.configured_connection import rocketchat_connection
from tests.support.site import Site
from tests.support.term import (
    Rewinding,
    at_the_start_of_a_term,
    different,
    in_the_middle_of_a_term,
)

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

UNHEARD_OF = "error-of-a-later-version"
WAYS: dict[str, Fault] = {
    "refused by 400 after the effect": Fault("refuse_after", code=400, text=UNHEARD_OF),
    "refused by 403 after the effect": Fault("refuse_after", code=403, text=UNHEARD_OF),
    "success: false after the effect": Fault("unsuccessful", text=UNHEARD_OF),
    "200 of the wrong shape": Fault("wrong_shape"),
    "200 about somebody else": Fault("somebody_else"),
    "200 without doing it": Fault("not_done"),
}
SESSION = ("login", "logout")
FIRST_SYNC = {"users.create", "groups.create", "groups.addModerator"}
CHANGES = FIRST_SYNC | {
    "users.update",
    "users.setActiveStatus",
    "groups.invite",
    "groups.kick",
    "groups.removeModerator",
    "rooms.saveRoomSettings roomName",
    "rooms.saveRoomSettings roomTopic",
    "rooms.saveRoomSettings readOnly",
    "rooms.saveRoomSettings roomCustomFields",
    "rooms.changeArchivationState",
}
CALLS_STRUCK = 3  # of each endpoint: the first, the last and one between


SETTINGS = "rooms.saveRoomSettings"
WITHOUT_A_WRITE = {"adopt_account", "adopt_channel"}  # they change our own tables only
# A mail that may have gone out is never sent again, so nothing is repaired by later runs:
# tests/runs/test_password_mails.py.
WITH_TESTS_OF_THEIR_OWN = {"send_password_mail"}


def kinds_that_write() -> set[str]:
    """Those of the product; other tests may have made one up."""
    ours = {name for name, one in kinds().items() if one.__module__.startswith("integration.")}
    return ours - WITHOUT_A_WRITE - WITH_TESTS_OF_THEIR_OWN


def name_of(request: Request) -> str:
    """The endpoint; with the setting, where one endpoint does the work of several operations."""
    endpoint = request.path.removeprefix("/api/v1/")
    if endpoint != SETTINGS:
        return endpoint
    (setting,) = set(json.loads(request.body)) - {"rid"}
    return f"{endpoint} {setting}"


@dataclass
class Target:
    endpoint: str  # as `name_of` names it
    number: int  # among the calls of this endpoint
    fault: Fault


class Bench(Rewinding):
    """Strikes at one call of one endpoint."""

    def __init__(self, site: Site, folder: Path) -> None:
        super().__init__(site, folder)
        self.calls: Counter[str] = Counter()  # of the run under test
        self.target: Target | None = None
        self.struck = 0
        self._reply = self.chat.application.reply
        self.chat.application.reply = self._maybe_faulty  # type: ignore[method-assign]

    def _maybe_faulty(self, request: Request) -> Reply:
        endpoint = name_of(request)
        if request.method != "POST" or endpoint in SESSION:
            return self._reply(request)
        number, target = self.calls[endpoint], self.target
        self.calls[endpoint] += 1
        if target is not None and (target.endpoint, target.number) == (endpoint, number):
            self.struck += 1
            self.target = None
            self.chat.application.faults.order(replace(target.fault))
        return self._reply(request)

    def run(self, target: Target | None = None, **order: Any) -> SyncRun:
        self.calls, self.target = Counter(), target
        return self.site.run(**order).run

    def afterwards(self, *, full_check: bool) -> SyncRun:
        """Two normal runs, and a full check where only that can find it."""
        run = [self.run(), self.run()][-1]
        return self.run(full_check=True) if full_check else run


@pytest.fixture
def bench(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_pauses: None
) -> Iterator[Bench]:
    connection = rocketchat_connection
    monkeypatch.setattr(
        runner, "rocketchat_connection", lambda: replace(connection(), max_connections=1)
    )
    with StandIn(like="8.8") as chat:
        yield Bench(Site(chat, settings), tmp_path)
        connections.close_all()


PREPARATIONS: dict[str, tuple[Callable[[Rewinding], object], set[str]]] = {
    "first sync": (at_the_start_of_a_term, FIRST_SYNC),
    "changes": (in_the_middle_of_a_term, CHANGES),
}


# What every run of the suite tries, at the first call of each endpoint. The others are slow, and
# their faults are of the same kinds.
SOON: dict[str, Collection[str]] = {
    "first sync": WAYS,
    "changes": ("refused by 400 after the effect", "200 without doing it"),
}
CASES = [
    *((run, way, 1) for run in PREPARATIONS for way in WAYS if way in SOON[run]),
    *(
        pytest.param(run, way, CALLS_STRUCK, marks=pytest.mark.slow)
        for run in PREPARATIONS
        for way in WAYS
    ),
]


@pytest.mark.parametrize(("run", "way", "most"), CASES)
def test_two_runs_after_a_lie_of_any_write_all_is_as_after_a_clean_run(
    bench: Bench, run: str, way: str, most: int, note: Callable[[str], None]
) -> None:
    prepare, endpoints = PREPARATIONS[run]
    prepare(bench)
    full_check = way == "200 without doing it"
    clean = bench.run()
    calls = dict(bench.calls)
    assert calls.keys() == endpoints, "every write endpoint is met"
    if run == "changes":
        assert clean.planned.keys() == kinds_that_write(), "every kind is met"
    assert bench.afterwards(full_check=full_check).status == SyncRun.Status.DONE
    wanted, wrong = bench.snapshot(), {}
    for target in targets(calls, WAYS[way], most):
        bench.back()
        bench.run(target)
        last = bench.afterwards(full_check=full_check)
        if found := different(bench.snapshot(), wanted):
            wrong[target.endpoint, target.number] = found
        elif last.status != SyncRun.Status.DONE:
            wrong[target.endpoint, target.number] = {"run": last.message}
    assert wrong == {}
    assert bench.struck == sum(min(number, most) for number in calls.values())
    note(f"fault matrix, {run}, {way}: {bench.struck} faults in {len(calls)} endpoints")


def targets(calls: dict[str, int], fault: Fault, most: int) -> Iterator[Target]:
    """Of each endpoint so many calls at most."""
    for endpoint, count in sorted(calls.items()):
        struck = min(count, most)
        last = max(struck - 1, 1)
        for number in {round(place * (count - 1) / last) for place in range(struck)}:
            yield Target(endpoint, number, fault)
