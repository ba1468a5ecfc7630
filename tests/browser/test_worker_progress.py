"""A run as the page shows it while a real worker, in a process of its own, carries it out."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection

from demo.standin import ADMIN_PASSWORD, ADMIN_USERNAME
from integration.models import SyncRun, WorkerBeat
from integration.services.ledger import heartbeat
from tests.support.browser import Browser
from tests.support.paths import ROOT
from tests.support.site import Site

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "moodle"]),
    pytest.mark.usefixtures("transactional_db"),
]


@contextmanager
def worker(site: Site, moodle: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`./rcsync worker` on the tables of this test."""
    environment = {
        "PATH": os.environ["PATH"],
        "RCSYNC_ENV_FILE": "",
        "SECRET_KEY": "only-for-tests-" + 5 * "0123456789",
        "LOG_LEVEL": "WARNING",
        "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
        "MOODLE_DATABASE_URL": f"sqlite:///{moodle}",
        "ROCKETCHAT_URL": site.chat.url,
        "ROCKETCHAT_USERNAME": ADMIN_USERNAME,
        "ROCKETCHAT_PASSWORD": ADMIN_PASSWORD,
        "RCSYNC_WORKERS": "1",
    }
    command = [sys.executable, "manage.py", "worker", "--beat", "1"]
    process = subprocess.Popen(command, env=environment, cwd=ROOT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def test_a_run_waits_runs_and_is_done_before_the_eyes_of_who_started_it(
    browser: Browser, chosen: Site, moodle: Path
) -> None:
    chosen.chat.configure(latency_ms=120)
    heartbeat.beat()  # so that the page queues the run; nobody takes it yet
    browser.sign_in(User.objects.create_superuser("admin", password="admin"))
    browser.go("/admin/")
    browser.press("Sync everything now")
    browser.sees("Waiting for a worker")
    run = SyncRun.objects.get()
    assert (run.status, run.worker) == (SyncRun.Status.QUEUED, "")
    WorkerBeat.objects.all().delete()
    with worker(chosen, moodle) as process:
        browser.sees("Carrying out the plan", patience=30)
        browser.wait(lambda: int(browser.find("[data-show=done]").text) > 0, "it never moved")
        assert SyncRun.objects.get().status == SyncRun.Status.RUNNING
        browser.sees("Planned and done", patience=30)
        run.refresh_from_db()
        assert process.poll() is None
    assert (run.status, run.applied) == (SyncRun.Status.DONE, run.planned)
    assert run.worker.split("|")[2] != str(os.getpid()), "the web process did it itself"
    assert len(chosen.rooms()) == run.applied["create_channel"]
