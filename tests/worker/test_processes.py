"""The worker as processes: killed when busy and when idle, hung, drained, and two of them at work.

Everything runs on MariaDB, as in production with several machines.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from demo.standin import ADMIN_ID, ADMIN_TOKEN, StandIn
from tests.support.own_database import MigratedDatabases
from tests.support.paths import PYTHON_PATH, ROOT
from tests.support.servers import MariaDB

PATIENCE = 300.0
NOT_INHERITED = ("ROCKETCHAT_", "RCSYNC_", "DATABASE_", "MOODLE_", "DJANGO_")
COURSES = 100

PREPARE = """
import time
from django.db import connections
from demo.sample_moodle.scale import create_scaled_moodle
from integration.models import *
from demo.sample_moodle import scale
scale.GROUP_SIZE, scale.GROUPS_PER_COURSE = HOW_LARGE
made = create_scaled_moodle(connections["moodle"], PEOPLE, int(time.time()))
GroupRegexFilter.objects.create(pattern=".*")
IncludedRole.objects.create(shortname="student")
from moodle.models import Course
ids = Course.objects.using("moodle").exclude(category=0).values_list("id", flat=True)
IntegratedCourse.objects.bulk_create([IntegratedCourse(course_id=c) for c in ids])
settings = IntegrationSettings.load()
settings.full_pass_minutes = None
settings.full_check_cron = ""
settings.save()
print(len(ids))
"""


POISON = """
import os, signal
from django.apps import AppConfig
class Config(AppConfig):
    name = "poison"
    def ready(self):
        from integration.services.moodle.reader import MoodleReader
        read = MoodleReader.read
        def deadly(self, scope, **values):
            if scope.users is None and scope.has_course(COURSE):
                os.kill(os.getpid(), signal.SIGKILL)
            return read(self, scope, **values)
        MoodleReader.read = deadly
