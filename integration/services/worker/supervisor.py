"""The main loop of the worker command: keeps its cluster alive and does what cannot wait for a
task.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import close_old_connections
from django.db.models import F
from django.utils import timezone
from django_q.tasks import async_task

from integration import __version__
from integration.models import SyncRun, WorkerBeat
from integration.services.background import outages, queue, schedules, sweep
from integration.services.events import poller
from integration.services.ledger import heartbeat
from integration.services.monitoring import notifications
from integration.services.monitoring.own_database import log_failure
from integration.services.runs import kept_login
from integration.services.worker import systemd
from integration.services.worker.cluster import Cluster

logger = logging.getLogger(__name__)

BEAT_TASK = "integration.tasks.beat"
BEAT_SECONDS = 5.0
LOOK_SECONDS = 5.0
NOTICE_SECONDS = 60.0
TICK_SECONDS = 0.5
BEATS_WAITING = 4
UNHEARD_AFTER = timedelta(seconds=1)


@dataclass(slots=True)
class Every:
    """A step that runs every so many seconds. A failure is logged; the next turn tries again."""

    seconds: float
    action: Callable[[], object]
    next: float = field(default_factory=time.monotonic)

    def turn(self) -> None:
        if time.monotonic() < self.next:
            return
        self.next = time.monotonic() + self.seconds
        try:
            close_old_connections()
            self.action()
        except Exception as error:  # noqa: BLE001 - it is logged
            log_failure(logger, self.action.__name__, error)


class Supervisor:
    """Runs until `stop` is set. `beats`: seconds between beats; the rest is in the settings."""

    def __init__(self, name: str, stop: threading.Event, *, beat_seconds: float = BEAT_SECONDS):
        self.name = name
        self.cluster = Cluster(name, settings.BASE_DIR, settings.DRAIN_SECONDS)
        self._stop = stop
        self._chores = [
            Every(beat_seconds, self._send_beat),
            Every(1.0, self._check),
            Every(LOOK_SECONDS, self._look_after_runs),
            Every(TICK_SECONDS, queue.wake_due),
            Every(TICK_SECONDS, self._call_again_while_free),
            Every(NOTICE_SECONDS, notifications.check),
        ]

    def run(self) -> None:
        """Work until told to stop, then drain the cluster."""
        logger.info("worker=%s version=%s starts", self.name, __version__)
        heartbeat.register(self.name)
        schedules.install()
        kept_login.give_up_left_behind()
        self.cluster.start()
        for name, action in (("events", self._poll), ("outages", self._watch_outages)):
            threading.Thread(target=action, name=name, daemon=True).start()
        systemd.ready(f"rcsync {__version__}, cluster {self.name}")
        try:
            while not self._stop.wait(TICK_SECONDS):
                systemd.alive()
                for chore in self._chores:
                    chore.turn()
        finally:
            self._end()

    def _end(self) -> None:
        logger.info("cluster=%s drains", self.name)
        systemd.stopping()
        if not self.cluster.drain(settings.DRAIN_SECONDS):
            logger.warning("cluster=%s did not drain in time and is ended", self.name)
        self.cluster.kill()
        close_old_connections()
        kept_login.give_up([self.name])
        heartbeat.unregister(self.name)

    def _poll(self) -> None:
        poller.poll_until(self._stop, self.name)

    def _watch_outages(self) -> None:
        outages.watch_until(self._stop)

    def _send_beat(self) -> None:
        if not sweep.broker_is_full(BEATS_WAITING):  # nobody takes them: more would not help
            async_task(BEAT_TASK, task_name="beat", group="rcsync beat", save=False)

    def _check(self) -> None:
        """Restart the cluster when it is gone or silent."""
        if self.cluster.ended():
            self._restart("it ended")
        elif self._silent_for() > settings.WATCHDOG_SECONDS:
            self._restart(f"no sign of life for {settings.WATCHDOG_SECONDS} s")

    def _silent_for(self) -> float:
        """Seconds since the last sign of life; since its start before the first one."""
        since_start = time.monotonic() - self.cluster.started
        sign: datetime | None = heartbeat.last_sign(self.name)
        if sign is None:
            return since_start
        return min(since_start, (timezone.now() - sign).total_seconds())

    def _restart(self, why: str) -> None:
        logger.error("cluster=%s is started again: %s", self.name, why)
        self.cluster.kill()
        WorkerBeat.objects.filter(name=self.name).update(restarts=F("restarts") + 1)
        self.cluster.start()
        sweep.recover_dead_runs()
        call_all_again()

    def _look_after_runs(self) -> None:
        """Recover what died on this machine sooner than the sweep does."""
        sweep.recover_dead_runs()
        queue.cancel_waiting()

    def _call_again_while_free(self) -> None:
        """A busy cluster takes two tasks from the broker that it cannot begin. While a process of
        this one has nothing to do, runs that nobody has begun are called out again.
        """
        if heartbeat.runs_of(self.name) < settings.Q_CLUSTER["workers"]:
            sweep.requeue_overdue(UNHEARD_AFTER)


def call_all_again() -> None:
    """Repeat every notification that the ended cluster may have taken with it."""
    SyncRun.objects.filter(status=SyncRun.Status.QUEUED).update(
        woken_at=timezone.now() - sweep.REQUEUE_AFTER - timedelta(seconds=1)
    )
    sweep.requeue_overdue()
