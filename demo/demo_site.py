"""The demo's site: a sample Moodle, a stand-in Rocket.Chat and rcsync set up between them.

Everything lives in one folder, so a second demo goes on where the first one ended.
"""

import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command

from demo.sample_moodle import create_sample_moodle
from demo.standin import ADMIN_PASSWORD, ADMIN_USERNAME, StandIn
from demo.standin.dialects import dialect_like
from demo.standin.state import storage
from demo.standin.state.fresh import fresh_world
from integration.models import (
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    IntegrationSettings,
)
from integration.services.moodle.reader import MoodleReader

FOLDER = settings.VAR_DIR / "demo"
MOODLE = FOLDER / "moodle.sqlite3"
CHAT = FOLDER / "rocketchat.json"
PASSWORD_FILE = FOLDER / "admin-password"
LIKE = "8.8"
SAVE_SECONDS = 1.0

USERNAME = "admin"
ROLES = {
    "student": "member",
    "teacher": "moderator",
    "editingteacher": "owner",
    "tutor": "moderator",
}
PATTERNS = [
    ("group|gruppe|team|équipe|tutorial|bench|小组", "include"),
    ("^Teaching staff$", "exclude"),
]


def prepare(*, fresh: bool) -> None:
    """Make what is not there yet: both databases and the administrator's choices."""
    if fresh:
        shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not MOODLE.exists():
        create_sample_moodle(MOODLE, int(time.time()))
    call_command("migrate", verbosity=0, interactive=False)
    if not IntegratedCourse.objects.exists():
        _choose()


@contextmanager
def chat_server() -> Iterator[StandIn]:
    """The stand-in, with the state it had when it was last stopped, and rcsync's settings pointed
    at it.
    """
    dialect = dialect_like(LIKE)
    world = storage.load_file(CHAT, dialect) if CHAT.exists() else fresh_world(dialect)
    with StandIn(LIKE, world=world) as server:
        row = IntegrationSettings.load()
        row.rocketchat_url = server.url
        row.rocketchat_username = ADMIN_USERNAME
        row.set_secret("rocketchat_password", ADMIN_PASSWORD, server.url)
        row.save()
        with _saving(server):
            yield server


def administrator() -> tuple[str, str]:
    """Username and password of the demo's admin; made once and kept in the folder."""
    if not PASSWORD_FILE.exists():
        PASSWORD_FILE.touch(mode=0o600)
        PASSWORD_FILE.write_text(secrets.token_urlsafe(9))
    password = PASSWORD_FILE.read_text()
    users = get_user_model().objects
    user, is_new = users.get_or_create(
        username=USERNAME, defaults={"is_staff": True, "is_superuser": True}
    )
    if is_new:
        user.set_password(password)
        user.save()
    return USERNAME, password


def _choose() -> None:
    """What an administrator would choose: every course, four roles, two patterns."""
    reader = MoodleReader()
    ids = {shortname: role_id for role_id, shortname in reader.roles().items()}
    for shortname, room_role in ROLES.items():
        IncludedRole.objects.create(
            role_id=ids[shortname], shortname=shortname, room_role=room_role
        )
    for position, (pattern, kind) in enumerate(PATTERNS):
        GroupRegexFilter.objects.create(pattern=f"/{pattern}/i", kind=kind, position=position)
    for course in reader.find_courses():
        IntegratedCourse.objects.create(
            course_id=course.course_id, shortname=course.shortname, fullname=course.fullname
        )


@contextmanager
def _saving(server: StandIn) -> Iterator[None]:
    """Write the stand-in's state to its file, now and then and at the end."""
    stopped = threading.Event()

    def keep() -> None:
        saved = -1
        while True:
            last = stopped.wait(SAVE_SECONDS)
            if server.world.changes != saved:
                saved = server.world.changes
                storage.save_file(server.world, CHAT)
            if last:
                return

    thread = threading.Thread(target=keep, name="standin-state", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
