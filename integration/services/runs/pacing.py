"""When a big run may start, and what a plan will cost by what earlier runs measured."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import time

from django.db.models import F
from django.utils import timezone

from integration.domain.errors import Busy
from integration.domain.messages import msg
from integration.models import IntegrationSettings, SyncRun
from integration.services.runs.estimate import (
    USUAL_SECONDS,
    Estimate,
    Pace,
    estimate,
    in_words,
)
from integration.services.sync.plan import Plan


class Postponed(Busy):
    """The run is too big for this hour. It is tried again by itself."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begin` to `end`, over midnight too. Runs of `big_run` changes or more keep to them."""

    big_run: int
    begin: time | None = None
    end: time | None = None

    def check(self, changes: int, now: time) -> None:
        """Postponed when so many changes have to wait at this hour."""
        if changes >= self.big_run and not self.allow(now):
            raise Postponed(
                msg(
                    "A run with {changes} changes waits for the quiet hours, {hours}.",
                    changes=f"{changes:,}",
                    hours=self.in_words(),
                ),
                hint=msg("It starts automatically. Start it by hand to run it now."),
            )

    def allow(self, now: time) -> bool:
        if self.begin is None or self.end is None or self.begin == self.end:
            return True
        if self.begin < self.end:
            return self.begin <= now < self.end
        return now >= self.begin or now < self.end

    def in_words(self) -> str:
        return msg("{begin} to {end}", begin=f"{self.begin:%H:%M}", end=f"{self.end:%H:%M}")


PEOPLES = frozenset({SyncRun.Trigger.ADMIN, SyncRun.Trigger.COMMAND})  # somebody waits for it
TELLING = 100  # requests; fewer say little about the server


@dataclass(frozen=True, slots=True)
class StartRules:
    """Whether a run may start now, and how it makes accounts."""

    bulk_import: bool
    quiet: QuietHours
    waits: bool  # nobody is waiting for the run, so it can

    def check(
        self, changes: int, now: Callable[[], time] = lambda: timezone.localtime().time()
    ) -> None:
        """Postponed when the run is big and this is not the hour for it."""
        if self.waits:
            self.quiet.check(changes, now())


def start_rules_of(run: SyncRun) -> StartRules:
    row = IntegrationSettings.load()
    quiet = QuietHours(row.big_run, row.quiet_from, row.quiet_until)
    return StartRules(row.bulk_import, quiet, run.trigger not in PEOPLES)


def estimate_of(plan: Plan) -> Estimate:
    """What the plan will cost at the settings as they are, by what earlier runs took."""
    return estimate(plan.operations, _pace(IntegrationSettings.load()))


def remarks(plan: Plan) -> list[str]:
    """What a person should know before a big run starts: its cost, and a cheaper way."""
    row = IntegrationSettings.load()
    found = estimate(plan.operations, _pace(row))
    if row.bulk_import and found.by_import:
        cost = in_words(found.by_import)
        return [msg("Carrying this out takes {cost}, with accounts created in bulk.", cost=cost)]
    if found.by_import:
        return [
            msg(
                "Carrying this out takes {cost}. With the bulk import of accounts, which the "
                "settings offer, it would be {cheaper}.",
                cost=in_words(found.cost),
                cheaper=in_words(found.by_import),
            )
        ]
    if len(plan.operations) >= row.big_run:
        return [msg("Carrying this out takes {cost}.", cost=in_words(found.cost))]
    return []


def _pace(row: IntegrationSettings) -> Pace:
    usual = seconds_per_request(row.max_connections)
    return Pace(row.max_connections, usual, row.max_requests_per_second)


def seconds_per_request(connections: int) -> float:
    """The time of one answer in the last run that says much about it; a usual one without any."""
    ended = SyncRun.objects.filter(
        kind=SyncRun.Kind.APPLY, finished_at__isnull=False, requests__total__gte=TELLING
    )
    row = ended.order_by("-pk").values_list("requests", F("finished_at") - F("started_at")).first()
    if row is None:
        return USUAL_SECONDS
    requests, took = row
    return float(took.total_seconds() * connections / requests["total"])
