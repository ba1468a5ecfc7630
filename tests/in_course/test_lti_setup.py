"""Setting the tool up: by hand, by Moodle's dynamic registration, and the tool's own keys."""

import logging
from datetime import timedelta
from importlib import import_module
from typing import Any

import jwt
import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client
from django.utils import timezone

from demo.moodle_activity import CLIENT, FakeMoodle
from integration.models import AuditEntry, LtiDeployment, LtiKey, LtiPlatform, LtiUse
from integration.services.in_course.lti import own_keys, registration
from integration.services.monitoring import diagnostics
from tests.support.lti import begin

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
pytest.importorskip("jwt")


@pytest.fixture(autouse=True)
def _web(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]


# --- by hand --------------------------------------------------------------------------------------


def test_the_page_has_every_address_to_copy(administrator: Client) -> None:
    page = administrator.get("/admin/lti/").content.decode()
    for path in ("/lti/start", "/lti/launch", "/lti/keys.json"):
        assert f'data-copy="http://testserver{path}"' in page
    assert "the activity is off" in page


def form(lms: FakeMoodle, **changes: str) -> dict[str, str]:
    return {
        "name": "Moodle",
        "issuer": f"{lms.url}/",
        "client_id": CLIENT,
        "enabled": "on",
        "deployments-TOTAL_FORMS": "1",
        "deployments-INITIAL_FORMS": "0",
        "deployments-0-deployment_id": "3",
        **changes,
    }


def test_a_registration_needs_address_client_and_deployment(
    administrator: Client, lms: FakeMoodle
) -> None:
    answer = administrator.post("/admin/integration/ltiplatform/add/", form(lms))
    assert answer.status_code == 302, answer.context["errors"]
    row = LtiPlatform.objects.get()
    assert row.issuer == lms.url
    assert row.auth_url == f"{lms.url}/mod/lti/auth.php"
    assert row.jwks_url == f"{lms.url}/mod/lti/certs.php"
    begin(lms)


def test_a_client_is_registered_once(
    administrator: Client, lms: FakeMoodle, platform: LtiPlatform
) -> None:
    answer = administrator.post("/admin/integration/ltiplatform/add/", form(lms))
    assert answer.status_code == 200
    assert LtiPlatform.objects.count() == 1


def test_a_change_of_a_registration_is_in_the_audit_trail(
    administrator: Client, lms: FakeMoodle
) -> None:
    administrator.post("/admin/integration/ltiplatform/add/", form(lms))
    actions = set(AuditEntry.objects.values_list("action", "actor"))
    assert {("create_ltiplatform", "admin"), ("create_ltideployment", "admin")} <= actions


def test_the_keys_of_both_sides_are_tested(
    administrator: Client, lms: FakeMoodle, platform: LtiPlatform
) -> None:
    page = administrator.post("/admin/lti/test/", follow=True).content.decode()
    assert "own key works" in page
    assert "Moodle: 1 key" in page
    lms.down = True
    page = administrator.post("/admin/lti/test/", follow=True).content.decode()
    assert "answers with status 503" in page


def test_who_may_only_look_changes_nothing(viewer: Client, platform: LtiPlatform) -> None:
    assert viewer.get("/admin/lti/").status_code == 200
    for path in ("registration-link", "test", "new-key"):
        assert viewer.post(f"/admin/lti/{path}/").status_code == 403
    assert Client().get("/admin/lti/").status_code == 302
    assert not LtiKey.objects.exists(), "looking makes no key"


def test_groups_of_an_older_installation_get_the_new_permissions() -> None:
    """Without rows of migration 0002: other tests empty the tables."""
    for name in ("viewer", "operator", "administrator"):
        Group.objects.get_or_create(name=name)[0].permissions.clear()
    import_module("integration.migrations.0007_lti").permit(apps, connection.schema_editor())
    for name, wanted in (
        ("viewer", {"view"}),
        ("operator", {"view"}),
        ("administrator", {"view", "add", "change", "delete"}),
    ):
        rows = Group.objects.get(name=name).permissions
        codes = rows.filter(content_type__model="ltiplatform").values_list("codename", flat=True)
        assert {code.split("_")[0] for code in codes} == wanted


# --- the tool's own keys --------------------------------------------------------------------------


def test_the_keyset_has_public_halves_only(client: Client) -> None:
    own_keys.current_key()
    (row,) = client.get("/lti/keys.json").json()["keys"]
    assert set(row) == {"kty", "n", "e", "kid", "alg", "use"}


def test_private_halves_are_encrypted(settings: Any) -> None:
    settings.RCSYNC_SECRET_KEYS = []
    with pytest.raises(ImproperlyConfigured, match="make-key"):
        own_keys.current_key()


