"""Fixtures for tests of the admin: a sample Moodle, a stand-in Rocket.Chat, people with and
without rights.
"""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import Q
from django.test import Client

from demo.standin import StandIn
from integration.models import GroupRegexFilter, IncludedRole, IntegratedCourse
from integration.services.admin import start_run
from tests.support.site import Site, moodle_rows

MAY_VIEW = Q(content_type__app_label="integration", codename__startswith="view_")
MAY_OPERATE = Q(
    content_type__app_label="integration",
    codename__in=("sync", "change_conflict", "change_integratedcourse"),
)


@pytest.fixture(autouse=True)
def pages_wait_for_their_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is: after a few seconds a page would show a run under way."""
    monkeypatch.setattr(start_run, "PATIENCE_SECONDS", 300.0)


@pytest.fixture
def site(moodle: Path, chat: StandIn, settings: Any) -> Site:
    """Connected, with nothing chosen yet."""
    settings.ALLOWED_HOSTS = ["*"]
    settings.SECURE_SSL_REDIRECT = False
    return Site(chat, settings)


@pytest.fixture
def chosen(site: Site) -> Site:
    """Two courses, students and teachers, every group."""
    rows = moodle_rows(
        "SELECT id, shortname, fullname FROM mdl_course WHERE shortname IN ('CS101', 'MA110')"
    )
    for number, shortname, fullname in rows:
        IntegratedCourse.objects.create(course_id=number, shortname=shortname, fullname=fullname)
    for shortname in ("student", "editingteacher"):
        IncludedRole.objects.create(shortname=shortname)
    GroupRegexFilter.objects.create(pattern=".*")
    return site


def person(name: str, *rights: Q) -> User:
    """Somebody of the staff with these rights."""
    user = User.objects.create_user(name, password=name, is_staff=True)
    condition = Q(pk__in=[])
    for right in rights:
        condition |= right
    user.user_permissions.set(Permission.objects.filter(condition))
    return user


def _client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def administrator(transactional_db: None) -> Client:
    return _client(User.objects.create_superuser("admin", password="admin"))


@pytest.fixture
def operator(transactional_db: None) -> Client:
    return _client(person("operator", MAY_VIEW, MAY_OPERATE))


@pytest.fixture
def viewer(transactional_db: None) -> Client:
    return _client(person("viewer", MAY_VIEW))
