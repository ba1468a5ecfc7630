"""Signing in with OpenID Connect: who gets in with which role, and everybody who does not."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.test import Client

from demo.moodle_activity import Key
from integration.models import SignInIdentity
from tests.support.openid import (
    CLIENT_SECRET,
    Provider,
    begin,
    come_back,
    our_groups,
    running_provider,
    sign_in_with,
    switch_on,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider(db: None, settings: Any) -> Iterator[Provider]:
    settings.ALLOWED_HOSTS = ["*"]
    settings.SECURE_SSL_REDIRECT = False
    cache.clear()
    our_groups()
    with running_provider() as provider:
        switch_on(settings, provider.settings())
        yield provider


def roles(username: str = "anna") -> set[str]:
    return set(User.objects.get(username=username).groups.values_list("name", flat=True))


def refused(answer: Any, code: str) -> str:
    """The page of a refusal; nobody is signed in by it."""
    page: str = answer.content.decode()
    assert answer.status_code == 403, page
    assert f"{code} " in page
    assert "_auth_user_id" not in answer.client.session
    return page


# ── Who gets in ──────────────────────────────────────────────────────────────────────────────────


def test_somebody_of_a_mapped_group_signs_in_with_its_role(provider: Provider) -> None:
    client = Client()
    answer = sign_in_with(provider, client)
    assert answer.status_code == 302
    assert answer["Location"] == "/admin/"
    user = User.objects.get(username="anna")
    assert (user.is_staff, user.is_superuser, user.email) == (True, False, "anna@example.org")
    assert not user.has_usable_password()
    assert roles() == {"operator"}
    assert client.session["_auth_user_id"] == str(user.pk)


def test_the_person_comes_to_the_page_that_was_asked_for_and_to_none_elsewhere(
    provider: Provider,
) -> None:
    client = Client()
    answer = come_back(client, provider, begin(client, "/admin/checks/"))
    assert answer["Location"] == "/admin/checks/"
    answer = come_back(client, provider, begin(client, "https://evil.example/"))
    assert answer["Location"] == "/admin/"


def test_every_mapped_group_gives_its_role_and_others_none(provider: Provider) -> None:
    provider.person["groups"] = ["helpdesk", "it", "choir"]
    sign_in_with(provider)
    assert roles() == {"viewer", "administrator"}


def test_a_provider_may_send_one_group_as_a_text(provider: Provider) -> None:
    provider.person["groups"] = "it"
    sign_in_with(provider)
    assert roles() == {"administrator"}


def test_roles_follow_the_groups_of_the_next_sign_in(provider: Provider) -> None:
    sign_in_with(provider)
    provider.person["groups"] = ["helpdesk"]
    sign_in_with(provider)
    assert roles() == {"viewer"}


def test_whoever_loses_the_last_group_loses_the_role_and_the_pages(provider: Provider) -> None:
    client = Client()
    sign_in_with(provider, client)
    provider.person["groups"] = []
    refused(sign_in_with(provider), "no-group")
    assert roles() == set()
    assert not User.objects.get(username="anna").is_staff
    page = client.get("/admin/")
    assert page.status_code == 302, "the older session is of no use either"


def test_a_missing_list_of_groups_is_an_empty_one(provider: Provider) -> None:
    sign_in_with(provider)
    del provider.person["groups"]
    refused(sign_in_with(provider), "no-group")
    assert roles() == set()


def test_a_group_that_was_given_in_rcsync_stays(provider: Provider) -> None:
    sign_in_with(provider)
    User.objects.get(username="anna").groups.add(Group.objects.create(name="own"))
    sign_in_with(provider)
    assert roles() == {"operator", "own"}


def test_a_person_is_told_by_the_subject_and_not_by_name_or_address(provider: Provider) -> None:
    sign_in_with(provider)
    provider.person |= {"preferred_username": "anna.b", "email": "b@example.org"}
    sign_in_with(provider)
    user = User.objects.get()
    assert (user.username, user.email) == ("anna", "b@example.org")
    assert SignInIdentity.objects.get().subject == "u-1"


def test_an_address_that_the_provider_did_not_check_is_not_kept(provider: Provider) -> None:
    provider.person["email_verified"] = False
    sign_in_with(provider)
    assert User.objects.get().email == ""


def test_without_a_userinfo_address_the_token_tells_the_person(provider: Provider) -> None:
    provider.discovery_changes["userinfo_endpoint"] = None
    provider.changes = {"preferred_username": "tom", "groups": ["it"]}
    assert sign_in_with(provider).status_code == 302
    assert roles("tom") == {"administrator"}


# ── Who does not ─────────────────────────────────────────────────────────────────────────────────


def test_somebody_without_a_mapped_group_gets_a_page_that_says_whom_to_ask(
    provider: Provider, settings: Any
) -> None:
    from dataclasses import replace

    settings.SIGN_IN = replace(settings.SIGN_IN, contact="the IT desk, it@example.org")
    provider.person["groups"] = ["choir"]
    page = refused(sign_in_with(provider), "no-group")
    assert "in no group with access to rcsync" in page
    assert "ask: the IT desk, it@example.org" in page
    assert not User.objects.exists()


def test_a_local_user_of_the_same_name_or_address_is_not_taken_over(provider: Provider) -> None:
    User.objects.create_superuser("Anna", "anna@example.org", "local")
    refused(sign_in_with(provider), "name-taken")
    assert not SignInIdentity.objects.exists()
    assert not Client().login(username="anna", password="local")


def test_a_user_who_is_switched_off_in_rcsync_stays_out(provider: Provider) -> None:
    sign_in_with(provider)
    User.objects.update(is_active=False)
    refused(sign_in_with(provider), "switched-off")


def test_no_claim_makes_a_superuser(provider: Provider) -> None:
    provider.person |= {"is_superuser": True, "groups": ["it", "superuser"]}
    sign_in_with(provider)
    assert not User.objects.get().is_superuser


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://other.example"}, "issuer"),
        ({"aud": "another-client"}, "audience"),
        ({"aud": ["rcsync", "another-client"]}, "audience"),
        ({"azp": "another-client"}, "audience"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"exp": 1_700_000_000}, "expired"),
        ({"exp": None}, "signature"),
        ({"iat": 4_000_000_000}, "expired"),
        ({"sub": "u-2"}, "subject"),
    ],
    ids=str,
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(
    provider: Provider, changes: dict[str, Any], code: str
) -> None:
    provider.changes = changes
    refused(sign_in_with(provider), code)
    assert not User.objects.exists()


def test_a_token_of_another_key_is_refused(provider: Provider) -> None:
    provider.signed_with = Key()
    refused(sign_in_with(provider), "signature")


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
def test_a_token_without_the_providers_signature_is_refused(
    provider: Provider, algorithm: str
) -> None:
    provider.algorithm = algorithm
    answer = sign_in_with(provider)
    assert answer.status_code == 403
    assert not User.objects.exists()


def test_a_state_of_another_browser_is_refused(provider: Provider) -> None:
    refused(come_back(Client(), provider, begin(Client())), "state")


def test_an_answer_counts_once(provider: Provider) -> None:
    client = Client()
    asked = begin(client)
    assert come_back(client, provider, asked).status_code == 302
    client.logout()
    refused(come_back(client, provider, asked), "state")


def test_a_code_that_somebody_else_used_is_refused(provider: Provider) -> None:
    client = Client()
    begin(client)
    state = next(iter(client.session["oidc_states"]))
    answer = client.get("/sign-in/openid/callback/", {"code": "stolen", "state": state})
    refused(answer, "provider")


def test_who_cancels_at_the_provider_gets_a_page(provider: Provider) -> None:
    client = Client()
    asked = begin(client)
    query = {"error": "access_denied", "state": asked["state"]}
    refused(client.get("/sign-in/openid/callback/", query), "provider")


def test_a_call_without_anything_gets_a_page(provider: Provider) -> None:
    refused(Client().get("/sign-in/openid/callback/"), "malformed")


def test_a_provider_with_another_name_than_the_configured_one_is_refused(
    provider: Provider,
) -> None:
    provider.discovery_changes = {"issuer": "https://other.example"}
    refused(Client().get("/sign-in/openid/"), "issuer")


def test_a_provider_that_is_down_gets_a_page_and_local_users_get_in(
    provider: Provider, settings: Any
) -> None:
    from dataclasses import replace

    openid = replace(settings.SIGN_IN.openid, issuer="http://127.0.0.1:9")
    settings.SIGN_IN = replace(settings.SIGN_IN, openid=openid)
    refused(Client().get("/sign-in/openid/"), "provider")
    User.objects.create_superuser("root", password="local")
    answer = Client().post("/admin/login/", {"username": "root", "password": "local"})
    assert answer.status_code == 302


@pytest.mark.parametrize("path", ["/token", "/keys", "/userinfo"])
def test_no_redirect_of_the_provider_is_followed(provider: Provider, path: str) -> None:
    """The secret of the client and the code, or the person's token, would go along."""
    with running_provider() as thief:
        provider.redirects = {path: f"{thief.url}{path}"}
        refused(sign_in_with(provider), "provider")
        assert path in provider.asked
        assert thief.asked == []