def test_a_new_key_signs_and_the_old_one_is_published_for_a_week(
    administrator: Client, client: Client
) -> None:
    old = own_keys.current_key()
    signed = jwt.encode({}, old.private_key, "RS256", headers={"kid": old.kid})
    administrator.post("/admin/lti/new-key/")
    new = own_keys.current_key()
    assert own_keys.check(new)
    keys = {row["kid"]: row for row in client.get("/lti/keys.json").json()["keys"]}
    assert set(keys) == {old.kid, new.kid}
    assert jwt.decode(signed, jwt.PyJWK.from_dict(keys[old.kid]).key, ["RS256"]) == {}
    LtiKey.objects.filter(pk=old.pk).update(replaced_at=timezone.now() - timedelta(days=8))
    assert len(client.get("/lti/keys.json").json()["keys"]) == 1
    own_keys.rotate()
    assert not LtiKey.objects.filter(pk=old.pk).exists()


# --- dynamic registration -------------------------------------------------------------------------


def link(administrator: Client) -> str:
    page = administrator.post("/admin/lti/registration-link/")
    return str(page.context["link"]).removeprefix("http://testserver")


def follow(path: str, lms: FakeMoodle, **changes: str) -> Any:
    fields = {
        "openid_configuration": f"{lms.url}/mod/lti/openid-configuration.php",
        "registration_token": lms.registration_token,
    }
    return Client().get(path, fields | changes)


def test_moodle_registers_itself_and_can_launch(
    administrator: Client, lms: FakeMoodle, client: Client
) -> None:
    answer = follow(link(administrator), lms)
    assert answer.status_code == 200
    assert "lti_close.js" in answer.content.decode()
    assert f"frame-ancestors {lms.url}" in answer["Content-Security-Policy"]
    row = LtiPlatform.objects.get()
    assert (row.issuer, row.client_id, row.enabled) == (lms.url, "registered", True)
    assert [d.deployment_id for d in row.deployments.all()] == ["8"]
    (told,) = lms.registered
    assert told["initiate_login_uri"] == "http://testserver/lti/start"
    assert told["redirect_uris"] == ["http://testserver/lti/launch"]
    assert told["jwks_uri"] == "http://testserver/lti/keys.json"
    assert told[registration.TOOL]["claims"] == ["iss", "sub"], "no name, no address"
    assert told["scope"] == "", "none of Moodle's services"
    assert client.get("/lti/keys.json").json()["keys"]
    fields = lms.initiation() | {"client_id": "registered", "lti_deployment_id": "8"}
    assert client.post("/lti/start", fields).status_code == 303


def test_a_registration_link_is_used_once(administrator: Client, lms: FakeMoodle) -> None:
    path = link(administrator)
    follow(path, lms)
    answer = follow(path, lms)
    assert answer.status_code == 400
    assert "used before" in answer.content.decode()
    assert LtiPlatform.objects.count() == 1


def test_what_came_to_nothing_uses_no_link_up(administrator: Client, lms: FakeMoodle) -> None:
    path = link(administrator)
    assert follow(path, lms, registration_token="wrong").status_code == 400
    assert not LtiUse.objects.exists()
    assert follow(path, lms).status_code == 200


def test_without_a_link_of_ours_nothing_is_called(
    lms: FakeMoodle, administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = link(administrator)
    for wrong in (path[:-1], "/lti/register/x"):
        assert follow(wrong, lms).status_code == 400
    monkeypatch.setattr(registration, "LINK_SECONDS", -1)
    assert follow(path, lms).status_code == 400
    assert not lms.registered


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://other.example"},
        {"jwks_uri": "https://other.example/keys"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"registration_endpoint": "http://169.254.169.254/"},
        {"issuer": None},
    ],
)
def test_everything_has_to_be_where_the_configuration_is(
    administrator: Client, lms: FakeMoodle, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    whole = lms.configuration() | change
    monkeypatch.setattr(lms, "configuration", lambda: whole)
    assert follow(link(administrator), lms).status_code == 400
    assert not LtiPlatform.objects.exists()


def test_a_registration_that_fails_says_why_to_the_administrator(
    administrator: Client, lms: FakeMoodle, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    path = link(administrator)
    lms.down = True
    answer = follow(path, lms)
    assert "answers with status 503" in answer.content.decode()
    assert "answers with status 503" in caplog.text
    assert "paste the link into Moodle" in Client().get(path).content.decode()


# --- the doctor -----------------------------------------------------------------------------------


def test_the_doctor_names_what_keeps_the_activity_from_working(
    platform: LtiPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def findings() -> list[tuple[str, str]]:
        return [
            (check.status.value, check.fix)
            for check in diagnostics.check_own_tables()
            if check.name == "Moodle activity (LTI)"
        ]

    assert [status for status, _ in findings()] == ["ok"]
    LtiDeployment.objects.all().delete()
    assert [status for status, _ in findings()] == ["warning"]
    monkeypatch.setattr("integration.services.monitoring.diagnostics.find_spec", lambda _name: None)
    assert findings() == [("failed", "Run ./rcsync install --extra lti")]
    LtiPlatform.objects.update(enabled=False)
    assert findings() == []