"""


class Site:
    """A Moodle, rcsync's tables and a Rocket.Chat, and processes that work on them."""

    def __init__(self, mariadb: MariaDB, chat: StandIn, own: str, moodle: str) -> None:
        """`own` and `moodle` are names of databases."""
        self.chat = chat
        self.mariadb = mariadb
        self.own = own
        self.moodle = moodle
        clean = {
            key: value for key, value in os.environ.items() if not key.startswith(NOT_INHERITED)
        }
        self.environment = {
            **clean,
            "PYTHONPATH": PYTHON_PATH,
            "DJANGO_SETTINGS_MODULE": "rcsync_project.settings",
            "RCSYNC_ENV_FILE": "",
            "RCSYNC_WATCHDOG_SECONDS": "20",
            "RCSYNC_DRAIN_SECONDS": "15",
            "SECRET_KEY": "only-for-tests-" + 5 * "0123456789",
            "LOG_LEVEL": "WARNING",
            "DATABASE_URL": mariadb.url(own),
            "MOODLE_DATABASE_URL": mariadb.url(moodle),
            "ROCKETCHAT_URL": chat.url,
            "ROCKETCHAT_USER_ID": ADMIN_ID,
            "ROCKETCHAT_AUTH_TOKEN": ADMIN_TOKEN,
        }

    def prepare(self, people: int, size: tuple[int, int]) -> int:
        """Fill Moodle and choose everything; the answer is the number of courses.

        `size`: people in a group, groups in a course; everybody is in three groups.
        """
        code = PREPARE.replace("PEOPLE", str(people)).replace("HOW_LARGE", str(size))
        return int(self.python(code, {"RCSYNC_MOODLE_TESTING": "on"}))

    def python(self, code: str, more: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            [sys.executable, "-c", f"import django; django.setup()\n{code}"],
            env={**self.environment, **(more or {})},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sql(self, statement: str) -> list[list[str]]:
        lines = self.mariadb.sql(statement, self.own).splitlines()[1:]
        return [line.split("\t") for line in lines]

    def enqueue(self, scope: str = "Scope()") -> int:
        code = (
            "from integration.services.background import queue\n"
            "from integration.services.runs.runner import Order\n"
            "from integration.domain.state import Scope\n"
            f"print(queue.enqueue(Order('apply', 'admin', {scope})).pk)"
        )
        return int(self.python(code).strip())

    def statuses(self) -> list[str]:
        found = self.sql("SELECT status FROM integration_syncrun ORDER BY id")
        return [status for (status,) in found]

    def until(self, what: Callable[[], object], patience: float = PATIENCE) -> float:
        """Seconds until it is so."""
        started = time.monotonic()
        while not what():
            assert time.monotonic() - started < patience, (self.statuses(), "did not come about")
            time.sleep(0.1)
        return time.monotonic() - started

    @contextmanager
    def worker(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        command = [sys.executable, "manage.py", "worker", *arguments]
        process = subprocess.Popen(command, env=self.environment, cwd=ROOT, text=True)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def beats(self) -> list[str]:
        rows = "SELECT name FROM integration_workerbeat WHERE beat_at IS NOT NULL"
        return [name for (name,) in self.sql(rows)]

    def one_of_each(self) -> None:
        """No account and no channel was made twice."""
        state = self.chat.state()
        emails = [e["address"] for user in state["users"] for e in user["emails"]]
        assert len(emails) == len(set(emails))
        marks = [
            room["customFields"]["moodle_group"]
            for room in state["rooms"]
            if "moodle_group" in (room["customFields"] or {})
        ]
        assert len(marks) == len(set(marks)) > 0


@pytest.fixture
def chat() -> Iterator[StandIn]:
    with StandIn(like="6.5", latency_ms=10) as chat:
        yield chat


@pytest.fixture(scope="module")
def dumps(
    mariadb: MariaDB, migrated_databases: MigratedDatabases, tmp_path_factory: Any
) -> tuple[Path, Path]:
    """Our own database and Moodle's, filled once: most tests begin with the same."""
    folder = tmp_path_factory.mktemp("filled")
    with StandIn(like="6.5") as nobody_asks:
        own, moodle = migrated_databases.on_mariadb(mariadb), mariadb.create_database()
        Site(mariadb, nobody_asks, own, moodle).prepare(people=300, size=(30, 5))
    for name in (own, moodle):
        (folder / f"{name}.sql").write_bytes(mariadb.dump(name))
    return folder / f"{own}.sql", folder / f"{moodle}.sql"


@pytest.fixture
def site(mariadb: MariaDB, chat: StandIn, dumps: tuple[Path, Path]) -> Site:
    own, moodle = map(mariadb.load, dumps)
    return Site(mariadb, chat, own, moodle)


def descendants(pid: int) -> dict[int, int]:
    """Every process below `pid`, with its parent."""
    found: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(stat.parent.name)] = int(fields[1])
    below = {pid}
    while more := {child for child, parent in found.items() if parent in below} - below:
        below |= more
    return {child: found[child] for child in below - {pid}}


def task_processes(pid: int) -> list[int]:
    """The processes that take tasks, with their monitor and pusher.

    They are the fourth generation: guardian, qcluster, sentinel, and then these.
    """
    below = descendants(pid)
    generation = {pid}
    for _ in range(4):
        generation = {child for child, parent in below.items() if parent in generation}
    return list(generation)


def test_tasks_lost_with_a_killed_busy_worker_are_gone_on_with(
    site: Site, chat: StandIn, note: Callable[[str], None]
) -> None:
    chat.configure(latency_ms=60)
    with site.worker("--beat", "2") as worker:
        site.until(site.beats)
        run = site.enqueue()
        site.until(lambda: chat.stats()["writes"] > 20)
        ((name,),) = site.sql(f"SELECT worker FROM integration_syncrun WHERE id = {run}")
        os.kill(int(name.split("|")[2]), signal.SIGKILL)
        seconds = site.until(lambda: "done" in site.statuses())
        assert worker.poll() is None
    assert site.statuses() == ["interrupted", "done"]
    note(f"a run whose worker was killed: done {seconds:.0f} s after the kill")
    site.one_of_each()
    assert site.sql("SELECT id FROM integration_integratedcourse WHERE lease_owner <> ''") == []


def test_a_hung_cluster_is_started_again(
    site: Site, chat: StandIn, note: Callable[[str], None]
) -> None:
    """Killing idle workers makes django-q2 hang for ever; nothing it says of itself shows that."""
    with site.worker("--beat", "1") as worker:
        site.until(site.beats)
        for pid in task_processes(worker.pid):
            os.kill(pid, signal.SIGKILL)
        site.enqueue()
        seconds = site.until(lambda: site.statuses()[-1:] == ["done"])
        restarts = site.sql("SELECT restarts FROM integration_workerbeat")
    note(f"a cluster whose idle processes were killed: the next run was done after {seconds:.0f} s")
    assert int(restarts[0][0]) <= 1
    site.one_of_each()


@pytest.mark.slow
def test_a_course_that_kills_every_worker_is_given_up_and_the_others_are_done(
    site: Site, tmp_path: Path, note: Callable[[str], None]
) -> None:
    """A poison task: for django-q2 its death is no result, so it would deliver it for ever."""
    course = int(site.sql("SELECT MIN(course_id) FROM integration_integratedcourse")[0][0])
    (tmp_path / "poison").mkdir()
    (tmp_path / "poison" / "__init__.py").touch()
    (tmp_path / "poison" / "apps.py").write_text(POISON.replace("COURSE", str(course)))
    (tmp_path / "poisoned.py").write_text(
        "from rcsync_project.settings import *\nINSTALLED_APPS = [*INSTALLED_APPS, 'poison']\n"
    )
    site.environment["DJANGO_SETTINGS_MODULE"] = "poisoned"
    site.environment["PYTHONPATH"] = f"{tmp_path}:{PYTHON_PATH}"
    with site.worker("--beat", "2"):
        site.until(site.beats)
        site.enqueue()
        seconds = site.until(lambda: not {"queued", "running"} & set(site.statuses()), 180)
    deaths = site.statuses().count("interrupted")
    courses = int(site.sql("SELECT COUNT(*) FROM integration_integratedcourse")[0][0])
    note(f"a poison course among {courses}: given up after {deaths} deaths, {seconds:.0f} s")
    assert site.statuses().count("done") == courses - 1
    assert deaths <= 2 + 3
    last = site.sql("SELECT hint FROM integration_syncrun WHERE status = 'interrupted' ORDER BY id")
    assert "Given up after 3 attempts" in last[-1][0]
    assert site.sql("SELECT id FROM integration_integratedcourse WHERE lease_owner <> ''") == []


def test_a_connection_dropped_before_a_task_is_opened_again(site: Site) -> None:
    """Of every process of the worker."""
    with site.worker("--beat", "1"):
        site.until(site.beats)
        drop_connections(site)
        site.enqueue()
        site.until(lambda: site.statuses() == ["done"])
    site.one_of_each()


@pytest.mark.slow
def test_a_connection_dropped_in_the_middle_of_a_task_is_opened_again(
    site: Site, chat: StandIn
) -> None:
    """Of every process of the worker."""
    with site.worker("--beat", "1"):
        site.until(site.beats)
        site.enqueue()
        site.until(lambda: site.statuses() == ["done"])
        chat.configure(latency_ms=60)
        site.python(
            "from integration.models import ChannelLink; ChannelLink.objects.update(name='old')"
        )
        written = chat.stats()["writes"]
        site.sql("UPDATE integration_channellink SET topic = 'old'")
        site.enqueue()
        site.until(lambda: chat.stats()["writes"] > written + 3)
        drop_connections(site)
        # At the latest when the lease has ended (two minutes) and the sweep has looked again.
        site.until(lambda: site.statuses()[-1] == "done", 240)
    site.one_of_each()
    assert set(site.statuses()) <= {"done", "interrupted"}


def drop_connections(site: Site) -> None:
    """As a database that was started again does it, or a firewall."""
    found = site.sql(
        "SELECT id FROM information_schema.processlist "
        f"WHERE db = '{site.own}' AND id <> CONNECTION_ID()"
    )
    for (number,) in found:
        with contextlib.suppress(RuntimeError):  # it has gone by itself
            site.mariadb.sql(f"KILL {number}")


def test_sigterm_lets_the_run_end_and_leaves_nothing_behind(site: Site, chat: StandIn) -> None:
    chat.configure(latency_ms=30)
    with site.worker() as worker:
        site.until(site.beats)
        site.enqueue()
        site.until(lambda: chat.stats()["writes"] > 5)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    assert site.statuses() == ["done"]
    assert site.beats() == []
    assert descendants(worker.pid) == {}


@pytest.mark.slow
def test_a_worker_that_was_killed_takes_its_cluster_with_it(site: Site) -> None:
    with site.worker("--beat", "1") as worker:
        site.until(site.beats)
        below = list(descendants(worker.pid))
        for pid in task_processes(worker.pid):
            os.kill(pid, signal.SIGKILL)  # so that it hangs and does not drain
        worker.kill()
        worker.wait()
        site.until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in below), 60)


