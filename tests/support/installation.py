"""A whole installation as processes: rcsync on any database of its own, a small Moodle, a stand-in.

The same Moodle is made wherever it is asked for, so what was kept of an installation fits it later.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from demo.standin import ADMIN_ID, ADMIN_TOKEN, StandIn
from tests.support.paths import PYTHON_PATH, ROOT

NOT_INHERITED = ("ROCKETCHAT_", "RCSYNC_", "DATABASE_", "MOODLE_", "DJANGO_", "REDIS_")
COURSES = (10, 11)
PEOPLE_OF_A_COURSE = 10
GROUPS = (101, 102, 111, 112)  # five students each

MOODLE = """
from django.db import connections
from demo.sample_moodle.tables import create_tables
from tests.support.installation import fill_moodle
create_tables(connections["moodle"])
fill_moodle()
"""
SETTINGS = """
from django.contrib.auth.models import User
from integration.domain.state import RoomRole
from integration.models import *
GroupRegexFilter.objects.create(pattern=".*")
IncludedRole.objects.create(role_id=5)
IncludedRole.objects.create(role_id=3, room_role=RoomRole.MODERATOR)
IntegratedCourse.objects.bulk_create([IntegratedCourse(course_id=c) for c in COURSES])
User.objects.create_superuser("head", "head@example.invalid", "invented password")
IntegrationSettings.load()
"""


_MADE: dict[str, bytes] = {}  # code that makes a Moodle -> the file that it made


def fill_moodle() -> None:
    """Two courses, four groups, twenty students, two teachers."""
    from tests.support.small_moodle import TEACHER, SmallMoodle

    moodle = SmallMoodle()
    for course in COURSES:
        moodle.course(course)
        moodle.enrol(course, moodle.people(course * 100, PEOPLE_OF_A_COURSE))
        moodle.enrol(course, moodle.people(course * 100 + 50, 1), TEACHER)
    for number, group in enumerate(GROUPS):
        first = group // 10 * 100 + number % 2 * 5
        moodle.group(group, group // 10, f"Group {group}", range(first, first + 5))


class Installation:
    """Processes that share one environment."""

    def __init__(
        self, folder: Path, own_url: str, chat: StandIn, moodle: str = MOODLE, **more: str
    ) -> None:
        """`moodle` is the code that makes Moodle; `more` are variables of the environment."""
        self.chat = chat
        self.var = folder / "var"
        clean = {
            key: value for key, value in os.environ.items() if not key.startswith(NOT_INHERITED)
        }
        self.environment = {
            **clean,
            "PYTHONPATH": PYTHON_PATH,
            "DJANGO_SETTINGS_MODULE": "rcsync_project.settings",
            "RCSYNC_ENV_FILE": "",
            "RCSYNC_VAR_DIR": str(self.var),
            "RCSYNC_SECRET_KEYS": "b25seS1mb3ItdGVzdHMtMDEyMzQ1Njc4OTAxMjM0NTY=",
            "SECRET_KEY": "only-for-tests-" + 5 * "0123456789",
            "LOG_LEVEL": "WARNING",
            "DATABASE_URL": own_url,
            "MOODLE_DATABASE_URL": f"sqlite:///{folder / 'moodle.sqlite3'}",
            "ROCKETCHAT_URL": chat.url,
            "ROCKETCHAT_USER_ID": ADMIN_ID,
            "ROCKETCHAT_AUTH_TOKEN": ADMIN_TOKEN,
            **more,
        }
        self._fill(moodle, folder / "moodle.sqlite3")

    def _fill(self, moodle: str, file: Path) -> None:
        """What the same code made already, in a process that takes seconds, is copied."""
        elsewhere = self.environment["MOODLE_DATABASE_URL"] != f"sqlite:///{file}"
        if moodle in _MADE and not elsewhere:
            file.write_bytes(_MADE[moodle])
            return
        self.in_moodle(moodle)
        if not elsewhere:
            _MADE[moodle] = file.read_bytes()

    def run(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *arguments],
            env={**self.environment, **more},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def manage(self, *arguments: str, status: int = 0) -> str:
        """What a command prints, whose exit status has to be this one."""
        done = self.run("manage.py", *arguments)
        assert done.returncode == status, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def python(self, code: str, **more: str) -> str:
        done = self.run("-c", f"import django; django.setup()\n{code}", **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def in_moodle(self, code: str) -> None:
        """Change Moodle, which rcsync itself cannot."""
        self.python(code, RCSYNC_MOODLE_TESTING="on")

    def set_up(self) -> None:
        """Tables and choices."""
        self.manage("migrate", "--verbosity=0")
        self.choose()

    def choose(self) -> None:
        """An administrator, and what one would choose: every course, two roles."""
        self.python(SETTINGS.replace("COURSES", str(COURSES)))

    def plan(self, *, status: int = 0) -> dict[str, Any]:
        """What a full check would do, as `sync --json` prints it."""
        done = self.run("manage.py", "sync", "--full-check", "--json")
        assert done.returncode == status, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found
