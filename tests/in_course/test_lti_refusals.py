"""Every launch that is not Moodle's own, for us, of this minute, is refused: a page, a log line."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from django.core import signing
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from demo.moodle_activity import CLIENT, FakeMoodle, Key
from integration.models import LtiDeployment, LtiPlatform, LtiUse
from integration.services.in_course.lti import fetch, single_use, state
from tests.support.lti import begin, come_back, launch

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
pytest.importorskip("jwt")

AGAIN = "open the activity once more"
SETUP = "Tell the people who look after Moodle"


@pytest.fixture
def refused(caplog: pytest.LogCaptureFixture) -> Callable[[Any, str, str], str]:
    """Checks page and log line; gives the log line back."""
    caplog.set_level(logging.WARNING, logger="integration.pages.lti")

    def check(answer: Any, code: str, advice: str) -> str:
        page = answer.content.decode()
        line = [text for text in caplog.messages if text.startswith("lti=")][-1]
        assert answer.status_code == 403
        assert advice in page
        assert f"lti=refused code={code} " in line
        reference = line.split("reference=")[1].split()[0]
        assert f"{code} {reference}" in page, "the page has what finds the line"
        assert "eyJ" not in line + page, "no token is shown or logged"
        return line

    return check


Refused = Callable[[Any, str, str], str]


# --- beginning ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_launch_begins_with_a_redirect_by_get(
    lms: FakeMoodle, platform: LtiPlatform, method: str
) -> None:
    answer = getattr(Client(), method)("/lti/start", lms.initiation())
    assert answer.status_code == 303
    assert answer["Location"].startswith(f"{lms.url}/mod/lti/auth.php?")
    sent = {name: value[0] for name, value in parse_qs(urlsplit(answer["Location"]).query).items()}
    assert {name: sent[name] for name in sent if name not in ("state", "nonce")} == {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": CLIENT,
        "redirect_uri": "http://testserver/lti/launch",
        "login_hint": "1000",
        "lti_message_hint": '{"cmid":7,"launchid":"ltilaunch1_42"}',
    }
    assert not answer.cookies, "no cookie takes part"


def test_beginning_leaves_nothing_behind(lms: FakeMoodle, platform: LtiPlatform) -> None:
    for _ in range(3):
        begin(lms)
    assert not LtiUse.objects.exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"iss": "https://other.example"}, "issuer"),
        ({"client_id": "other"}, "client"),
        ({"lti_deployment_id": "99"}, "deployment"),
        ({"login_hint": ""}, "malformed"),
    ],
)
def test_a_beginning_of_somebody_unknown_is_refused(
    lms: FakeMoodle, platform: LtiPlatform, refused: Refused, change: dict[str, str], code: str
) -> None:
    refused(Client().post("/lti/start", lms.initiation() | change), code, SETUP)


def test_the_tool_is_off_until_a_platform_is_registered(lms: FakeMoodle, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert Client().post("/lti/start", lms.initiation()).status_code == 403
    assert Client().post("/lti/launch", {"state": "x", "id_token": "x"}).status_code == 403
    assert Client().get("/lti/keys.json").json() == {"keys": []}


def test_a_platform_that_is_switched_off_is_refused(
    lms: FakeMoodle, platform: LtiPlatform, refused: Refused
) -> None:
    sent = begin(lms)
    LtiPlatform.objects.update(enabled=False)
    refused(Client().post("/lti/start", lms.initiation()), "issuer", SETUP)
    refused(come_back(sent, lms.sign(lms.claims(sent["nonce"]))), "platform-off", SETUP)


# --- the token ------------------------------------------------------------------------------------


def now(seconds: int) -> int:
    return int(time.time()) + seconds


@pytest.mark.parametrize(
    ("changes", "code", "advice"),
    [
        ({"iss": "https://other.example"}, "issuer", SETUP),
        ({"aud": "other"}, "audience", SETUP),
        ({"aud": ["other", "another"]}, "audience", SETUP),
        ({"aud": [CLIENT, "other"]}, "audience", SETUP),  # which of them is meant is not said
        ({"aud": [CLIENT, "other"], "azp": "other"}, "audience", SETUP),
        ({"deployment_id": "99"}, "deployment", SETUP),
        ({"deployment_id": None}, "deployment", SETUP),
        ({"exp": lambda: now(-61), "iat": lambda: now(-121)}, "expired", AGAIN),
        ({"iat": lambda: now(90), "exp": lambda: now(150)}, "not-yet", AGAIN),
        ({"nonce": "another"}, "nonce", AGAIN),
        ({"nonce": None}, "malformed", SETUP),
        ({"exp": None}, "malformed", SETUP),
        ({"sub": None}, "malformed", SETUP),
        ({"sub": "anna"}, "person", SETUP),
        ({"sub": "0"}, "person", SETUP),
        ({"sub": "9" * 40}, "person", SETUP),
        ({"context": None}, "course", SETUP),
        ({"context": {"id": "x"}}, "course", SETUP),
        ({"message_type": "LtiDeepLinkingRequest"}, "message", SETUP),
        ({"version": "1.1"}, "message", SETUP),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(
    lms: FakeMoodle,
    platform: LtiPlatform,
    refused: Refused,
    changes: dict[str, Any],
    code: str,
    advice: str,
) -> None:
    plain = {name: value() if callable(value) else value for name, value in changes.items()}
    if "azp" in plain:
        sent = begin(lms)
        claims = lms.claims(sent["nonce"], aud=plain["aud"]) | {"azp": plain["azp"]}
        refused(come_back(sent, lms.sign(claims)), code, advice)
    else:
        refused(launch(lms, **plain), code, advice)
    assert not LtiUse.objects.exists(), "what is refused uses nothing up"


def test_the_log_says_by_how_much_a_token_is_too_old(
    lms: FakeMoodle, platform: LtiPlatform, refused: Refused
) -> None:
    line = refused(launch(lms, exp=now(-300), iat=now(-360)), "expired", AGAIN)
    assert "expired 30" in line
    assert "clocks" in line


@pytest.mark.parametrize("seconds", [-110, -30, 30, 50])
def test_clocks_may_differ_by_a_minute(
    lms: FakeMoodle, platform: LtiPlatform, seconds: int
) -> None:
    answer = launch(lms, iat=now(seconds), exp=now(seconds + 60))
    assert answer.status_code == 200, "an explanation, for this course is not integrated"


def test_a_token_of_a_foreign_key_is_refused(
    lms: FakeMoodle, platform: LtiPlatform, refused: Refused
) -> None:
    sent, thief = begin(lms), Key()
    refused(come_back(sent, lms.sign(lms.claims(sent["nonce"]), thief)), "key-unknown", AGAIN)
    thief.kid = lms.keys[0].kid
    refused(come_back(sent, lms.sign(lms.claims(sent["nonce"]), thief)), "signature", SETUP)


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_of_another_algorithm_is_refused(
    lms: FakeMoodle, platform: LtiPlatform, refused: Refused, algorithm: str
) -> None:
    sent = begin(lms)
    secret: Any = "x" * 64 if algorithm == "HS256" else None
    token = jwt.encode(
        lms.claims(sent["nonce"]), secret, algorithm, headers={"kid": lms.keys[0].kid}
    )
    refused(come_back(sent, token), "algorithm", SETUP)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 70_000, "\u00e4.\u00e4.\u00e4"])
def test_what_is_no_token_is_refused(
    lms: FakeMoodle, platform: LtiPlatform, refused: Refused, token: str
) -> None:
    refused(come_back(begin(lms), token), "malformed", SETUP)


def test_an_error_of_moodle_is_told(
    lms: FakeMoodle, platform: LtiPlatform, refused: Refused
) -> None:
    fields = {
        "state": begin(lms)["state"],
        "error": "access_denied",
        "error_description": "no\nuser",
    }
    line = refused(Client().post("/lti/launch", fields), "platform-error", AGAIN)
    assert "access_denied" in line
    assert "\n" not in line


# --- once, and in time ----------------------------------------------------------------------------


def test_a_launch_is_used_once(lms: FakeMoodle, platform: LtiPlatform, refused: Refused) -> None:
    sent = begin(lms)
    token = lms.sign(lms.claims(sent["nonce"]))
    assert come_back(sent, token).status_code == 200
    refused(come_back(sent, token), "replay", AGAIN)


def test_a_token_does_not_go_with_the_state_of_another_launch(
    lms: FakeMoodle, platform: LtiPlatform, refused: Refused
) -> None:
    first, second = begin(lms), begin(lms)
    token = lms.sign(lms.claims(first["nonce"]))
    refused(come_back(second, token), "nonce", AGAIN)


def test_a_launch_that_did_not_begin_here_is_refused(
    lms: FakeMoodle, platform: LtiPlatform, refused: Refused
) -> None:
    sent = begin(lms)
    token = lms.sign(lms.claims(sent["nonce"]))
    for wrong in ("", "x", sent["state"][:-2], signing.dumps([platform.pk, "n"])):
        refused(come_back(sent | {"state": wrong}, token), "state-unknown", AGAIN)


def test_a_launch_that_took_too_long_is_refused(
    lms: FakeMoodle, platform: LtiPlatform, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = begin(lms)
    monkeypatch.setattr(state, "STATE_SECONDS", -1)
    answer = come_back(sent, lms.sign(lms.claims(sent["nonce"])))
    refused(answer, "state-expired", AGAIN)


def test_used_nonces_are_pruned(platform: LtiPlatform) -> None:
    single_use.use("old")
    LtiUse.objects.update(used_at=timezone.now() - timedelta(hours=49))
    single_use.use("new")
    assert list(LtiUse.objects.values_list("nonce", flat=True)) == ["new"]


# --- Moodle's keys --------------------------------------------------------------------------------


def test_keys_are_read_once_for_many_launches(lms: FakeMoodle, platform: LtiPlatform) -> None:
    for _ in range(3):
        assert launch(lms).status_code == 200
    assert lms.keyset_requests == 1


def test_a_new_key_of_moodle_is_found(lms: FakeMoodle, platform: LtiPlatform) -> None:
    assert launch(lms).status_code == 200
    lms.keys.insert(0, Key())
    cache.delete_many([key for key in _cache_keys() if key.endswith("-asked")])
    assert launch(lms).status_code == 200
    assert lms.keyset_requests == 2


def _cache_keys() -> list[str]:
    return [key.split(":", 2)[2] for key in list(cache._cache)]  # type: ignore[attr-defined]


def test_many_launches_with_foreign_keys_do_not_ask_moodle_again_and_again(
    lms: FakeMoodle, platform: LtiPlatform
) -> None:
    for _ in range(4):
        sent = begin(lms)
        come_back(sent, lms.sign(lms.claims(sent["nonce"]), Key()))
    assert lms.keyset_requests == 1


def test_keys_that_cannot_be_read_are_said(
    lms: FakeMoodle, platform: LtiPlatform, refused: Refused
) -> None:
    lms.down = True
    line = refused(launch(lms), "keys-unreachable", AGAIN)
    assert "/mod/lti/certs.php answers with status 503" in line


def test_a_bad_key_among_the_keys_stops_nobody(lms: FakeMoodle, platform: LtiPlatform) -> None:
    broken = Key()
    broken.jwk = lambda: {"kty": "RSA", "kid": "b", "n": "", "e": 5}  # type: ignore[method-assign]
    lms.keys.append(broken)
    assert launch(lms).status_code == 200


def test_nothing_is_sent_to_where_machines_ask_about_themselves(
    lms: FakeMoodle, platform: LtiPlatform, refused: Refused
) -> None:
    LtiPlatform.objects.update(jwks_url="http://169.254.169.254/keys")
    line = refused(launch(lms), "keys-unreachable", AGAIN)
    assert "nothing is sent to the address 169.254.169.254" in line


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "0xa9fea9fe"])
def test_nor_is_a_proxy_asked_for_such_an_address(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(fetch.FetchFailed, match="nothing is sent to the address 169"):
        fetch.get_json(f"http://{host}/keys")


# --- several platforms and deployments ------------------------------------------------------------


def test_two_registrations_and_their_deployments_are_kept_apart(
    lms: FakeMoodle, platform: LtiPlatform, refused: Refused
) -> None:
    LtiDeployment.objects.create(platform=platform, deployment_id="4")
    other = LtiPlatform(name="Second", issuer=lms.url, client_id="second")
    other.full_clean()
    other.save()
    LtiDeployment.objects.create(platform=other, deployment_id="5")
    assert launch(lms, deployment_id="4").status_code == 200
    refused(launch(lms, deployment_id="5"), "deployment", SETUP)
    refused(launch(lms, aud="second"), "audience", SETUP)


def test_without_a_client_id_the_only_registration_of_the_issuer_is_meant(
    lms: FakeMoodle, platform: LtiPlatform, refused: Refused
) -> None:
    fields = lms.initiation() | {"client_id": ""}
    assert Client().post("/lti/start", fields).status_code == 303
    LtiPlatform.objects.create(name="Second", issuer=lms.url, client_id="second")
    refused(Client().post("/lti/start", fields), "client", SETUP)


# --- without the library --------------------------------------------------------------------------


def test_without_the_extra_everything_else_works(
    platform: LtiPlatform,
    lms: FakeMoodle,
    administrator: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("integration.services.in_course.lti.find_spec", lambda _name: None)
    assert Client().post("/lti/start", lms.initiation()).status_code == 503
    assert "./rcsync install --extra lti" in caplog.text
    assert Client().post("/lti/launch").status_code == 503
    assert Client().get("/lti/keys.json").status_code == 404
    page = administrator.get("/admin/lti/")
    assert "./rcsync install --extra lti" in page.content.decode()
