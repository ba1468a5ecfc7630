"""Secrets: encrypted at rest, never shown, never logged; a wrong key is an error; the site behind
a lock.
"""

import json
import logging
import os
import re
import subprocess
import sys
from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client, RequestFactory, override_settings
from django.urls import reverse
from django.views.debug import ExceptionReporter

from demo.standin import ADMIN_PASSWORD, StandIn
from integration.domain.secret import Secret
from integration.models import AuditEntry, IntegrationSettings, SyncRun
from integration.services.runs.configured_connection import rocketchat_connection
from tests.support.paths import ROOT as TOP
from tests.support.school import a_school

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
TOKEN = "top-secret-token-9876543210"
KEYS = [Fernet.generate_key().decode() for _ in range(3)]


@pytest.fixture
def stored(settings: Any) -> IntegrationSettings:
    settings.RCSYNC_SECRET_KEYS = [KEYS[0]]
    settings.ROCKETCHAT = dict.fromkeys(settings.ROCKETCHAT, "")
    row = IntegrationSettings.load()
    row.rocketchat_url = "https://chat.example.invalid"
    row.rocketchat_user_id = "bot"
    row.set_secret("rocketchat_auth_token", TOKEN, row.rocketchat_url)
    row.save()
    return row


def raw() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rocketchat_auth_token FROM integration_integrationsettings")
        return str(cursor.fetchone()[0])


# ── At rest ──────────────────────────────────────────────────────────────────────────────────────


def test_a_stored_secret_is_encrypted(stored: IntegrationSettings) -> None:
    assert TOKEN not in raw()
    assert IntegrationSettings.load().rocketchat_auth_token == TOKEN


def test_a_wrong_key_is_an_error_and_says_what_to_do(
    stored: IntegrationSettings, settings: Any
) -> None:
    settings.RCSYNC_SECRET_KEYS = [KEYS[1]]
    with pytest.raises(ImproperlyConfigured, match="not in RCSYNC_SECRET_KEYS"):
        IntegrationSettings.load()


@pytest.mark.parametrize("keys", [[], ["no key"]])
def test_without_a_good_key_no_secret_is_stored(settings: Any, keys: list[str]) -> None:
    settings.RCSYNC_SECRET_KEYS = keys
    row = IntegrationSettings.load()
    row.rocketchat_auth_token = TOKEN
    with pytest.raises(ImproperlyConfigured, match="make-key"), transaction.atomic():
        row.save()
    assert raw() == ""


def test_keys_are_rotated_without_losing_a_secret(
    stored: IntegrationSettings, settings: Any
) -> None:
    settings.RCSYNC_SECRET_KEYS = [KEYS[1], KEYS[0]]
    assert IntegrationSettings.load().rocketchat_auth_token == TOKEN
    before = raw()
    call_command("rotate_keys", stdout=StringIO())
    assert raw() != before
    settings.RCSYNC_SECRET_KEYS = [KEYS[1]]
    assert IntegrationSettings.load().rocketchat_auth_token == TOKEN


def test_a_rotation_with_the_wrong_keys_changes_nothing(
    stored: IntegrationSettings, settings: Any
) -> None:
    before = raw()
    settings.RCSYNC_SECRET_KEYS = KEYS[1:]
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("rotate_keys")
    assert raw() == before


def test_a_new_key_is_a_key() -> None:
    out = StringIO()
    call_command("make_key", stdout=out)
    key = Fernet(out.getvalue().strip())
    assert key.decrypt(key.encrypt(b"a secret")) == b"a secret"


# ── Never shown ──────────────────────────────────────────────────────────────────────────────────


def test_a_secret_has_no_representation(stored: IntegrationSettings) -> None:
    row = IntegrationSettings.load()
    assert isinstance(row.rocketchat_auth_token, Secret)
    assert TOKEN not in repr(row.rocketchat_auth_token)
    assert TOKEN not in repr(vars(row))
    assert TOKEN not in repr(rocketchat_connection())


