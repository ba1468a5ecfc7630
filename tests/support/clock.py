"""A clock that the test moves: every `timezone.now()` of ours and of Django's columns."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integration.services.background import queue
from integration.services.worker.supervisor import Supervisor


class Clock:
    """Runs on by itself, and jumps when told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead = timedelta()
        real = timezone.now
        monkeypatch.setattr(timezone, "now", lambda: real() + self._ahead)

    def move(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def look_after_runs() -> None:
    """What the worker command does every five seconds, and more often."""
    queue.wake_due()
    Supervisor._look_after_runs(object.__new__(Supervisor))
