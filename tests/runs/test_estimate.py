"""What a plan will cost, when a big run may start, and what earlier runs tell about the server."""

from datetime import time, timedelta

import pytest
from django.utils import timezone

from integration.domain.operations import (
    AddMembers,
    AdoptAccount,
    ChannelRef,
    CreateAccount,
    Joiner,
    Operation,
    UpdateAccount,
)
from integration.models import IntegrationSettings, SyncRun
from integration.services.runs import pacing
from integration.services.runs.estimate import Cost, Pace, estimate, in_words
from integration.services.runs.pacing import Postponed, QuietHours
from integration.services.sync.plan import Plan


def creates(count: int) -> list[Operation]:
    return [
        CreateAccount(n, f"u{n}", f"U {n}", f"u{n}@example.org", reason="new") for n in range(count)
    ]


def adds(people: int) -> AddMembers:
    joiners = tuple(Joiner(n, "in") for n in range(people))
    return AddMembers(ChannelRef(1, 2, "room", "r", True), joiners, reason="in")


def test_each_account_takes_a_request() -> None:
    assert estimate(creates(40), Pace()).cost.requests == 40


def test_members_go_in_by_the_two_hundred() -> None:
    assert estimate([adds(201)], Pace()).cost.requests == 2


def test_a_changed_account_is_looked_at_first() -> None:
    changed = UpdateAccount(1, "a", "u", "New", None, "Old", "u@example.org", reason="changed")
    assert estimate([changed], Pace()).cost.requests == 2


def test_what_is_only_stored_costs_nothing() -> None:
    adopted = AdoptAccount(1, "a", "u", False, reason="same e-mail")
    assert estimate([adopted], Pace()).cost.requests == 0


def test_connections_share_the_work() -> None:
    one = estimate(creates(80), Pace(connections=1, seconds=0.1)).cost.seconds
    assert estimate(creates(80), Pace(connections=8, seconds=0.1)).cost.seconds == one / 8


def test_our_own_limit_counts_where_it_is_slower() -> None:
    assert estimate(creates(100), Pace(max_rps=2)).cost.seconds == 50


def test_the_import_is_offered_for_more_than_500_accounts() -> None:
    assert estimate(creates(500), Pace()).by_import is None
    offered = estimate(creates(501), Pace()).by_import
    assert offered is not None
    assert offered.requests < 20


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (Cost(1, 0.1), "1 request, less than a minute"),
        (Cost(11867, 290.0), "11,867 requests, about 5 minutes"),
        (Cost(60000, 7300.0), "60,000 requests, about 3 hours"),
    ],
)
def test_a_cost_is_said_in_words(cost: Cost, words: str) -> None:
    assert in_words(cost) == words


NIGHT = QuietHours(100, time(22), time(6))
NOON, MIDNIGHT = time(12), time(0)


def test_a_big_run_waits_for_the_night() -> None:
    with pytest.raises(Postponed, match="22:00 to 06:00"):
        NIGHT.check(100, NOON)


@pytest.mark.parametrize(("changes", "now"), [(99, NOON), (100, MIDNIGHT), (100, time(22))])
def test_a_small_run_and_the_right_hour_do_not_wait(changes: int, now: time) -> None:
    NIGHT.check(changes, now)


def test_without_quiet_hours_nothing_waits() -> None:
    QuietHours(1).check(10_000, NOON)


def test_hours_within_a_day_end_before_their_end() -> None:
    assert QuietHours(1, time(8), time(9)).allow(time(8, 59))
    assert not QuietHours(1, time(8), time(9)).allow(time(9))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("trigger", "waits"),
    [("schedule", True), ("event", True), ("admin", False), ("command", False)],
)
def test_only_runs_that_nobody_started_wait(trigger: str, waits: bool) -> None:
    IntegrationSettings.objects.create(big_run=5, quiet_from=time(22), quiet_until=time(6))
    start_rules = pacing.start_rules_of(SyncRun(trigger=trigger))
    if waits:
        with pytest.raises(Postponed):
            start_rules.check(5, lambda: NOON)
    else:
        start_rules.check(5, lambda: NOON)


@pytest.mark.django_db
def test_the_last_long_run_tells_the_pace() -> None:
    assert pacing.seconds_per_request(8) == 0.1
    run = SyncRun.objects.create(
        kind="apply", trigger="command", requests={"total": 400, "by_endpoint": {}}
    )
    SyncRun.objects.filter(pk=run.pk).update(
        started_at=timezone.now() - timedelta(seconds=10), finished_at=timezone.now()
    )
    assert pacing.seconds_per_request(8) == pytest.approx(0.2, rel=0.05)


@pytest.mark.django_db
def test_a_plan_is_estimated_at_the_settings_as_they_are() -> None:
    IntegrationSettings.objects.create(max_requests_per_second=1)
    assert pacing.estimate_of(Plan(operations=tuple(creates(30)))).cost == Cost(30, 30.0)
