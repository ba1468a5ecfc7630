"""Log lines for people and for machines, and what Sentry is told."""

import json
import logging
import logging.config
import re
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


ANNA = "anna.schmidt"


@pytest.fixture
def sent() -> Iterator[list[dict[str, Any]]]:
    """What would leave for Sentry, with everything that its client collects in production."""
    import sentry_sdk
    from sentry_sdk.transport import Transport

    events: list[dict[str, Any]] = []

    class Kept(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            events.extend(item.payload.json for item in envelope.items if item.payload.json)

    scope = sentry_sdk.get_global_scope()
    client = scope.client
    with sentry_sdk.isolation_scope():
        sentry.start(
            "https://key@sentry.example.invalid/1", "test", [SECRET, "ab", ""], transport=Kept
        )
        yield events
    scope.set_client(client)


def test_sentry_is_told_where_an_error_was_and_nothing_of_people(
    sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sentry_sdk

    monkeypatch.setattr(sys, "argv", ["manage.py", "sync", "--user", ANNA])
    sentry_sdk.set_user({"username": ANNA})
    sentry_sdk.set_tag("who", ANNA)
    sentry_sdk.set_extra("who", ANNA)
    sentry_sdk.set_context("person", {"name": ANNA})
    sentry_sdk.add_breadcrumb(
        type="http",
        category="httplib",
        message=f"asks for {ANNA}",
        data={
            "url": f"https://chat/api/v1/users.info/{ANNA}",
            "http.query": f"username={ANNA}",
            "http.fragment": ANNA,
            "http.method": "GET",
            "status_code": 404,
        },
    )
    logging.getLogger("integration.test").warning("run=%d user=%s", 7, ANNA, extra={"who": ANNA})
    logging.getLogger("elsewhere").warning(f"hello {ANNA}")  # noqa: G004  # as others do
    with belonging_to("abc-123"):
        try:
            try:
                int(ANNA)
            except ValueError as cause:
                cause.add_note(ANNA)
                raise RuntimeError(f"Duplicate entry '{ANNA}@school.org'") from cause
        except RuntimeError as error:
            sentry_sdk.capture_exception(error)
    (event,) = sent
    text = json.dumps(event)
    assert "anna" not in text
    assert "school.org" not in text
    assert '"vars"' not in text
    first, second = event["exception"]["values"]
    assert (first["type"], first["value"]) == ("ValueError", sentry.HIDDEN)
    assert (second["type"], second["value"]) == ("RuntimeError", sentry.HIDDEN)
    frame = second["stacktrace"]["frames"][-1]
    assert frame["module"] == __name__
    assert frame["lineno"]
    assert event["tags"] == {"request_id": "abc-123"}
    assert event["release"].startswith("rcsync@")
    by_category = {one["category"]: one for one in event["breadcrumbs"]["values"]}
    assert by_category["httplib"]["data"] == {"http.method": "GET", "status_code": 404}
    assert by_category["integration.test"]["message"] == "run=%d user=%s"
    assert by_category["elsewhere"]["message"] == sentry.HIDDEN


def test_sentry_is_told_the_pattern_of_a_log_line(sent: list[dict[str, Any]]) -> None:
    import sentry_sdk

    logging.getLogger("integration.test").error("run=%d user=%s", 7, ANNA)
    logging.getLogger("django.security").error(f"Invalid host {ANNA}")  # noqa: G004
    sentry_sdk.capture_message(f"hello {ANNA}")
    ours, others, message = sent
    assert ours["logentry"] == {"message": "run=%d user=%s"}
    assert others["logentry"] == {"message": sentry.HIDDEN}
    assert message["message"] == sentry.HIDDEN
    assert "anna" not in json.dumps(sent)


@pytest.mark.django_db
def test_sentry_is_told_the_route_of_a_request(
    sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object, **_more: object) -> None:
        raise LookupError(ANNA)

    monkeypatch.setattr("django.contrib.auth.views.LoginView.post", broken)
    client = Client(raise_request_exception=False, headers={"Referer": f"https://x/{ANNA}"})
    client.post(f"{reverse('admin:login')}?q={ANNA}#{ANNA}", {"username": ANNA})
    assert sent
    assert "anna" not in json.dumps(sent)
    event = next(event for event in sent if "exception" in event)
    assert event["transaction"].endswith("login/")
    assert set(event["request"]) <= {"method"}


def test_only_what_is_listed_leaves(sent: list[dict[str, Any]]) -> None:
    event = {
        "request": {"url": f"https://rcsync/{ANNA}/", "cookies": "c", "method": "GET"},
        "transaction": f"/{ANNA}",
        "transaction_info": {"source": "url"},
        "spans": [ANNA],
        "level": "error",
    }
    left = sentry.told(event)
    assert left == {
        "level": "error",
        "request": {"method": "GET"},
        "contexts": {"runtime": {}, "trace": {}},
    }


def test_a_secret_leaves_in_no_text(sent: list[dict[str, Any]]) -> None:
    logging.getLogger("integration.test").error(f"connects with {SECRET}")  # noqa: G004
    (event,) = sent
    assert event["logentry"]["message"] == f"connects with {sentry.HIDDEN}"


@pytest.mark.parametrize("other_sign_in", ["OIDC", "REMOTE_USER"])  # there is one of them
def test_every_secret_of_the_environment_is_blotted_out(other_sign_in: str) -> None:
    fernet = "b25seS1mb3ItdGVzdHMtMDEyMzQ1Njc4OTAxMjM0NTY="
    secrets = {
        "SECRET_KEY": "the-secret-key-of-django-" + "x" * 40,
        "RCSYNC_SECRET_KEYS": fernet,
        "RCSYNC_LINK_KEY": "link-key-0123456789,older-link-key-0123456789",
        "RCSYNC_EVENT_SECRET": "event-secret-0123456789",
        "RCSYNC_METRICS_TOKEN": "metrics-token-0123456789",
        "ROCKETCHAT_AUTH_TOKEN": "chat-token-0123456789",
        "ROCKETCHAT_PASSWORD": "chat-password-0123456789",
        "OIDC_CLIENT_SECRET": "oidc-secret-0123456789",
        "REMOTE_USER_SECRET": "proxy-secret-0123456789",
    }
    inside = {
        "DATABASE_URL": "mysql://user:own%2Fpassword@db/rcsync",
        "MOODLE_DATABASE_URL": "mysql://user:moodle%2Fpassword@db/moodle",
        "EMAIL_URL": "smtp://user:mail%2Fpassword@mail:25",
        "RCSYNC_BROKER_URL": "redis://:broker%2Fpassword@redis:6379/0",
    }
    others = {
        "RCSYNC_ENV_FILE": "",
        "SIGN_IN_VIEWER_GROUPS": "helpdesk",
        "REMOTE_USER_GROUPS_HEADER": "X-Groups",
        "OIDC_ISSUER": "https://idp.example.org",
        "OIDC_CLIENT_ID": "rcsync",
        "REMOTE_USER_HEADER": "X-Remote-User",
        "BEHIND_PROXY": "1",
        "ROCKETCHAT_URL": "https://chat.example.org",
    }
    named = re.findall(r"^#?(\w+)=(.*)", (ROOT / ".env.example").read_text(), re.MULTILINE)
    hidden = {name for name, _ in named if re.search(r"SECRET|TOKEN|PASSWORD|KEY", name)}
    urls = {name for name, value in named if re.search(r"(DATABASE|EMAIL|BROKER)_URL", name)}
    assert (hidden, urls) == (set(secrets), set(inside)), "a new secret belongs into this test"
    for names in (secrets, others):
        for name in [name for name in names if name.startswith(other_sign_in)]:
            del names[name]
    code = "import json; from rcsync_project.settings import ALL_SECRETS as b; print(json.dumps(b))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **secrets,
            **inside,
            **others,
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    found = json.loads(done.stdout)
    wanted = [one for value in secrets.values() for one in value.split(",")]
    wanted += [*inside.values(), *(f"{one}/password" for one in ("own", "moodle", "mail"))]
    assert set(wanted) | {"broker/password"} <= set(found)


def test_short_values_are_not_taken_for_secrets() -> None:
    assert sentry.without(["ab", ""])("about") == "about"
    assert sentry.without(["secret", "secret-longer"])(["x secret-longer"]) == ["x [hidden]"]


def test_a_dsn_without_the_extra_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.exceptions import ImproperlyConfigured

    monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    with pytest.raises(ImproperlyConfigured, match="--extra sentry"):
        sentry.start("https://key@sentry.example.invalid/1", "test", [])
