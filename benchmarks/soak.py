"""Does rcsync come out right, whatever happens to it?

    ./rcsync python -m benchmarks.soak [--minutes 2] [--seed N] [--database sqlite|mariadb]

Two workers keep a stand-in Rocket.Chat in step with a copy of the sample Moodle, in which something
changes every second. Meanwhile processes are killed with SIGKILL, busy and idle ones, a whole
worker too; the stand-in goes away and comes back, answers 429 and 500, or not at all. Then all is
quiet, one pass runs, and everything has to be right, with no process left over. Exit status 1 = it
is not.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.leftovers import leaving_nothing
from tests.support.paths import PYTHON_PATH

ROOT = Path(__file__).resolve().parent.parent
WORKERS = 2
READY_SECONDS = 60.0
QUIET_SECONDS = 240.0
FAULTS = (
    {"kind": "429", "times": 3, "seconds": 1},
    {"kind": "status", "code": 500, "times": 4},
    {"kind": "status", "code": 503, "times": 12},
    {"kind": "timeout_before", "seconds": 3, "times": 2},
    {"kind": "timeout_after", "seconds": 3, "times": 2},
    {"kind": "reset", "times": 3},
    {"kind": "reset_after", "times": 3},
    {"kind": "garbage", "times": 2},
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--database", choices=("sqlite", "mariadb"), default="mariadb")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rcsync-soak-")))
        own = f"sqlite:///{folder}/own.sqlite3"
        if options.database == "mariadb":
            from tests.support.servers import running_mariadb

            server = stack.enter_context(running_mariadb())
            own = server.url(server.create_database())
        os.environ.update(_environment(folder, own))
        import django

        django.setup()
        return Soak(folder, random.Random(options.seed), options).run()


def _environment(folder: Path, own: str) -> dict[str, str]:
    return {
        "PYTHONPATH": PYTHON_PATH,
        "DJANGO_SETTINGS_MODULE": "rcsync_project.settings",
        "RCSYNC_ENV_FILE": "",
        "RCSYNC_WATCHDOG_SECONDS": "20",
        "RCSYNC_DRAIN_SECONDS": "60",
        "SECRET_KEY": "only-for-a-soak-" + 5 * "0123456789",
        "LOG_LEVEL": "CRITICAL",
        "DATABASE_URL": own,
        "MOODLE_DATABASE_URL": f"sqlite:///{folder}/moodle.sqlite3",
        "ROCKETCHAT_URL": "",
    }


class Soak:
    """One run of it."""

    def __init__(self, folder: Path, rng: random.Random, options: argparse.Namespace) -> None:
        from demo.standin import ADMIN_ID, ADMIN_TOKEN, StandIn

        self.rng = rng
        self.options = options
        self.moodle = folder / "moodle.sqlite3"
        self.did: Counter[str] = Counter()
        self.chat = StandIn(like="6.5", latency_ms=5)
        self.port = self.chat.port
        self.environment = {
            **os.environ,
            "ROCKETCHAT_URL": self.chat.url,
            "ROCKETCHAT_USER_ID": ADMIN_ID,
            "ROCKETCHAT_AUTH_TOKEN": ADMIN_TOKEN,
        }
        self.workers: list[subprocess.Popen[bytes]] = []

    def run(self) -> int:
        self.chat.start()
        self._prepare()
        print(f"soak: seed {self.options.seed}, {self.options.minutes:g} minutes", flush=True)
        self.workers = [self._worker() for _ in range(WORKERS)]
        try:
            self._until(lambda: self._count("integration_workerbeat", "beat_at IS NOT NULL"))
            self._trouble()
            self._quiet()
        finally:
            for worker in self.workers:
                _end(worker)
            self.chat.clear_faults()
        wrong = self._last_pass() or self._wrong()
        self.chat.stop()
        done = ", ".join(f"{count} {what}" for what, count in sorted(self.did.items()))
        print(f"soak: {done}")
        for line in wrong:
            print(f"  wrong: {line}")
        print(f"soak: {self._figures()}: {'WRONG' if wrong else 'all is right'}")
        return 1 if wrong else 0

    # ── The site ─────────────────────────────────────────────────────────────────────────────────

    def _prepare(self) -> None:
        from django.core.management import call_command

        from demo.sample_moodle import create_sample_moodle
        from integration.models import (
            GroupRegexFilter,
            IncludedRole,
            IntegratedCourse,
            IntegrationSettings,
        )
        from integration.services.moodle.reader import MoodleReader

        create_sample_moodle(self.moodle, int(time.time()))
        call_command("migrate", verbosity=0)
        settings = IntegrationSettings.load()
        settings.event_seconds = 1
        settings.full_pass_minutes = 1
        settings.limit_percent, settings.limit_from = 100, 1_000_000
        settings.save()
        GroupRegexFilter.objects.create(pattern=".*")
        for role_id in MoodleReader().roles():
            IncludedRole.objects.create(role_id=role_id)
        for course in MoodleReader().find_courses():
            IntegratedCourse.objects.create(course_id=course.course_id, event_sync=True)

    def _worker(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "manage.py", "worker", "--beat", "2"]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=subprocess.DEVNULL)

    def _manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    # ── Trouble ──────────────────────────────────────────────────────────────────────────────────

    def _trouble(self) -> None:
        ends = time.monotonic() + self.options.minutes * 60
        kinds = (
            [self._change] * 12
            + [self._fault] * 4
            + [self._kill_busy] * 2
            + [self._kill_any, self._kill_worker, self._restart_chat]
        )
        while time.monotonic() < ends:
            self.did[self.rng.choice(kinds)()] += 1
            time.sleep(self.rng.random() * 1.5)

    def _change(self) -> str:
        from demo.sample_moodle import writable
        from demo.sample_moodle.changes import random_change

        with writable(self.moodle) as connection:
            random_change(connection, self.rng, int(time.time()))
        return "changes"

    def _fault(self) -> str:
        fault = dict(self.rng.choice(FAULTS))
        self.chat.fault(str(fault.pop("kind")), after=self.rng.randrange(10), **fault)
        return "faults"

    def _kill_busy(self) -> str:
        from integration.models import SyncRun

        running = list(SyncRun.objects.filter(status="running").exclude(worker="parts"))
        if not running:
            return "looks for a busy process"
        pid = self.rng.choice(running).worker.split("|")[2]
        return "busy processes killed" if _kill(int(pid)) else "looks for a busy process"

    def _kill_any(self) -> str:
        """One of the cluster's processes: mostly an idle one, after which django-q2 may hang."""
        below = _below(self.rng.choice(self.workers).pid)
        if not below:
            return "looks for a process"
        _kill(self.rng.choice(below))
        return "other processes killed"

    def _kill_worker(self) -> str:
        place = self.rng.randrange(WORKERS)
        self.workers[place].kill()
        self.workers[place].wait()
        self.workers[place] = self._worker()
        return "whole workers killed"

    def _restart_chat(self) -> str:
        from demo.standin import StandIn

        self.chat.stop()
        time.sleep(self.rng.random() * 3)
        self.chat = StandIn(latency_ms=5, port=self.port, world=self.chat.world)
        self.chat.start()
        return "restarts of Rocket.Chat"

    # ── Quiet ────────────────────────────────────────────────────────────────────────────────────

    def _quiet(self) -> None:
        """Nothing changes any more, and every run has come to its end."""
        self.chat.clear_faults()
        self._until(lambda: not self._open_runs(), QUIET_SECONDS)

    def _last_pass(self) -> list[str]:
        done = self._manage("sync", "--apply", "--full-check")
        return [] if done.returncode == 0 else [f"the quiet pass: {done.stdout} {done.stderr}"]

    def _wrong(self) -> list[str]:
        from integration.models import AccountLink

        state = self.chat.state()
        rooms = [room for room in state["rooms"] if "moodle_group" in (room["customFields"] or {})]
        groups = Counter(room["customFields"]["moodle_group"] for room in rooms)
        emails = Counter(e["address"].lower() for user in state["users"] for e in user["emails"])
        links = AccountLink.objects.count()
        wrong = [f"group {group} has {n} channels" for group, n in groups.items() if n > 1]
        wrong += [f"{address} has {n} accounts" for address, n in emails.items() if n > 1]
        if links > len(state["users"]):
            wrong.append(f"{links} links, {len(state['users'])} accounts")
        wrong += self._members_wrong(state, rooms)
        leases = self._count("integration_integratedcourse", "lease_owner <> ''")
        claims = self._count("integration_accountclaim")
        wrong += [f"{n} {what} left" for n, what in ((leases, "leases"), (claims, "claims")) if n]
        return wrong + [f"a run says {status}" for status in self._open_runs()]

    def _members_wrong(self, state: dict[str, Any], rooms: list[dict[str, Any]]) -> list[str]:
        from django.db import connections

        from demo.sample_moodle.expected_members import effective_members
        from demo.standin import ADMIN_USERNAME
        from integration.models import AccountLink, Conflict, IncludedRole
        from moodle.models import Group

        roles = [row.role_id for row in IncludedRole.objects.all() if row.role_id is not None]
        with connections["moodle"].cursor() as cursor:
            truth = effective_members(cursor, "mdl_", int(time.time()), roles)
        visible = set(
            Group.objects.using("moodle").filter(visibility__lt=2).values_list("id", flat=True)
        )
        open_ = Conflict.objects.filter(status=Conflict.Status.OPEN)
        left_out = set(open_.values_list("moodle_user_id", flat=True))
        user_of = dict(AccountLink.objects.values_list("rocketchat_user_id", "moodle_user_id"))
        by_name = {user["username"]: user_of.get(user["id"]) for user in state["users"]}
        wrong = []
        found: dict[int, set[int | None]] = {}
        for room in rooms:
            if not room["archived"]:
                names = set(room["members"]) - {ADMIN_USERNAME}
                found[room["customFields"]["moodle_group"]] = {by_name.get(n) for n in names}
        for group in sorted(truth.keys() & visible):
            should = {user for user in truth[group] if user not in left_out}
            has = {user for user in found.get(group, set()) if user not in left_out}
            if should != has:
                wrong.append(f"group {group}: lacks {should - has}, has too many {has - should}")
        return wrong + [f"group {g} is gone and has a channel" for g in found.keys() - truth.keys()]

    def _figures(self) -> str:
        runs = self._count("integration_syncrun")
        cut = self._count("integration_syncrun", "status = 'interrupted'")
        rooms = self._count("integration_channellink")
        accounts = self._count("integration_accountlink")
        return f"{runs} runs kept, {cut} interrupted, {rooms} channels, {accounts} accounts"

    # ── Small ────────────────────────────────────────────────────────────────────────────────────

    def _open_runs(self) -> list[str]:
        from integration.models import SyncRun

        rows = SyncRun.objects.filter(status__in=("queued", "running"))
        return list(rows.values_list("status", flat=True))

    def _count(self, table: str, where: str = "1 = 1") -> int:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {table} WHERE {where}")
            return int(cursor.fetchone()[0])

    def _until(self, what: Any, seconds: float = READY_SECONDS) -> None:
        ends = time.monotonic() + seconds
        while not what():
            if time.monotonic() > ends:
                print(f"soak: waited {seconds:g} s in vain; open runs: {self._open_runs()}")
                return
            time.sleep(0.2)


def _below(pid: int) -> list[int]:
    """Every process below `pid`."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    below = {pid}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return sorted(below - {pid})


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _end(worker: "subprocess.Popen[bytes]") -> None:
    worker.terminate()
    try:
        worker.wait(120)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


if __name__ == "__main__":
    sys.exit(leaving_nothing(main))
