"""django-q2's entry points: ids in, one line out. The module's names are stored in schedules."""

from integration.services.background import jobs
from integration.services.background import sweep as sweeping
from integration.services.background import work as working
from integration.services.ledger import heartbeat


def work(run_id: int) -> str:
    """Carry out one run."""
    return working.work(run_id)


def beat() -> str:
    """Prove that tasks go through this cluster."""
    heartbeat.beat()
    return heartbeat.cluster_name()


def sweep() -> str:
    return sweeping.sweep()


def full_pass() -> str:
    run = jobs.full_pass()
    return "nothing to start" if run is None else f"run {run.pk}"


def full_check() -> str:
    run = jobs.full_pass(full_check=True)
    return "nothing to start" if run is None else f"run {run.pk}"


def prune() -> str:
    return f"{jobs.prune()} old runs deleted"
