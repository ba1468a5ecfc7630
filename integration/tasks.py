"""django-q2's entry points: ids in, one line out. The module's names are stored in schedules."""

from integration.services.background import jobs, schedules
from integration.services.background import sweep as sweeping
from integration.services.background import work as working
from integration.services.ledger import heartbeat

SAME_HOUR_AGAIN = "the clocks were set back: done an hour ago"


def work(run_id: int) -> str:
    """Carry out one run."""
    return working.work(run_id)


def beat() -> str:
    """Prove that tasks go through this cluster."""
    heartbeat.beat()
    return heartbeat.cluster_name()


def sweep() -> str:
    return sweeping.sweep()


def full_pass(due: str = "") -> str:
    if schedules.same_hour_again(due):
        return SAME_HOUR_AGAIN
    run = jobs.full_pass()
    return "nothing to start" if run is None else f"run {run.pk}"


def full_check(due: str = "") -> str:
    if schedules.same_hour_again(due):
        return SAME_HOUR_AGAIN
    run = jobs.full_pass(full_check=True)
    return "nothing to start" if run is None else f"run {run.pk}"


def prune(due: str = "") -> str:
    if schedules.same_hour_again(due):
        return SAME_HOUR_AGAIN
    return f"{jobs.prune()} old runs deleted"
