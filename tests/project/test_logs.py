"""Log lines for people and for machines, and what Sentry is told."""

import json
import logging
import logging.config
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integration.domain.request_id import belonging_to
from rcsync_project import logs, sentry
from tests.support.paths import ROOT

SECRET = "hunter2-and-more"


@pytest.fixture
def as_they_were() -> Iterator[None]:
    yield
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


def written(form: str, capsys: pytest.CaptureFixture[str]) -> str:
    logging.config.dictConfig(logs.logging_config(form, "INFO"))
    try:
        int("no\nmore")
    except ValueError:
        with belonging_to("abc-123"):
            logging.getLogger("integration.test").exception("run=%d status=%s", 7, "done")
    return capsys.readouterr().err


def test_a_json_log_has_one_object_for_each_event(
    as_they_were: None, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = written("json", capsys).splitlines()
    found = json.loads(line)
    assert found["message"] == "run=7 status=done"
    assert (found["level"], found["logger"]) == ("ERROR", "integration.test")
    assert found["request_id"] == "abc-123"
    assert "ValueError: invalid literal" in found["exc_info"]
    assert found["time"][10] == "T"
    assert found["version"]


def test_a_line_names_the_request_or_run_too(
    as_they_were: None, capsys: pytest.CaptureFixture[str]
) -> None:
    first = written("line", capsys).splitlines()[0]
    assert "ERROR integration.test [abc-123] run=7 status=done" in first


def settings_of(**environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, ROOT / "manage.py", "check"],
        env={
            "RCSYNC_ENV_FILE": "",
            "DATABASE_URL": "sqlite://",
            "SECRET_KEY": "k" * 50,
            "ALLOWED_HOSTS": "rcsync.example.org",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_unknown_log_format_is_refused() -> None:
    done = settings_of(LOG_FORMAT="json")
    assert (done.returncode, done.stderr) == (0, ""), "starting is no event"
    done = settings_of(LOG_FORMAT="xml")
    assert "LOG_FORMAT is 'xml'. It is line or json." in done.stderr


# ── The request's id ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("proxies", "given", "believed"),
    [
        (1, "abc-123", True),
        (0, "abc-123", False),
        (1, "no good\tid", False),
        (1, "x" * 65, False),
        (1, "", False),
    ],
)
def test_only_a_proxys_sane_request_id_is_believed(
    settings: Any, proxies: int, given: str, believed: bool
) -> None:
    settings.PROXIES = proxies
    answer = Client().get(reverse("rcsync:healthz"), headers={"X-Request-ID": given})
    assert (answer["X-Request-ID"] == given) is believed
    assert len(answer["X-Request-ID"]) == (len(given) if believed else 32)


# ── Sentry ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def sent() -> Iterator[list[dict[str, Any]]]:
    """What would leave for Sentry."""
    import sentry_sdk
    from sentry_sdk.transport import Transport

    events: list[dict[str, Any]] = []

    class Kept(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            events.extend(item.payload.json for item in envelope.items if item.payload.json)

    client = sentry_sdk.get_global_scope().client
    sentry.start(
        "https://key@sentry.example.invalid/1",
        "test",
        [SECRET, "ab", ""],
        transport=Kept,
        default_integrations=False,
    )
    yield events
    sentry_sdk.get_global_scope().set_client(client)


def test_sentry_is_told_an_error_without_secrets_and_people(sent: list[dict[str, Any]]) -> None:
    import sentry_sdk

    sentry_sdk.add_breadcrumb(message=f"connects with {SECRET}")
    with belonging_to("abc-123"):
        try:
            int(f"cannot connect: mysql://user:{SECRET}@db/moodle")
        except ValueError as error:
            sentry_sdk.capture_exception(error)
    (event,) = sent
    text = json.dumps(event)
    assert "cannot connect" in text
    assert SECRET not in text
    assert sentry.HIDDEN in text
    assert event["tags"]["request_id"] == "abc-123"
    assert event["release"].startswith("rcsync@")
    assert '"vars"' not in text
    assert "user" not in event


def test_a_request_goes_without_cookies_headers_and_what_was_typed() -> None:
    event = {
        "request": {"url": "https://rcsync/admin/", "cookies": "c", "headers": {}, "data": "d"},
        "user": {"username": "anna"},
    }
    assert sentry._tagged(event) == {"request": {"url": "https://rcsync/admin/"}}


def test_short_values_are_not_taken_for_secrets() -> None:
    assert sentry.without(["ab", ""])("about") == "about"
    assert sentry.without(["secret", "secret-longer"])(["x secret-longer"]) == ["x [hidden]"]


def test_a_dsn_without_the_extra_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.exceptions import ImproperlyConfigured

    monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    with pytest.raises(ImproperlyConfigured, match="--extra sentry"):
        sentry.start("https://key@sentry.example.invalid/1", "test", [])
