"""A whole site for end-to-end tests: Moodle's tables, a stand-in Rocket.Chat and rcsync between
them.
"""

import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from demo.sample_moodle import create_sample_moodle
from demo.standin import ADMIN_PASSWORD, ADMIN_USERNAME, StandIn
from integration.domain.state import EVERYTHING, Scope
from integration.models import (
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    SyncRun,
)
from integration.services.rocketchat import client
from integration.services.rocketchat.limiter import Limiter
from integration.services.runs import runner
from integration.services.runs.order import Order

BOT = ADMIN_USERNAME


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Path:
    """The sample Moodle as a file, made once and never changed."""
    path = tmp_path_factory.mktemp("sample") / "moodle.sqlite3"
    with django_db_blocker.unblock():
        create_sample_moodle(path, int(time.time()))
    return path


@pytest.fixture
def moodle(
    sample: Path, tmp_path: Path, moodle_alias: Callable[..., AbstractContextManager[Any]]
) -> Iterator[Path]:
    """A copy of the sample that is the test's own; the alias `moodle` points there."""
    path = tmp_path / "moodle.sqlite3"
    shutil.copy(sample, path)
    with moodle_alias(f"sqlite:///{path}"):
        yield path


@pytest.fixture
def chat() -> Iterator[StandIn]:
    with StandIn(like="6.5") as chat:
        yield chat


def limiter_that_never_sleeps() -> Limiter:
    """Its clock jumps over every pause."""
    skipped = [0.0]

    def sleep(seconds: float) -> None:
        skipped[0] += seconds

    return Limiter(1, clock=lambda: time.monotonic() + skipped[0], sleep=sleep)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rocket.Chat's client neither sleeps for limits nor before it tries again."""
    monkeypatch.setattr(client, "shared_limiter", lambda *_: limiter_that_never_sleeps())
    monkeypatch.setattr(client.RocketChat, "pause", lambda *_: None)


class Site:
    """Points rcsync at a stand-in. The alias `moodle` is pointed by the test."""

    def __init__(self, chat: StandIn, settings: Any) -> None:
        self.chat = chat
        settings.MOODLE_CONFIGURED = True
        settings.ROCKETCHAT = {
            "url": chat.url,
            "user_id": "",
            "auth_token": "",
            "username": ADMIN_USERNAME,
            "password": ADMIN_PASSWORD,
            "ca_file": "",
        }

    def choose(self, courses: Collection[int], roles: Collection[int], pattern: str = ".*") -> None:
        """The administrator's choices, in place of earlier ones."""
        for model in (IntegratedCourse, IncludedRole, GroupRegexFilter):
            model.objects.all().delete()
        IntegratedCourse.objects.bulk_create(IntegratedCourse(course_id=c) for c in courses)
        IncludedRole.objects.bulk_create(IncludedRole(role_id=role) for role in roles)
        GroupRegexFilter.objects.create(pattern=pattern)

    def run(
        self, kind: str = SyncRun.Kind.APPLY, scope: Scope = EVERYTHING, **order: Any
    ) -> runner.Finished:
        return runner.execute(
            Order(kind=kind, trigger=SyncRun.Trigger.COMMAND, scope=scope, **order)
        )

    def apply(self, scope: Scope = EVERYTHING, **order: Any) -> runner.Finished:
        """A sync that has to go well."""
        finished = self.run(scope=scope, **order)
        assert finished.run.status == SyncRun.Status.DONE, (
            finished.run.message,
            finished.report and finished.report.failed,
        )
        return finished

    # --- what the stand-in has, in Moodle's terms -------------------------------------------------

    def channel_members(self) -> dict[int, set[int]]:
        """Moodle group id -> Moodle user ids in its channel that is not archived.

        People are told by their e-mail address, which no two accounts share; rooms by the mark they
        carry.
        """
        user_of = self._users_by_email()
        state = self.chat.state()
        username_to_user = {
            user["username"]: user_of.get(address)
            for user in state["users"]
            for address in _addresses(user)
        }
        return {
            room["customFields"]["moodle_group"]: {
                _known(username_to_user, name) for name in room["members"] if name != BOT
            }
            for room in self.rooms()
            if not room["archived"]
        }

    def room_roles(self, role: str) -> set[tuple[int, int]]:
        """(Moodle group id, Moodle user id) of who has the role in a channel, the bot left out."""
        user_of = self._users_by_email()
        ids = {
            user["username"]: user_of.get(address)
            for user in self.chat.state()["users"]
            for address in _addresses(user)
        }
        return {
            (room["customFields"]["moodle_group"], _known(ids, name))
            for room in self.rooms()
            for name, roles in room["roles"].items()
            if role in roles and name != BOT and not room["archived"]
        }

    def rooms(self) -> list[dict[str, Any]]:
        """The rooms that rcsync made."""
        return [
            room
            for room in self.chat.state()["rooms"]
            if "moodle_group" in (room["customFields"] or {})
        ]

    def room_of(self, group_id: int) -> dict[str, Any]:
        found = [room for room in self.rooms() if room["customFields"]["moodle_group"] == group_id]
        assert len(found) == 1, f"group {group_id} has {len(found)} channels"
        return found[0]

    def account(self, email: str) -> dict[str, Any]:
        found = [user for user in self.chat.state()["users"] if email.lower() in _addresses(user)]
        assert len(found) == 1, f"{email} has {len(found)} accounts"
        return dict(found[0])

    def _users_by_email(self) -> dict[str, int]:
        """E-mail address -> Moodle user id; of several people with one address the first has the
        account.
        """
        rows = moodle_rows("SELECT email, id FROM mdl_user WHERE deleted = 0 ORDER BY id DESC")
        return {email.lower(): user_id for email, user_id in rows if email}


def _addresses(user: dict[str, Any]) -> list[str]:
    return [email["address"].lower() for email in user["emails"]]


def moodle_rows(sql: str) -> list[tuple[Any, ...]]:
    with connections["moodle"].cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def _known(users: dict[str, int | None], username: str) -> int:
    user_id = users.get(username)
    assert user_id is not None, f"{username} is in a channel and unknown to Moodle"
    return user_id


def chat_content(chat: StandIn) -> Mapping[str, Any]:
    """What is where, without ids that differ from run to run."""
    state = chat.state()
    return {
        "users": sorted(
            (u["username"], u["name"], tuple(u["emails"]), u["active"]) for u in state["users"]
        ),
        "rooms": sorted(
            (
                str((room["customFields"] or {}).get("moodle_group")),
                room["name"],
                room["topic"] or "",
                room["archived"],
                room["ro"],
                tuple(sorted(room["members"])),
                tuple(sorted((who, *roles) for who, roles in room["roles"].items())),
            )
            for room in state["rooms"]
        ),
    }
