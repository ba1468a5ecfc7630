"""The client: who it is, when it tries again, what it never does."""

import hashlib
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import responses

from integration import __version__
from integration.domain.errors import (
    AuthenticationError,
    ConfigurationError,
    NameTaken,
    PermissionMissing,
    RocketChatError,
    SecondFactorRequired,
    TransientError,
    UnexpectedAnswer,
)
from integration.domain.secret import Secret
from integration.services.rocketchat import Connection, Credentials, RocketChat
from integration.services.rocketchat.limiter import Limiter
from integration.services.rocketchat.retries import AT_FIRST, REQUEST_ATTEMPTS

URL = "https://chat.example.org"
TOKEN = "tok-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
PASSWORD = "hunter2-but-longer"
DIGEST = hashlib.sha256(PASSWORD.encode()).hexdigest()
BY_TOKEN = Credentials(user_id="bot-id", token=TOKEN)
BY_PASSWORD = Credentials(username="bot", password=PASSWORD)
WITH_FACTOR = Credentials(user_id="bot-id", token=TOKEN, second_factor_password=PASSWORD)
TOTP = {
    "success": False,
    "error": "TOTP Required [totp-required]",
    "errorType": "totp-required",
    "details": {"method": "password", "codeGenerated": False, "availableMethods": []},
}
ENDED = {"status": "error", "message": "You must be logged in to do this."}
Connect = Callable[..., RocketChat]


