"""Renews the leases of a working run and says when it has to stop.

A thread renews the leases and the run's sign of life, also during one long read, and checks whether
somebody cancelled the run or paused everything. The run asks `why_stop` before every operation.
"""

import logging
import threading
import time
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Self

from django.db import DatabaseError, connection, connections
from django.db.models import Exists, Q
from django.utils import timezone

from integration.domain.messages import msg
from integration.domain.outcomes import RunCause
from integration.models import Pause, SyncRun
from integration.services.ledger import heartbeat, leases

logger = logging.getLogger(__name__)

OUT_OF_TIME = msg("The time of one task is used up; another task continues with the rest.")
CANCELLED = msg("Cancelled.")
PAUSED = msg("Stopped because everything was paused.")
LOST = msg("Another run has taken over the courses.")
CAUSES: Mapping[str, RunCause] = {
    CANCELLED: RunCause.CANCELLED,
    OUT_OF_TIME: RunCause.BUSY,  # another run goes on with it
    PAUSED: RunCause.BUSY,
    LOST: RunCause.BUSY,
}
SIGN_SECONDS = 20.0
LOOK_SECONDS = 0.1  # so soon after a person cancels, no further operation begins
STALE_SECONDS = 2.0


class LeaseRenewer:
    """A context manager; renews while the block runs."""

    def __init__(
        self, run: SyncRun, owner: str, courses: Collection[int], seconds: float | None = None
    ) -> None:
        self._run = run
        self._owner = owner
        self._courses = courses
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._renewed = time.monotonic()
        self._looked = 0.0
        self._reason = ""
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._maker = threading.get_ident()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if not connection.in_atomic_block:  # else a thread would not see what we wrote
            name = f"keeper-{self._run.pk}"
            self._thread = threading.Thread(target=self._keep, name=name, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def why_stop(self) -> str:
        """The reason to stop, "" to go on. Quick and thread-safe: the renewing thread does the
        looking.
        """
        stale = time.monotonic() - self._looked > STALE_SECONDS
        if stale and threading.get_ident() == self._maker:
            self._look()  # it has not begun, or this process was paused
        return self._reason

    def _keep(self) -> None:
        try:
            while not self._end.wait(LOOK_SECONDS):
                self._look()
        finally:
            connections.close_all()

    def _look(self) -> None:
        with self._lock:
            self._looked = time.monotonic()
            try:
                if time.monotonic() - self._renewed > sign_seconds():
                    self._renew()
                self._reason = self._reason or self._why()
            except DatabaseError:
                logger.warning("run=%d could not be looked after", self._run.pk, exc_info=True)
                connection.close()
                if time.monotonic() - self._renewed > leases.LEASE_SECONDS:
                    self._reason = LOST

    def _why(self) -> str:
        if self._deadline is not None and time.monotonic() > self._deadline:
            return OUT_OF_TIME
        ours = Q(pk=self._run.pk) | Q(pk=self._run.parent_id)
        cancelled = SyncRun.objects.filter(ours, cancel_requested=True)
        row = SyncRun.objects.filter(pk=self._run.pk).values_list(
            Exists(cancelled), Exists(Pause.objects.all())
        )
        by_person, by_pause = row.first() or (False, False)
        return CANCELLED if by_person else PAUSED if by_pause else ""

    def _renew(self) -> None:
        kept = leases.renew(self._owner, self._courses)
        alive = SyncRun.objects.filter(
            pk=self._run.pk, worker=self._run.worker, status=SyncRun.Status.RUNNING
        ).update(alive_at=timezone.now())
        if not (kept and alive):
            self._reason = LOST
        elif heartbeat.in_worker():
            heartbeat.beat()  # the run's sign ends with it, before its task does
        self._renewed = time.monotonic()


def sign_seconds() -> float:
    """Several times within the life of a claim."""
    return min(SIGN_SECONDS, leases.LEASE_SECONDS / 4)
