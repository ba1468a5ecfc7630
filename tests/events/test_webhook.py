"""The door for sites that can push: it believes who knows the secret, and only where to look."""

import json
import time
from typing import Any

import pytest
from django.test import Client, override_settings

from integration.domain.state import Scope
from integration.models import IntegratedCourse, PushedEvent, SyncRun
from integration.services.background import queue, sweep
from integration.services.events import webhook
from integration.services.runs.order import order_of
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

SECRET = "a-secret-of-the-site"


@pytest.fixture(autouse=True)
def open_door(small_site: Site, settings: Any) -> None:
    settings.EVENT_SECRET = SECRET
    settings.ALLOWED_HOSTS = ["*"]
    settings.SECURE_SSL_REDIRECT = False
    IntegratedCourse.objects.filter(course_id__in=(10, 11)).update(event_sync=True)


def push(
    told: Any, *, at: float | None = None, secret: str = SECRET, signature: str | None = None
) -> Any:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    timestamp = str(int(time.time() if at is None else at))
    given = webhook.signature(secret, timestamp, body) if signature is None else signature
    return Client(enforce_csrf_checks=True).post(
        "/events/moodle",
        data=body,
        content_type="application/json",
        headers={"X-Rcsync-Timestamp": timestamp, "X-Rcsync-Signature": given},
    )


def test_a_signed_call_says_where_to_look_again() -> None:
    answer = push({"courses": [10], "users": [1100]})
    assert (answer.status_code, answer.json()) == (202, {"looks": 2})
    scopes = [order_of(run).scope for run in SyncRun.objects.order_by("pk")]
    assert scopes == [Scope(frozenset({10})), Scope(frozenset({11}), frozenset({1100}))]
    assert set(SyncRun.objects.values_list("trigger", flat=True)) == {SyncRun.Trigger.EVENT}


def test_courses_without_event_sync_are_passed_over_silently() -> None:
    answer = push({"courses": [12, 99999]})
    assert (answer.status_code, answer.json()) == (202, {"looks": 0})
    assert not SyncRun.objects.exists()


def test_a_wrong_secret_or_signature_is_refused() -> None:
    assert push({"courses": [10]}, secret="another-secret-here").status_code == 403
    assert push({"courses": [10]}, signature="").status_code == 403
    assert push({"courses": [10]}, signature="ü").status_code == 403
    assert not SyncRun.objects.exists()


def test_a_changed_body_is_refused() -> None:
    body = json.dumps({"courses": [10]}).encode()
    signature = webhook.signature(SECRET, str(int(time.time())), body)
    assert push({"courses": [11]}, signature=signature).status_code == 403


@pytest.mark.parametrize("seconds", [-webhook.WINDOW_SECONDS - 5, webhook.WINDOW_SECONDS + 5])
def test_a_call_of_another_time_is_refused(seconds: int) -> None:
    assert push({"courses": [10]}, at=time.time() + seconds).status_code == 403


def test_a_call_is_accepted_once() -> None:
    now = time.time()
    assert push({"courses": [10]}, at=now).status_code == 202
    assert push({"courses": [10]}, at=now).status_code == 409
    assert push({"courses": [10]}, at=now - 1).status_code == 202


def test_too_many_calls_have_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "MOST_PER_MINUTE", 3)
    now = time.time()
    statuses = [push({"courses": [10]}, at=now - n).status_code for n in range(5)]
    assert statuses == [202, 202, 202, 429, 429]
    assert push({"courses": [10]}, at=now - 9)["Retry-After"] == "60"


@pytest.mark.parametrize(
    "told",
    [
        b"no json",
        [],
        {"delete": [1]},
        {"courses": "10"},
        {"courses": ["10"]},
        {"users": [True]},
        {"users": [-1]},
        {"users": [2**63]},
        {"courses": list(range(1, webhook.MOST_IDS + 2))},
    ],
)
def test_what_is_no_short_list_of_numbers_is_refused(told: Any) -> None:
    assert push(told).status_code == 400
    assert not PushedEvent.objects.exists()


def test_what_is_too_large_is_refused() -> None:
    assert push(b" " * (webhook.MOST_BYTES + 1)).status_code == 413


def test_without_a_secret_there_is_no_door(settings: Any) -> None:
    settings.EVENT_SECRET = ""
    assert push({"courses": [10]}).status_code == 404


def test_the_door_takes_posts_only() -> None:
    assert Client().get("/events/moodle").status_code == 405


def test_a_moodle_that_cannot_be_read_is_told_to_the_caller(settings: Any) -> None:
    settings.MOODLE_CONFIGURED = False
    assert push({"users": [1000]}).status_code == 503


def test_a_call_that_was_answered_with_503_may_be_made_again() -> None:
    now = time.time()
    with override_settings(MOODLE_CONFIGURED=False):
        assert push({"users": [1000]}, at=now).status_code == 503
    assert push({"users": [1000]}, at=now).status_code == 202
    assert push({"users": [1000]}, at=now).status_code == 409


def test_a_call_whose_run_could_not_be_stored_may_be_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = time.time()
    with monkeypatch.context() as patch:
        patch.setattr(queue, "created", lambda _order: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            push({"courses": [10]}, at=now)
    assert push({"courses": [10]}, at=now).status_code == 202


def test_used_signatures_are_forgotten_after_their_window(monkeypatch: pytest.MonkeyPatch) -> None:
    push({"courses": [10]})
    sweep.sweep()
    assert PushedEvent.objects.count() == 1
    assert sweep.PUSHES_KEPT.total_seconds() > 2 * webhook.WINDOW_SECONDS
    monkeypatch.setattr(sweep, "PUSHES_KEPT", sweep.PUSHES_KEPT * -1)
    sweep.sweep()
    assert not PushedEvent.objects.exists()