@pytest.fixture
def server() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def connect(pauses: list[float]) -> Iterator[Connect]:
    clients: list[RocketChat] = []

    def make(credentials: Credentials = BY_TOKEN, **options: Any) -> RocketChat:
        limiter = Limiter(8, clock=lambda: sum(pauses), sleep=pauses.append)
        client = RocketChat(
            Connection(URL, credentials, **options),
            limiter=limiter,
            sleep=pauses.append,
            chance=lambda: 1.0,
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def api(path: str) -> str:
    return f"{URL}/api/v1/{path}"


def login_answer(token: str = "session-token-1") -> dict[str, Any]:
    return {"status": "success", "data": {"userId": "bot-id", "authToken": token}}


def sent_headers(server: responses.RequestsMock, number: int) -> dict[str, str]:
    return dict(server.calls[number].request.headers)


# ── Who we are ───────────────────────────────────────────────────────────────────────────────────


def test_a_token_goes_along_with_every_request(
    server: responses.RequestsMock, connect: Connect
) -> None:
    server.get(api("users.list"), json={"users": [], "success": True})
    assert connect().get("users.list")["users"] == []
    headers = sent_headers(server, 0)
    assert (headers["X-User-Id"], headers["X-Auth-Token"]) == ("bot-id", TOKEN)
    assert headers["User-Agent"] == f"rcsync/{__version__}"


def test_a_path_prefix_of_the_server_is_kept(server: responses.RequestsMock) -> None:
    server.get("https://example.org/chat/api/v1/me", json={"success": True})
    with RocketChat(Connection("https://example.org/chat/", BY_TOKEN)) as client:
        assert client.get("me") == {"success": True}


def test_a_password_logs_in_once_and_out_at_the_end(
    server: responses.RequestsMock, connect: Connect
) -> None:
    server.post(api("login"), json=login_answer())
    server.get(api("me"), json={"success": True})
    server.post(api("logout"), json={"status": "success", "data": {"message": "bye"}})
    client = connect(BY_PASSWORD)
    for _ in range(3):
        client.get("me")
    assert client.user_id == "bot-id"
    client.close()
    assert client.stats.by_endpoint == {"GET me": 3, "POST login": 1, "POST logout": 1}
    assert sent_headers(server, 1)["X-Auth-Token"] == "session-token-1"


def test_a_token_given_to_us_is_never_logged_out(
    server: responses.RequestsMock, connect: Connect
) -> None:
    server.get(api("me"), json={"success": True})
    client = connect()
    client.get("me")
    client.close()
    assert "POST logout" not in client.stats.by_endpoint


def test_a_log_out_that_fails_disturbs_nobody(
    server: responses.RequestsMock, connect: Connect
) -> None:
    server.post(api("login"), json=login_answer())
    server.post(api("logout"), body=requests.ConnectionError("gone"))
    client = connect(BY_PASSWORD)
    assert client.user_id == "bot-id"
    client.close()


def test_a_session_that_ended_is_renewed_once(
    server: responses.RequestsMock, connect: Connect
) -> None:
    server.post(api("login"), json=login_answer("first"))
    server.post(api("login"), json=login_answer("second"))
    server.get(api("me"), json=ENDED, status=401)
    server.get(api("me"), json={"success": True})
    server.post(api("logout"), json={"status": "success"})
    client = connect(BY_PASSWORD)
    assert client.get("me") == {"success": True}
    assert [call.request.headers.get("X-Auth-Token") for call in server.calls] == [
        None,
        "first",
        None,
        "second",
    ]
    assert client.stats.by_status == {
        ("POST login", "200"): 2,
        ("GET me", "renewed"): 1,
        ("GET me", "200"): 1,
    }, "that a log-in ended is no refusal, of which an alert would tell"


def test_a_refused_token_stops_everything_with_the_way_to_a_new_one(
    server: responses.RequestsMock, connect: Connect
) -> None:
    server.get(api("me"), json=ENDED, status=401)
    with pytest.raises(AuthenticationError) as refused:
        connect().get("me")
    assert "Personal Access Tokens" in refused.value.hint
    assert len(server.calls) == 1


def test_an_answer_that_refuses_the_new_log_in_as_well_is_a_refusal(
    server: responses.RequestsMock, connect: Connect
) -> None:
    for name in ("first", "second"):
        server.post(api("login"), json=login_answer(name))
        server.get(api("me"), json=ENDED, status=401)
    client = connect(BY_PASSWORD)
    with pytest.raises(AuthenticationError):
        client.get("me")
    assert client.stats.by_status["GET me", "401"] == 1
    assert client.stats.by_status["GET me", "renewed"] == 1


def test_a_wrong_password_is_tried_once_and_said(
    server: responses.RequestsMock, connect: Connect
) -> None:
    body = {"status": "error", "error": 403, "message": "Incorrect password"}
    server.post(api("login"), json=body, status=401)
    with pytest.raises(AuthenticationError, match=r"username and password.*Incorrect password"):
        connect(BY_PASSWORD).get("me")
    assert len(server.calls) == 1


def test_a_refused_password_is_not_tried_again_by_anybody(
    server: responses.RequestsMock, connect: Connect
) -> None:
    """Rocket.Chat locks accounts and addresses after a number of failed logins."""
    server.post(api("login"), json={"status": "error", "message": "Unauthorized"}, status=401)
    client = connect(BY_PASSWORD)
    for _ in range(3):
        with pytest.raises(AuthenticationError):
            client.get("me")
    assert client.stats.total == 1


def test_half_a_login_is_not_shown_by_an_error_page(
    server: responses.RequestsMock, connect: Connect
) -> None:
    server.post(api("login"), json={"status": "success", "data": {"authToken": "session-token"}})
    with pytest.raises(UnexpectedAnswer) as refused:
        connect(BY_PASSWORD).get("me")
    assert "session-token" not in repr(_locals_of_our_frames(refused.value))


@pytest.mark.parametrize(
    "data", [None, {}, {"userId": 7, "authToken": "x"}, {"userId": "bot-id", "authToken": ""}]
)
def test_a_login_that_brings_no_token_is_no_login(
    server: responses.RequestsMock, connect: Connect, data: object
) -> None:
    server.post(api("login"), json={"status": "success", "data": data})
    with pytest.raises(UnexpectedAnswer):
        connect(BY_PASSWORD).get("me")


# ── Second factor ────────────────────────────────────────────────────────────────────────────────


def test_the_password_answers_a_request_for_a_second_factor_from_then_on(
    server: responses.RequestsMock, connect: Connect
) -> None:
    wants_digest = responses.matchers.header_matcher(
        {"x-2fa-code": DIGEST, "x-2fa-method": "password"}
    )
    server.post(api("users.update"), json=TOTP, status=400)
    server.post(api("users.update"), json={"success": True}, match=[wants_digest])
    client = connect(WITH_FACTOR)
    client.post("users.update", {"userId": "u1", "data": {"name": "A"}})
    client.post("users.update", {"userId": "u2", "data": {"name": "B"}})
    assert client.stats.by_endpoint == {"POST users.update": 3}


def test_without_the_password_the_ways_out_are_named(
    server: responses.RequestsMock, connect: Connect
) -> None:
    server.post(api("users.update"), json=TOTP, status=400)
    with pytest.raises(SecondFactorRequired) as refused:
        connect().post("users.update", {})
    assert "Ignore Two Factor Authentication" in refused.value.hint
    assert "8.5" in refused.value.hint


def test_a_code_by_mail_cannot_be_given_and_is_not_tried(
    server: responses.RequestsMock, connect: Connect
) -> None:
    by_mail = {**TOTP, "details": {"method": "email", "availableMethods": ["email"]}}
    server.post(api("users.update"), json=by_mail, status=400)
    with pytest.raises(SecondFactorRequired):
        connect(WITH_FACTOR).post("users.update", {})
    assert len(server.calls) == 1


def test_a_wrong_second_factor_is_said_and_not_repeated(
    server: responses.RequestsMock, connect: Connect
) -> None:
    wrong = {**TOTP, "error": "TOTP Invalid [totp-invalid]", "errorType": "totp-invalid"}
    server.post(api("users.update"), json=TOTP, status=400)
    server.post(api("users.update"), json=wrong, status=400)
    with pytest.raises(SecondFactorRequired, match="password of the bot is wrong"):
        connect(WITH_FACTOR).post("users.update", {})
    assert len(server.calls) == 2


# ── Trying again ─────────────────────────────────────────────────────────────────────────────────

ONCE_BROKEN: list[dict[str, Any]] = [
    {"status": 500, "json": {"success": False, "error": "Internal server error"}},
    {"status": 502, "body": "<html>Bad Gateway</html>"},
    {"status": 503, "body": ""},
    {"body": requests.ConnectionError("Connection aborted.")},
    {"body": requests.ReadTimeout("read timed out")},
    {"body": requests.ConnectTimeout("connect timed out")},
    {"status": 429, "json": {"success": False, "error": "You must wait 3 seconds before"}},
    {"status": 200, "body": "<html>for a moment a page</html>"},
]


@pytest.mark.parametrize("broken", ONCE_BROKEN)
def test_a_read_that_fails_once_is_read_again(
    server: responses.RequestsMock, connect: Connect, broken: dict[str, Any]
) -> None:
    server.get(api("users.list"), **broken)
    server.get(api("users.list"), json={"users": [], "success": True})
    assert connect().get("users.list")["users"] == []
    assert len(server.calls) == 2


@pytest.mark.parametrize("broken", ONCE_BROKEN)
def test_a_write_that_may_be_repeated_is_repeated(
    server: responses.RequestsMock, connect: Connect, broken: dict[str, Any]
) -> None:
    server.post(api("groups.kick"), **broken)
    server.post(api("groups.kick"), json={"success": True})
    connect().post("groups.kick", {}, repeatable=True)
    assert len(server.calls) == 2


@pytest.mark.parametrize("broken", [one for one in ONCE_BROKEN if one.get("status") != 429][:5])
def test_a_create_with_unknown_outcome_is_not_repeated(
    server: responses.RequestsMock, connect: Connect, broken: dict[str, Any]
) -> None:
    server.post(api("users.create"), **broken)
    with pytest.raises(TransientError):
        connect().post("users.create", {})
    assert len(server.calls) == 1


def test_a_create_that_never_reached_the_server_is_repeated(
    server: responses.RequestsMock, connect: Connect
) -> None:
    server.post(api("users.create"), body=requests.ConnectTimeout("no route"))
    server.post(api("users.create"), json={"success": True})
    connect().post("users.create", {})
    assert len(server.calls) == 2


def test_a_create_that_was_told_to_wait_is_repeated_after_the_wait(
    server: responses.RequestsMock, connect: Connect
) -> None:
    wait = {
        "success": False,
        "error": "You must wait 37 seconds before trying this endpoint again.",
    }
    server.post(api("users.create"), json=wait, status=429)
    server.post(api("users.create"), json={"success": True})
    slept: list[float] = []
    limiter = Limiter(8, clock=lambda: sum(slept), sleep=slept.append)
    with RocketChat(Connection(URL, BY_TOKEN), limiter=limiter, sleep=slept.append) as client:
        client.post("users.create", {})
        assert client.stats.seconds_waited == pytest.approx(37, abs=0.2)


def test_attempts_end_and_their_pauses_grow(
    server: responses.RequestsMock, connect: Connect, pauses: list[float]
) -> None:
    server.get(api("users.list"), json={"success": False, "error": "oops"}, status=500)
    client = connect()
    with pytest.raises(TransientError):
        client.get("users.list")
    assert len(server.calls) == REQUEST_ATTEMPTS
    assert pauses == sorted(pauses)
    assert pauses == [1.0, 2.0, 4.0]
    assert client.stats.seconds_waited == 7.0


def test_a_server_that_never_answered_is_given_up_soon(
    server: responses.RequestsMock, connect: Connect, pauses: list[float]
) -> None:
    server.get(api("users.list"), body=requests.ConnectTimeout("no route"))
    with pytest.raises(TransientError, match=URL):
        connect().get("users.list")
    assert len(server.calls) == AT_FIRST
    assert sum(pauses) <= 1


def test_a_server_that_goes_away_in_mid_run_is_waited_for(
    server: responses.RequestsMock, connect: Connect
) -> None:
    server.get(api("rooms.info"), json={"success": True})
    server.get(api("users.list"), body=requests.ConnectTimeout("no route"))
    client = connect()
    client.get("rooms.info")
    with pytest.raises(TransientError):
        client.get("users.list")
    assert len(server.calls) == 1 + REQUEST_ATTEMPTS


def test_an_endless_429_ends(server: responses.RequestsMock) -> None:
    server.get(api("users.list"), json={"success": False, "error": "wait"}, status=429)
    slept: list[float] = []
    limiter = Limiter(8, clock=lambda: sum(slept), sleep=slept.append)
    with (
        RocketChat(Connection(URL, BY_TOKEN), limiter=limiter, sleep=slept.append) as client,
        pytest.raises(TransientError, match="limits the rate") as refused,
    ):
        client.get("users.list")
    assert "api-bypass-rate-limit" in refused.value.hint
    assert 2 < len(server.calls) < 20


def test_a_refusal_is_not_repeated(server: responses.RequestsMock, connect: Connect) -> None:
    body = {"success": False, "error": "x", "errorType": "error-invalid-room-name"}
    server.post(api("rooms.saveRoomSettings"), json=body, status=400)
    with pytest.raises(RocketChatError):
        connect().post("rooms.saveRoomSettings", {}, repeatable=True)
    assert len(server.calls) == 1


def test_the_time_of_bulk_reads_does_not_lower_the_number_of_requests_at_once(
    server: responses.RequestsMock,
) -> None:
    server.get(api("users.list"), json={"success": True})
    times = iter([0.0, 0.0, *([0.01, 0.0] * 20), *([9.0, 0.0] * 200)])
    limiter = Limiter(8)
    connection = Connection(URL, BY_TOKEN)
    with RocketChat(connection, limiter=limiter, clock=lambda: next(times)) as client:
        for _ in range(40):
            client.get("users.list", slow=True)
    assert limiter.concurrency.places == 8


# ── Redirects ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "target", "msg"),
    [
        (
            "http://chat.example.org",
            "https://chat.example.org/api/v1/me",
            "Set the address of Rocket.Chat to https://chat.example.org",
        ),
        (
            "https://chat.example.org",
            "https://chat.example.org/rocket/api/v1/me",
            "Set the address of Rocket.Chat to https://chat.example.org/rocket",
        ),
        ("https://chat.example.org", "https://evil.example/api/v1/me", "another host"),
        ("https://chat.example.org", "https://login.example/?next=1", "login page"),
        ("https://chat.example.org", "/login", "redirect instead of JSON"),
        ("https://chat.example.org", "https://[", "redirect instead of JSON"),
    ],
)
def test_a_redirect_is_explained_and_never_followed(
    server: responses.RequestsMock, url: str, target: str, msg: str
) -> None:
    server.get(f"{url}/api/v1/me", status=302, headers={"Location": target})
    with (
        RocketChat(Connection(url, BY_TOKEN)) as client,
        pytest.raises(ConfigurationError) as refused,
    ):
        client.get("me")
    assert msg in str(refused.value)
    assert len(server.calls) == 1