@override_settings(DEBUG=True)
def test_no_secret_is_in_an_error_page(stored: IntegrationSettings, settings: Any) -> None:
    settings.ROCKETCHAT |= {"url": "https://chat", "auth_token": TOKEN, "password": ADMIN_PASSWORD}
    os.environ["MOODLE_DATABASE_URL"] = f"mysql://rcsync:{TOKEN}@db/moodle"
    try:
        request = RequestFactory().get("/", **dict(os.environ))  # type: ignore[arg-type]  # as runserver does
        try:
            link = rocketchat_connection()
            row = IntegrationSettings.load()
            raise RuntimeError(f"{len(vars(row))} {link.url}")  # noqa: TRY301
        except RuntimeError:
            reporter = ExceptionReporter(request, *sys.exc_info())
            page = reporter.get_traceback_html() + reporter.get_traceback_text()
    finally:
        del os.environ["MOODLE_DATABASE_URL"]
    assert "RuntimeError" in page
    assert TOKEN not in page
    assert ADMIN_PASSWORD not in page


def test_the_form_of_the_settings_never_holds_a_secret(
    stored: IntegrationSettings, client: Client
) -> None:
    User.objects.create_superuser("root", password="x")
    client.login(username="root", password="x")
    url = reverse("admin:integration_integrationsettings_change", args=[1])
    page = client.get(url).content.decode()
    assert "rocketchat_auth_token" in page
    assert TOKEN not in page
    assert TOKEN[:-3] not in page


def test_no_secret_is_in_logs_rows_or_history(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with a_school(settings, synced=False) as school:
        school.chat.fault("refuse", endpoint="groups.create", times=2)
        school.run()
        settings.ROCKETCHAT = {**settings.ROCKETCHAT, "password": "wrong-but-secret-too"}
        assert school.run().status == SyncRun.Status.ERROR
    tables = [list(model.objects.values()) for model in (SyncRun, AuditEntry, LogEntry)]
    everything = caplog.text + json.dumps(tables, default=str)
    assert "users.create" in everything
    for secret in (ADMIN_PASSWORD, "wrong-but-secret-too"):
        assert secret not in everything


def test_a_redirect_to_another_host_gets_no_credentials(settings: Any) -> None:
    with StandIn(like="8.8") as thief, a_school(settings, synced=False) as school:
        reply = school.chat.application.reply

        def redirect(request: Any) -> Any:
            from demo.standin.web.call import Reply

            return Reply(302, b"", headers=(("Location", f"{thief.url}{request.path}"),))

        school.chat.application.reply = redirect  # type: ignore[method-assign]
        run = school.run()
        school.chat.application.reply = reply  # type: ignore[method-assign]
        assert run.status == SyncRun.Status.ERROR
        assert "redirect" in run.message
        assert thief.stats()["total"] == 0


# ── The site ─────────────────────────────────────────────────────────────────────────────────────


def test_production_settings_pass_djangos_deployment_checks() -> None:
    done = subprocess.run(
        [sys.executable, TOP / "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env={
            "RCSYNC_ENV_FILE": "",
            "SECRET_KEY": "k" * 20 + "0123456789" * 4,
            "ALLOWED_HOSTS": "rcsync.example.org",
            "DATABASE_URL": "sqlite://",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_cookies_are_for_https_and_for_this_site_only() -> None:
    code = (
        "from rcsync_project import settings as s;"
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_SAMESITE,"
        " s.SECURE_HSTS_SECONDS > 0, s.SECURE_SSL_REDIRECT)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=TOP,
        env={"RCSYNC_ENV_FILE": "", "SECRET_KEY": "k" * 60, "DATABASE_URL": "sqlite://"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["True", "True", "Lax", "True", "True"]


def test_every_page_has_a_content_security_policy(client: Client) -> None:
    policy = client.get(reverse("admin:login")).headers["Content-Security-Policy"]
    for rule in (
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval';",
        "frame-ancestors 'none'",
    ):
        assert rule in policy
    assert not re.search(r"https?:", policy), "nothing comes from, or goes to, another host"