def test_two_clusters_share_a_run_over_a_hundred_courses(
    mariadb: MariaDB,
    migrated_databases: MigratedDatabases,
    chat: StandIn,
    note: Callable[[str], None],
) -> None:
    own, moodle = migrated_databases.on_mariadb(mariadb), mariadb.create_database()
    site = Site(mariadb, chat, own, moodle)
    assert site.prepare(people=COURSES * 5, size=(15, 1)) == COURSES
    code = "from integration.services.background import jobs; print(jobs.full_pass().pk)"
    with site.worker("--beat", "1"), site.worker("--beat", "1"):
        site.until(lambda: len(site.beats()) == 2)
        started = time.monotonic()
        parent = int(site.python(code))
        status = f"SELECT status FROM integration_syncrun WHERE id = {parent}"
        site.until(lambda: site.sql(status)[0][0] not in ("queued", "running"), 240)
        seconds = time.monotonic() - started
    assert site.sql(status) == [["done"]]
    parts = site.sql(
        "SELECT SUBSTRING_INDEX(worker, '|', 1), scope FROM integration_syncrun "
        f"WHERE parent_id = {parent} AND status = 'done'"
    )
    courses = [course for _, scope in parts for course in json.loads(scope)["courses"]]
    assert sorted(courses) == sorted(set(courses)), "no course twice"
    assert len(courses) == COURSES
    by_cluster = {name for name, _ in parts}
    assert len(by_cluster) == 2, "both had their share"
    note(f"100 courses, 500 people, 2 clusters x 2 workers: {len(parts)} parts in {seconds:.0f} s")
    site.one_of_each()
    requests = chat.stats()["by_endpoint"]["POST users.create"]
    made = int(site.sql("SELECT COUNT(*) FROM integration_accountlink")[0][0])
    assert requests == made, "no account was asked for twice"


@pytest.mark.parametrize("command", ["worker", "run"])
def test_a_wrong_configuration_is_refused_with_a_clear_sentence(
    mariadb: MariaDB, command: str
) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": PYTHON_PATH,
        "DJANGO_SETTINGS_MODULE": "rcsync_project.settings",
        "RCSYNC_ENV_FILE": "",
        "SECRET_KEY": "only-for-tests-" + 5 * "0123456789",
        "DATABASE_URL": mariadb.url(mariadb.create_database()),
    }
    done = subprocess.run(
        [sys.executable, "manage.py", command],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "Run: ./rcsync migrate" in done.stderr
    assert "Traceback" not in done.stderr
