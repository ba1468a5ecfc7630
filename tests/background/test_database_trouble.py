"""rcsync's own database fails under the worker: one line in the log, and the work goes on later."""

import logging
import threading
from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError

from integration.models import SyncRun
from integration.services.background import crashes, outages, queue, work
from integration.services.events import poller
from integration.services.runs import runner
from integration.services.worker.supervisor import Every
from tests.support.background import order, play_worker
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

FULL = OperationalError(1114, "The table 'integration_syncrun' is full")
SENTENCE = "rcsync's own database does not work: The table 'integration_syncrun' is full."
MISTAKE = ProgrammingError(1064, "You have an error in your SQL syntax")


def fails_with(error: Exception) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


def test_a_run_that_our_database_ends_goes_on_as_a_new_run(
    small_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queue.enqueue(order())
    with monkeypatch.context() as context:
        context.setattr(runner, "execute", fails_with(FULL))
        assert SENTENCE in work.work(run.pk)
    run.refresh_from_db()
    assert (run.status, run.message) == (SyncRun.Status.INTERRUPTED, SENTENCE)
    play_worker()
    again = SyncRun.objects.exclude(pk=run.pk).get()
    assert (again.status, again.attempts) == (SyncRun.Status.DONE, 2)


def test_a_run_whose_end_cannot_be_stored_either_is_left_to_the_sweep(
    small_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queue.enqueue(order())
    monkeypatch.setattr(runner, "execute", fails_with(FULL))
    monkeypatch.setattr(crashes, "go_on_after", fails_with(FULL))
    assert SENTENCE in work.work(run.pk)
    run.refresh_from_db()
    assert run.status == SyncRun.Status.RUNNING


def test_a_mistake_of_ours_is_not_taken_for_a_broken_database(
    small_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queue.enqueue(order())
    monkeypatch.setattr(runner, "execute", fails_with(MISTAKE))
    with pytest.raises(ProgrammingError):
        work.work(run.pk)


@pytest.mark.parametrize(("error", "traceback"), [(FULL, False), (MISTAKE, True)])
def test_what_the_worker_repeats_logs_one_line_and_a_traceback_only_for_mistakes(
    *,
    error: Exception,
    traceback: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    stop = threading.Event()

    def check(_watch: outages.Watch) -> int:
        stop.set()
        raise error

    monkeypatch.setattr(poller, "poll_once", fails_with(error))
    monkeypatch.setattr(outages.Watch, "check", check)
    monkeypatch.setattr(outages, "ASK_SECONDS", 0)
    with caplog.at_level(logging.ERROR):
        step = fails_with(error)
        Every(1.0, step).turn()
        assert poller._poll("test") == poller.IDLE_SECONDS
        outages.watch_until(stop)
    assert len(caplog.records) == 3
    for record in caplog.records:
        assert "failed and is tried again" in record.getMessage()
        assert (record.exc_info is not None) == traceback
        assert (SENTENCE in record.getMessage()) != traceback
