"""Guessing passwords is slowed down, and locks out nobody else."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import reverse

from integration.services.background import jobs
from integration.web.client_address import client_address, counted_address

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
LIMIT = 5


@pytest.fixture(autouse=True)
def counted(settings: Any) -> None:
    settings.AXES_ENABLED = True
    assert settings.AXES_FAILURE_LIMIT == LIMIT
    User.objects.create_superuser("root", password="right")


def log_in(
    username: str = "root", password: str = "wrong", address: str = "10.0.0.1", **meta: str
) -> Any:
    return Client().post(
        reverse("admin:login"),
        {"username": username, "password": password},
        REMOTE_ADDR=address,
        **meta,  # type: ignore[arg-type]
    )


def guess(*args: str, **meta: str) -> int:
    return int(log_in(*args, **meta).status_code)


def test_a_password_is_guessed_a_few_times_only() -> None:
    assert [guess() for _ in range(LIMIT)] == [200] * (LIMIT - 1) + [429]
    assert guess("root", "right") == 429, "the right one is not told from a wrong one"
    assert guess("ROOT ", "right") == 429
    assert guess("root", "right", HTTP_USER_AGENT="another browser") == 429


def test_a_name_that_does_not_exist_is_answered_like_one_that_does() -> None:
    assert [guess("nobody") for _ in range(LIMIT)] == [200] * (LIMIT - 1) + [429]


def test_the_log_in_page_says_how_long_it_takes() -> None:
    page = [log_in() for _ in range(LIMIT)][-1]
    assert "Try again in 15 minutes" in page.content.decode()
    assert 'name="password"' in page.content.decode()
    assert page["Retry-After"] == "900"


def test_the_owner_of_the_name_logs_in_from_elsewhere() -> None:
    for _ in range(LIMIT):
        guess()
    assert guess("root", "right", "10.0.0.2") == 302


def test_a_school_behind_one_address_is_not_locked_out() -> None:
    for number in range(40):
        guess(f"pupil{number}")
    for _ in range(LIMIT):
        guess("another")
    assert guess("root", "right") == 302


def test_the_lock_opens_after_a_quarter_of_an_hour_although_somebody_goes_on() -> None:
    for _ in range(LIMIT + 3):
        guess()
    attempt = AccessAttempt.objects.get()
    assert attempt.failures_since_start == LIMIT, "what is not looked at does not count"
    attempt.attempt_time -= timedelta(minutes=15, seconds=1)
    attempt.save()
    assert guess("root", "right") == 302


def test_a_good_login_forgets_the_failures() -> None:
    for _ in range(LIMIT - 1):
        guess()
    assert guess("root", "right") == 302
    assert not AccessAttempt.objects.exists()


def test_no_password_is_kept_and_old_failures_go() -> None:
    guess("root", "my-other-password")
    kept = AccessAttempt.objects.values().get()
    assert "my-other-password" not in str(kept)
    jobs.prune()
    assert AccessAttempt.objects.exists()
    AccessAttempt.objects.update(attempt_time=kept["attempt_time"] - timedelta(hours=1))
    jobs.prune()
    assert not AccessAttempt.objects.exists()


def test_a_very_long_name_is_only_a_wrong_one() -> None:
    assert guess("n" * 5000) == 200


# ── Behind proxies ───────────────────────────────────────────────────────────────────────────────


def address(proxies: int, settings: Any, forwarded: str | None, peer: str = "10.9.9.9") -> str:
    settings.PROXIES = proxies
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer))


@pytest.mark.parametrize(
    ("proxies", "forwarded", "found"),
    [
        (0, "6.6.6.6", "10.9.9.9"),
        (1, "6.6.6.6, 192.0.2.1", "192.0.2.1"),
        (2, "6.6.6.6, 192.0.2.1, 10.1.1.1", "192.0.2.1"),
        (2, "192.0.2.1", ""),
        (1, None, ""),
        (1, "", ""),
        (1, "unknown", ""),
        (1, "192.0.2.1:4711", "192.0.2.1"),
        (1, "[2001:db8::1]:4711", "2001:db8::1"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_behind_proxies_the_client_is_the_entry_that_the_outermost_one_wrote(
    settings: Any, proxies: int, forwarded: str | None, found: str
) -> None:
    assert address(proxies, settings, forwarded) == found


def test_failures_are_counted_by_client_behind_two_proxies(settings: Any) -> None:
    settings.PROXIES = 2
    for number in range(LIMIT):  # what a client writes itself does not make it another one
        guess(HTTP_X_FORWARDED_FOR=f"6.6.6.{number}, 192.0.2.1, 10.1.1.1")
    assert guess("root", "right", HTTP_X_FORWARDED_FOR="192.0.2.1, 10.1.1.1") == 429
    assert guess("root", "right", HTTP_X_FORWARDED_FOR="192.0.2.2, 10.1.1.1") == 302


def test_an_ipv6_customer_is_one_client() -> None:
    factory = RequestFactory()
    found = {
        counted_address(factory.get("/", REMOTE_ADDR=text))
        for text in ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1")
    }
    assert found == {"2001:db8:0:1::", "2001:db8:0:2::"}
    assert counted_address(factory.get("/", REMOTE_ADDR="")) is None