def test_an_untrusted_certificate_is_a_matter_of_configuration(
    server: responses.RequestsMock, connect: Connect
) -> None:
    problem = requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed")
    server.get(api("me"), body=problem)
    with pytest.raises(ConfigurationError, match="CA file"):
        connect().get("me")
    assert len(server.calls) == 1


# ── Answers that are none ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "content",
    ["", "<!DOCTYPE html><html></html>", '{"users": [', "[]", '"text"', "null", "[" * 100_000],
)
def test_what_is_no_json_object_is_an_unexpected_answer(
    server: responses.RequestsMock, connect: Connect, content: str
) -> None:
    server.get(api("users.list"), body=content)
    with pytest.raises(UnexpectedAnswer, match="not JSON") as refused:
        connect().get("users.list")
    assert refused.value.endpoint == "GET users.list"
    assert "address" in refused.value.hint


def test_a_success_that_says_it_failed_has_failed(
    server: responses.RequestsMock, connect: Connect
) -> None:
    body = {"success": False, "error": "anna is already in use :( [error-field-unavailable]"}
    server.post(api("users.create"), json=body, status=200)
    with pytest.raises(NameTaken) as refused:
        connect().post("users.create", {})
    assert refused.value.code == "error-field-unavailable"


# ── Secrets ──────────────────────────────────────────────────────────────────────────────────────

