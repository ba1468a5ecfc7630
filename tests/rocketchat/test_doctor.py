"""The doctor: what is wrong is said with its fix; looking never fails nor changes anything."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import responses

from demo.standin import (
    ADMIN_ID,
    ADMIN_PASSWORD,
    ADMIN_TOKEN,
    ADMIN_TOKEN_WITH_2FA,
    ADMIN_USERNAME,
    Options,
    StandIn,
)
from demo.standin.web.call import Reply, Request
from integration.domain.checks import Check, CheckStatus
from integration.domain.policy import MissingAccounts, Policy
from integration.services.rocketchat import (
    Connection,
    Credentials,
    RocketChat,
    check_rocketchat,
    doctor,
)
from integration.services.rocketchat.doctor_lists import list_checks
from integration.services.rocketchat.doctor_permissions import needed_permissions
from integration.services.rocketchat.features import Features
from integration.services.rocketchat.limiter import Limiter

URL = "https://chat.example.org"
BOT = Credentials(user_id=ADMIN_ID, token=ADMIN_TOKEN)
PERMISSIONS = needed_permissions(Policy())
NEEDED_AS_ROLE_BOT = "create-user", "edit-other-user-info", "unarchive-room"


def checks_of(
    url: str, credentials: Credentials = BOT, policy: Policy | None = None, **options: Any
) -> dict[str, Check]:
    client = RocketChat(
        Connection(url, credentials, **options), limiter=Limiter(8), sleep=lambda _seconds: None
    )
    with client:
        return {check.name: check for check in check_rocketchat(client, policy)}


@pytest.fixture(params=("3.11", "6.5", "7.2", "7.7", "8.6", "8.8", "9.0"))
def standin(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with StandIn(like=request.param) as server:
        yield server


def test_a_healthy_server_has_nothing_that_failed(standin: StandIn) -> None:
    checks = checks_of(standin.url)
    assert [one for one in checks.values() if one.status is CheckStatus.FAILED] == []
    version = ".".join(standin.world.dialect.version.split(".")[:2])
    assert checks["Version"].found.split(";")[0] == version
    unobserved = standin.world.dialect.at_least(8, 8)
    assert ("not tested with a real server" in checks["Version"].found) is unobserved
    assert ADMIN_USERNAME in checks["Account"].found
    assert {f"Permission {one.name}" for one in PERMISSIONS} <= set(checks)


def test_the_doctor_changes_nothing(standin: StandIn) -> None:
    before = standin.state()
    checks_of(standin.url)
    assert standin.state() == before
    assert standin.stats()["writes"] == 0


def test_every_problem_comes_with_its_fix(standin: StandIn) -> None:
    standin.configure(permissions={one.name: [] for one in PERMISSIONS})
    checks = checks_of(standin.url, Credentials(user_id=ADMIN_ID, token=ADMIN_TOKEN_WITH_2FA))
    bad = [one for one in checks.values() if one.status is not CheckStatus.OK]
    assert len(bad) > 10
    assert [one.name for one in bad if not one.fix] == []


def test_a_bot_that_is_no_administrator_hears_which_grants_it_lacks(standin: StandIn) -> None:
    with standin.world.lock:
        standin.world.users[ADMIN_ID].roles = ["bot"]
    checks = checks_of(standin.url)
    for name in NEEDED_AS_ROLE_BOT:
        assert checks[f"Permission {name}"].status is not CheckStatus.OK
        assert f'"{name}"' in checks[f"Permission {name}"].fix
    for name in ("edit-room", "remove-user", "add-user-to-joined-room"):
        check = checks[f"Permission {name}"]
        assert (check.status, "as owner" in check.found) == (CheckStatus.OK, True)


def test_a_bot_with_a_password_hears_that_its_role_may_make_no_token(standin: StandIn) -> None:
    with standin.world.lock:
        standin.world.users[ADMIN_ID].roles = ["bot"]
    by_password = Credentials(username=ADMIN_USERNAME, password=ADMIN_PASSWORD)
    check = checks_of(standin.url, by_password)["Access token"]
    assert check.status is CheckStatus.WARNING
    assert "create-personal-access-tokens" in check.fix
    assert "Access token" not in checks_of(standin.url)


def test_policies_of_newer_servers_are_said() -> None:
    link_only = Policy(missing_accounts=MissingAccounts.LINK_ONLY)
    with StandIn(like="9.0") as server:
        names = {"Encryption", "Attributes", "Log-ins"}
        assert names.isdisjoint(checks_of(server.url))
        assert checks_of(server.url, policy=link_only)["Log-ins"].status is CheckStatus.WARNING
        server.configure(E2E_Force_Encryption_For_Private_Rooms=True, ABAC_Enabled=True)
        checks = checks_of(server.url)
        assert "always encrypted" in checks["Encryption"].found
        assert "ABAC_Enabled" in checks["Attributes"].found
    with StandIn(like="8.6") as server:
        assert "Log-ins" not in checks_of(server.url, policy=link_only)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"Accounts_PasswordReset": False}, "may not reset their passwords"),
        ({"SMTP_Host": ""}, "has no mail server"),
    ],
)
def test_a_mail_to_set_a_password_that_cannot_arrive_is_warned_about(
    settings: dict[str, object], words: str
) -> None:
    """Newer servers say yes to every mail, also where it gets lost."""
    wanted = Policy(password_mail=True)
    name = "Mail to set a password"
    with StandIn(like="8.8") as server:
        world = server.application.world
        world.settings |= {"SMTP_Host": "mail.example.invalid", "Accounts_PasswordReset": True}
        assert name not in checks_of(server.url, policy=wanted)
        world.settings |= settings
        assert name not in checks_of(server.url)
        check = checks_of(server.url, policy=wanted)[name]
    assert check.status is CheckStatus.WARNING
    assert words in check.found
    assert check.fix


def test_a_limited_bot_hears_how_long_it_would_take(standin: StandIn) -> None:
    standin.configure(permissions={"api-bypass-rate-limit": []})
    check = checks_of(standin.url)["Rate limit"]
    assert check.status is CheckStatus.WARNING
    assert "50 minutes" in check.found
    assert "api-bypass-rate-limit" in check.fix


@pytest.mark.parametrize(
    ("credentials", "status"),
    [
        (BOT, CheckStatus.OK),
        (Credentials(user_id=ADMIN_ID, token=ADMIN_TOKEN_WITH_2FA), CheckStatus.WARNING),
        (
            Credentials(
                user_id=ADMIN_ID,
                token=ADMIN_TOKEN_WITH_2FA,
                second_factor_password=ADMIN_PASSWORD,
            ),
            CheckStatus.OK,
        ),
        (Credentials(username=ADMIN_USERNAME, password=ADMIN_PASSWORD), CheckStatus.OK),
    ],
)
def test_the_second_factor_is_foreseen(
    standin: StandIn, credentials: Credentials, status: CheckStatus
) -> None:
    assert checks_of(standin.url, credentials)["Second factor"].status is status


def test_mails_to_everybody_are_warned_of(standin: StandIn) -> None:
    names = "Accounts_Send_Email_When_Activating", "Accounts_Send_Email_When_Deactivating"
    standin.configure(**dict.fromkeys(names, True))
    assert checks_of(standin.url)["E-mails on activation"].status is CheckStatus.WARNING
    standin.configure(**dict.fromkeys(names, False))
    assert checks_of(standin.url)["E-mails on activation"].status is CheckStatus.OK


@pytest.mark.parametrize("like", ["7.7", "8.6"])
def test_a_server_without_internet_is_measured_and_explained(
    like: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "SLOW_INFO_SECONDS", 0.2)
    with StandIn(like=like, options=Options(outside_seconds=0.3)) as server:
        checks = checks_of(server.url)
        assert "41 s" in checks["Avatars"].found
        assert ("Internet" in checks) is (like == "8.6")  # older ones answer without asking outside
        expected = CheckStatus.WARNING if like == "8.6" else CheckStatus.OK
        assert checks["Avatars"].status is expected
        server.configure(Accounts_SetDefaultAvatar=False)
        assert checks_of(server.url)["Avatars"].found == (
            "the server fetches no avatar for a new account"
        )


def test_a_setting_that_may_not_be_read_is_said_to_be_unknown(standin: StandIn) -> None:
    standin.configure(permissions={"view-privileged-setting": []})
    check = checks_of(standin.url)["E-mails on activation"]
    assert check.status is CheckStatus.WARNING
    assert "could not be read" in check.found
    assert "view-privileged-setting" in check.fix


def test_lists_in_pages_are_warned_of(standin: StandIn) -> None:
    standin.configure(API_Allow_Infinite_Count=False)
    assert checks_of(standin.url)["Long lists"].status is CheckStatus.WARNING


def test_a_wrong_token_ends_the_look_with_the_way_to_a_new_one(standin: StandIn) -> None:
    checks = checks_of(standin.url, Credentials(user_id=ADMIN_ID, token="wrong"))
    assert checks["Account"].status is CheckStatus.FAILED
    assert "Personal Access Tokens" in checks["Account"].fix
    assert "Permissions" not in checks


def test_a_server_that_is_not_there_is_one_failed_check() -> None:
    checks = checks_of("http://no-such-host.invalid")
    assert list(checks) == ["Reachable"]
    assert checks["Reachable"].status is CheckStatus.FAILED
    assert checks["Reachable"].fix


@pytest.mark.parametrize(
    ("version", "status", "msg"),
    [
        ("3.10.1", CheckStatus.WARNING, "older"),
        ("3.11", CheckStatus.OK, "3.11"),
        ("8.8.3", CheckStatus.OK, "8.8"),
        ("9.0", CheckStatus.OK, "not tested with a real server"),
        ("9.1", CheckStatus.WARNING, "newer than the versions rcsync was made for (up to 9.0)"),
        ("develop", CheckStatus.WARNING, "does not tell"),
        (None, CheckStatus.WARNING, "does not tell"),
    ],
)
def test_versions_outside_of_the_known_ones_are_warned_of(
    version: str | None, status: CheckStatus, msg: str
) -> None:
    with responses.RequestsMock() as server:
        server.get(f"{URL}/api/info", json={"version": version, "success": True})
        server.get(f"{URL}/api/v1/me", status=401, json={"status": "error", "message": "x"})
        check = checks_of(URL)["Version"]
    assert check.status is status
    assert msg in check.found


def test_accounts_and_rooms_that_cannot_be_read_are_named(standin: StandIn) -> None:
    good = standin.application.reply

    def reply(request: Request) -> Reply:
        answer = good(request)
        if request.path not in ("/api/v1/users.list", "/api/v1/users.listByStatus"):
            return answer
        body = json.loads(answer.body)
        body["users"][0]["active"] = "yes"
        return replace(answer, body=json.dumps(body).encode())

    standin.application.reply = reply  # type: ignore[method-assign]
    client = RocketChat(Connection(standin.url, BOT), limiter=Limiter(8))
    with client:
        first, *rows = list_checks(client, Features(client))
    assert (first.status, first.found[:2]) == (CheckStatus.WARNING, "1 ")
    assert first.fix
    assert ["active" in row.found for row in rows] == [True]


@pytest.mark.parametrize("body", ["<html>", "[]", '{"success": true}', '{"success": true, "u": 1}'])
def test_nonsense_from_the_server_is_a_failed_check_and_no_crash(body: str) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as server:
        server.get(f"{URL}/api/info", json={"version": "8.8", "success": True})
        server.get(f"{URL}/api/v1/me", json={"username": "bot", "roles": ["admin"]})
        for path in ("permissions.listAll", "settings.public", "users.getPersonalAccessTokens"):
            server.get(f"{URL}/api/v1/{path}", body=body)
        server.get(f"{URL}/api/v1/licenses.info", body=body)
        checks = checks_of(URL)
    assert checks["Permissions"].status is CheckStatus.FAILED
    assert checks["Settings"].status is CheckStatus.FAILED


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        ({"value": 49, "max": 50}, CheckStatus.OK),
        ({"value": 50, "max": 50}, CheckStatus.FAILED),
        ({"value": 10, "max": -1}, None),
        (None, None),
    ],
)
def test_seats_are_counted_where_the_licence_has_any(
    limits: dict[str, int] | None, status: CheckStatus | None
) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as server:
        server.get(f"{URL}/api/info", json={"version": "8.8", "success": True})
        server.get(f"{URL}/api/v1/me", json={"username": "bot", "roles": ["admin"]})
        licence = {"license": {"limits": {"activeUsers": limits}}, "success": True}
        server.get(f"{URL}/api/v1/licenses.info", json=licence)
        for path in ("permissions.listAll", "settings.public", "users.getPersonalAccessTokens"):
            server.get(f"{URL}/api/v1/{path}", status=403, json={"success": False, "error": "no"})
        check = checks_of(URL).get("Licence")
    assert (check.status if check else None) is status


def test_an_unchecked_certificate_is_said() -> None:
    with responses.RequestsMock() as server:
        server.get(f"{URL}/api/info", json={"version": "8.8", "success": True})
        server.get(f"{URL}/api/v1/me", status=401, json={"status": "error", "message": "x"})
        checks = checks_of(URL, verify_tls=False)
    assert checks["TLS"].status is CheckStatus.WARNING