def test_a_redirect_of_the_discovery_document_is_not_followed(provider: Provider) -> None:
    path = "/.well-known/openid-configuration"
    with running_provider() as thief:
        provider.redirects = {path: f"{thief.url}{path}"}
        refused(Client().get("/sign-in/openid/"), "provider")
        assert thief.asked == []


@pytest.mark.parametrize("proxy", ["", "http://127.0.0.1:9"])
@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "[::ffff:169.254.169.254]"])
def test_nothing_is_sent_to_metadata_addresses_for_the_provider(
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    host: str,
    proxy: str,
) -> None:
    if proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    provider.discovery_changes = {"token_endpoint": f"http://{host}/token"}
    refused(sign_in_with(provider), "provider")
    assert "nothing is sent to the address" in caplog.text


def test_a_code_in_the_address_of_the_password_page_is_not_looked_at(provider: Provider) -> None:
    client = Client()
    asked = begin(client)
    query = provider.authorize(asked).partition("?")[2]
    answer = client.post(f"/admin/login/?{query}", {"username": "anna", "password": "x"})
    assert answer.status_code == 200
    assert len(provider.codes) == 1, "the code was not used"


def test_no_secret_code_or_token_is_in_the_log(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tokens: list[str] = []
    made = provider.id_token
    provider.id_token = lambda asked: tokens.append(made(asked)) or tokens[-1]  # type: ignore[method-assign,func-returns-value]
    sign_in_with(provider)
    provider.token_status = 500
    sign_in_with(provider)
    provider.token_status = 200
    provider.changes = {"iss": "https://other.example"}
    sign_in_with(provider)
    own = [line for line in caplog.records if not line.name.startswith("urllib3")]
    text = "\n".join(line.getMessage() + str(line.exc_text or "") for line in own)
    assert "sign-in=accepted" in text
    assert text.count("sign-in=refused") == 2
    assert len(tokens) == 3
    for secret in (CLIENT_SECRET, *tokens, "anna", "u-1"):
        assert secret not in caplog.text


# ── Switched off ─────────────────────────────────────────────────────────────────────────────────


def test_switched_off_there_is_neither_a_button_nor_an_address(client: Client, db: None) -> None:
    assert "other-ways" not in client.get("/admin/login/").content.decode()
    assert client.get("/sign-in/openid/").status_code == 404
    assert client.get("/sign-in/openid/callback/?code=x&state=y").status_code == 404
    assert client.get("/sign-in/proxy/").status_code == 404


def test_the_sign_in_page_offers_the_provider_and_keeps_where_one_wanted_to_go(
    provider: Provider,
) -> None:
    page = Client().get("/admin/login/?next=/admin/checks/").content.decode()
    assert 'href="/sign-in/openid/?next=%2Fadmin%2Fchecks%2F"' in page
    assert "Sign in with single sign-on" in page
    assert 'name="password"' in page


def test_who_came_by_a_way_that_is_switched_off_again_is_signed_out(
    provider: Provider, settings: Any
) -> None:
    client = Client()
    sign_in_with(provider, client)
    assert client.get("/admin/password_change/").status_code == 200
    settings.AUTHENTICATION_BACKENDS = settings.AUTHENTICATION_BACKENDS[:-1]
    assert client.get("/admin/password_change/").status_code == 302
