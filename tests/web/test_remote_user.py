"""REMOTE_USER: the proxy signs people in, and nobody who only writes its headers."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from integration.domain.secret import Secret
from integration.domain.sign_in import Proxy, SignIn
from tests.support.openid import GROUPS, our_groups, switch_on

pytestmark = pytest.mark.django_db
SECRET = "known-to-proxy-and-rcsync"
PAGE = "/sign-in/proxy/"
ANNA = {
    "X-Remote-User": "anna",
    "X-Remote-Groups": "choir;elearning",
    "X-Remote-User-Secret": SECRET,
}


@pytest.fixture(autouse=True)
def switched_on(db: None, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.SECURE_SSL_REDIRECT = False
    our_groups()
    proxy = Proxy("X-Remote-User", "X-Remote-Groups", ";", Secret(SECRET), "")
    switch_on(settings, SignIn(None, proxy, GROUPS))


def roles() -> set[str]:
    return set(User.objects.get(username="anna").groups.values_list("name", flat=True))


def test_whom_the_proxy_names_is_signed_in_with_the_role_of_the_groups() -> None:
    client = Client()
    answer = client.get(PAGE, {"next": "/admin/password_change/"}, headers=ANNA)
    assert answer["Location"] == "/admin/password_change/"
    assert roles() == {"operator"}
    assert client.get("/admin/password_change/").status_code == 200


def test_only_addresses_of_rcsync_are_gone_to() -> None:
    answer = Client().get(PAGE, {"next": "//evil.example/"}, headers=ANNA)
    assert answer["Location"] == "/admin/"


@pytest.mark.parametrize("secret", [None, "", "guessed", SECRET[:-1], f"{SECRET},{SECRET}", "ä"])
def test_a_forged_header_signs_in_nobody(secret: str | None) -> None:
    User.objects.create_superuser("root")
    forged = {"X-Remote-User": "root", "X-Remote-Groups": "it"}
    if secret is not None:
        forged["X-Remote-User-Secret"] = secret
    client = Client()
    answer = client.get(PAGE, headers=forged)
    assert answer.status_code == 403
    assert "not-the-proxy" in answer.content.decode()
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("page", ["/admin/", "/admin/login/", "/admin/password_change/"])
def test_other_pages_do_not_look_at_the_headers(page: str) -> None:
    client = Client()
    client.get(page, headers=ANNA)
    assert "_auth_user_id" not in client.session
    assert not User.objects.exists()


def test_a_request_without_a_name_signs_in_nobody() -> None:
    answer = Client().get(PAGE, headers={"X-Remote-User-Secret": SECRET})
    assert "nobody" in answer.content.decode()
    assert answer.status_code == 403


def test_two_names_in_one_header_are_no_name() -> None:
    answer = Client().get(PAGE, headers={**ANNA, "X-Remote-User": "anna,root"})
    assert "no-name" in answer.content.decode()
    assert not User.objects.exists()


def test_a_local_user_is_not_taken_over() -> None:
    User.objects.create_superuser("anna", password="local")
    answer = Client().get(PAGE, headers=ANNA)
    assert "name-taken" in answer.content.decode()


def test_who_loses_the_group_loses_the_role_and_is_told_whom_to_ask() -> None:
    Client().get(PAGE, headers=ANNA)
    answer = Client().get(PAGE, headers={**ANNA, "X-Remote-Groups": "choir"})
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "ask the people who look after rcsync" in page
    assert roles() == set()


def test_the_sign_in_page_offers_it_beside_name_and_password() -> None:
    page = Client().get("/admin/login/").content.decode()
    assert "Sign in with your network account" in page
    assert 'name="password"' in page