REVEALING: list[dict[str, Any]] = [
    {"status": 400, "json": {"success": False, "error": f"{TOKEN} {PASSWORD} {DIGEST} s3cret-new"}},
    {"status": 500, "body": f"X-Auth-Token: {TOKEN} {PASSWORD} s3cret-new"},
    {"status": 401, "json": {"message": f"{TOKEN} {PASSWORD}", "status": "error"}},
    {"body": requests.ConnectionError(f"Failed with {TOKEN} and {PASSWORD} and s3cret-new")},
    {"body": requests.ReadTimeout(f"{TOKEN} {PASSWORD} s3cret-new")},
]


@pytest.mark.parametrize("answer", REVEALING)
def test_no_error_log_line_or_traceback_shows_a_secret(
    server: responses.RequestsMock,
    connect: Connect,
    caplog: pytest.LogCaptureFixture,
    answer: dict[str, Any],
) -> None:
    server.post(api("users.create"), **answer)
    caplog.set_level(logging.DEBUG)
    client = connect(WITH_FACTOR)
    body = {"username": "anna", "password": Secret("s3cret-new")}
    with pytest.raises(RocketChatError) as refused:
        client.post("users.create", body)
    error = refused.value
    shown = [str(error), repr(error), error.answer, caplog.text, repr(client.connection)]
    shown += traceback.format_exception(error)
    shown += [repr(one) for one in _locals_of_our_frames(error)]
    for text in shown:
        assert TOKEN not in text
        assert PASSWORD not in text
        assert DIGEST not in text
        assert "s3cret-new" not in text


