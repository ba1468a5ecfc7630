"""Signs of life of workers, and the names by which processes know each other.

A cluster is alive when it finishes a task that came through the queue, or works on a run. What its
processes report of themselves proves nothing: a hung cluster still says "Working".
"""

import os
import secrets
import socket
from datetime import datetime, timedelta
from pathlib import Path

from django.db.models import Max, QuerySet
from django.utils import timezone

from integration.models import SyncRun, WorkerBeat
from integration.services.ledger import moments

BEAT_FRESH_FOR = timedelta(seconds=90)
BEAT_KEPT_FOR = timedelta(days=1)
CLUSTER_VARIABLE = "RCSYNC_CLUSTER"  # set by `worker` for the processes it starts


def cluster_name() -> str:
    """The cluster that this process belongs to."""
    return os.environ.get(CLUSTER_VARIABLE) or socket.gethostname()


def in_worker() -> bool:
    """Whether this process is one of a worker's."""
    return CLUSTER_VARIABLE in os.environ


def new_cluster_name() -> str:
    return f"{socket.gethostname()}/{os.getpid()}"


def process_name() -> str:
    """Names one piece of work of this process: cluster, host, process id, something unique."""
    return f"{cluster_name()}|{place()}|{os.getpid()}|{secrets.token_hex(4)}"


def place() -> str:
    """Names this machine and its container: process ids mean the same only within it."""
    try:
        space = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        space = 0
    return f"{socket.gethostname()}/{space}"


def process_is_gone(worker: str) -> bool:
    """Whether the process that `process_name` named ran on this machine and has ended."""
    parts = worker.split("|")
    if len(parts) != 4 or parts[1] != place() or not parts[2].isdigit():
        return False
    try:
        os.kill(int(parts[2]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def register(name: str) -> None:
    """Record that the cluster starts. It counts as alive until its first beat is overdue."""
    now = timezone.now()
    WorkerBeat.objects.update_or_create(
        name=name, defaults={"started_at": now, "beat_at": None, "restarts": 0}
    )
    WorkerBeat.objects.filter(started_at__lt=now - BEAT_KEPT_FOR).exclude(
        beat_at__gte=now - BEAT_KEPT_FOR
    ).delete()


def unregister(name: str) -> None:
    WorkerBeat.objects.filter(name=name).delete()


def beat() -> None:
    """Record a sign of life. Called by a task that came through the queue, at its end and, where it
    works on a run, meanwhile.
    """
    now = timezone.now()
    WorkerBeat.objects.update_or_create(
        name=cluster_name(), defaults={"beat_at": now}, create_defaults=_first(now)
    )


def _first(now: datetime) -> dict[str, datetime]:
    return {"beat_at": now, "started_at": now}


def last_sign(name: str) -> datetime | None:
    """The last beat of this cluster, or the last sign of life of a run that it works on."""
    now = timezone.now()
    beat_at = WorkerBeat.objects.filter(name=name).values_list("beat_at", flat=True).first()
    working = _runs_of(name).aggregate(last=Max("alive_at"))["last"]
    signs = (moments.passed(beat_at, now), moments.passed(working, now))
    return max((sign for sign in signs if sign), default=None)


def runs_of(name: str) -> int:
    """How many runs this cluster works on."""
    return _runs_of(name).count()


def _runs_of(name: str) -> QuerySet[SyncRun]:
    return SyncRun.objects.filter(status=SyncRun.Status.RUNNING, worker__startswith=f"{name}|")


def live_clusters() -> list[str]:
    """The clusters that showed a sign of life lately."""
    now = timezone.now()
    beats = WorkerBeat.objects.filter(moments.within("beat_at", BEAT_FRESH_FOR, now))
    names = set(beats.values_list("name", flat=True))
    busy = SyncRun.objects.filter(
        moments.within("alive_at", BEAT_FRESH_FOR, now), status=SyncRun.Status.RUNNING
    )
    for worker in busy.exclude(worker="").values_list("worker", flat=True):
        names.add(worker.split("|")[0])
    return sorted(names)


def worker_alive() -> bool:
    return bool(live_clusters())


def age() -> float | None:
    """Seconds since any cluster showed a sign of life through the queue; None = never."""
    now = timezone.now()
    past = WorkerBeat.objects.filter(beat_at__lte=now + moments.CLOCK_SKEW)
    newest = past.aggregate(newest=Max("beat_at"))["newest"]
    return None if newest is None else max(0.0, (now - newest).total_seconds())
