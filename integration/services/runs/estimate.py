"""The cost of a plan in requests and seconds. Pure."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from integration.domain.messages import counted, msg
from integration.domain.operations import CreateAccount, Operation
from integration.services.runs.bulk_accounts import is_worth

IMPORT_CHUNK = 500
IMPORT_CALLS = 5  # status, new, run, clear, and the list of accounts once more
IMPORT_LOOKS = 5  # how far it is
USUAL_SECONDS = 0.1  # for one answer, where no run has measured it yet


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast we may and can go. `seconds` is the usual time of one answer."""

    connections: int = 8
    seconds: float = USUAL_SECONDS
    max_rps: float | None = None

    def time_for(self, requests: int) -> float:
        """Seconds: the slowest of the limits counts."""
        times = [math.ceil(requests / self.connections) * self.seconds]
        if self.max_rps:
            times.append(requests / self.max_rps)
        return max(times)


@dataclass(frozen=True, slots=True)
class Cost:
    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """The cost of a plan one by one, and with the bulk import where that is worth offering."""

    cost: Cost
    by_import: Cost | None = None


def estimate(operations: Iterable[Operation], pace: Pace) -> Estimate:
    """The writes only: reading both sides is done when a plan is shown."""
    requests: Counter[str] = Counter()
    for operation in operations:
        requests[operation.kind] += operation.requests
    accounts = requests[CreateAccount.kind]
    cost = _cost(requests, pace)
    if not is_worth(accounts):
        return Estimate(cost)
    requests[CreateAccount.kind] = 0
    requests["import"] = IMPORT_CALLS + IMPORT_LOOKS + math.ceil(accounts / IMPORT_CHUNK)
    return Estimate(cost, _cost(requests, pace))


def in_words(cost: Cost) -> str:
    """ "11,867 requests, about 5 minutes" """
    count = f"{cost.requests:,}"
    requests = counted("{count} request", "{count} requests", cost.requests, count=count)
    if cost.seconds < 60:
        return msg("{requests}, less than a minute", requests=requests)
    minutes = math.ceil(cost.seconds / 60)
    if minutes < 120:
        return msg("{requests}, about {minutes} minutes", requests=requests, minutes=minutes)
    hours = math.ceil(minutes / 60)
    return msg("{requests}, about {hours} hours", requests=requests, hours=hours)


def _cost(requests: "Counter[str]", pace: Pace) -> Cost:
    total = requests.total()
    return Cost(total, pace.time_for(total))