def _locals_of_our_frames(error: BaseException) -> list[dict[str, object]]:
    """What an error page with local variables would print."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [frame for frame in frames if "services/rocketchat" in frame.f_code.co_filename]
    return [dict(frame.f_locals) for frame in ours]


def test_the_generated_password_still_reaches_the_server(
    server: responses.RequestsMock, connect: Connect
) -> None:
    server.post(api("users.create"), json={"success": True})
    connect().post("users.create", {"password": Secret("s3cret-new")})
    assert json.loads(server.calls[0].request.body or "{}")["password"] == "s3cret-new"


def test_words_of_the_server_are_one_short_line_without_tricks(
    server: responses.RequestsMock, connect: Connect
) -> None:
    msg = "&lt;b&gt;no&lt;/b&gt;\n\x1b[31m\u202eevil" + "x" * 5000
    server.post(api("groups.kick"), json={"success": False, "error": msg}, status=400)
    with pytest.raises(RocketChatError) as refused:
        connect().post("groups.kick", {})
    answer = refused.value.answer
    assert answer.startswith("<b>no</b> [31m evil")
    assert len(answer) == 300
    assert not any(ord(character) < 32 or character == "\u202e" for character in answer)


def test_each_request_leaves_one_line_at_debug(
    server: responses.RequestsMock, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="integration.services.rocketchat")
    server.get(api("me"), json={"success": True})
    connect().get("me")
    assert "endpoint=GET me status=200 ms=" in caplog.text


# ── Permissions ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("users.create", "create-user"),
        ("users.update", "edit-other-user-info"),
        ("users.setActiveStatus", "edit-other-user-active-status"),
        ("groups.create", "create-p"),
        ("channels.create", "create-c"),
        ("groups.invite", "add-user-to-joined-room"),
        ("channels.kick", "remove-user"),
        ("groups.addOwner", "set-owner"),
        ("groups.removeModerator", "set-moderator"),
        ("channels.addLeader", "set-leader"),
        ("rooms.saveRoomSettings", "edit-room"),
        ("rooms.changeArchivationState", "unarchive-room"),
    ],
)
def test_a_missing_permission_is_named_with_the_place_to_grant_it(
    server: responses.RequestsMock, connect: Connect, path: str, permission: str
) -> None:
    server.post(api(path), json={"success": False, "error": "unauthorized"}, status=403)
    with pytest.raises(PermissionMissing) as refused:
        connect().post(path, {})
    assert f'"{permission}"' in refused.value.hint
    assert "Workspace > Permissions" in refused.value.hint
    assert refused.value.endpoint == f"POST {path}"
    assert refused.value.status == 403
