"""The stand-in as a server: limits, faults, counts, its own pages, its state file."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from demo.standin import ADMIN_ID, ADMIN_PASSWORD, ADMIN_USERNAME, StandIn
from demo.standin.application import ROUTES
from demo.standin.dialects import dialect_like
from demo.standin.routes.routing import Route
from demo.standin.state.storage import UnreadableState, dump, load, load_file, save_file
from demo.standin.web.call import Reply
from demo.standin.web.wire import WebServer
from tests.support.paths import ROOT
from tests.support.standin_client import Client


@pytest.fixture
def server() -> Iterator[StandIn]:
    with StandIn(like="8.8") as server:
        yield server


@pytest.fixture
def client(server: StandIn) -> Iterator[Client]:
    with Client(server) as client:
        yield client


# The rate limit


@pytest.fixture
def limited(server: StandIn) -> StandIn:
    """A server that limits the administrator as well."""
    server.configure(rate_limit=True, permissions={"api-bypass-rate-limit": []})
    return server


def test_the_eleventh_call_in_a_minute_is_refused(limited: StandIn, client: Client) -> None:
    left = [client.get("me").headers["x-ratelimit-remaining"] for _ in range(10)]
    assert left == [str(number) for number in range(9, -1, -1)]
    answer = client.get("me")
    assert (answer.status, answer.headers["x-ratelimit-limit"]) == (429, "10")
    seconds = int(answer.headers["x-ratelimit-reset"]) / 1000 - time.time()
    assert 55 < seconds <= 60
    assert re.search(
        r"must wait (59|60) seconds .*\[error-too-many-requests\]", answer.body["error"]
    )
    assert client.get("permissions.listAll").status == 200, "each endpoint has a limit of its own"


def test_the_limit_ends_with_its_window(limited: StandIn, client: Client) -> None:
    limited.configure(
        API_Enable_Rate_Limiter_Limit_Calls_Default=2,
        API_Enable_Rate_Limiter_Limit_Time_Default=200,
    )
    assert [client.get("me").status for _ in range(3)] == [200, 200, 429]
    time.sleep(0.21)
    assert client.get("me").status == 200


def test_who_may_bypass_the_limit_is_told_nothing_of_it() -> None:
    with StandIn(like="8.8", rate_limit=True) as server, Client(server) as client:
        answers = [client.get("me") for _ in range(12)]
    assert {answer.status for answer in answers} == {200}
    assert "x-ratelimit-limit" not in answers[-1].headers


def test_logins_are_limited_for_everybody() -> None:
    with StandIn(like="8.8", rate_limit=True) as server, Client(server, "") as stranger:
        statuses = [
            stranger.post("login", user=ADMIN_USERNAME, password=ADMIN_PASSWORD).status
            for _ in range(11)
        ]
    assert statuses == 10 * [200] + [429]


# Faults


@pytest.mark.parametrize(
    ("fault", "status"),
    [({"kind": "refuse"}, 400), ({"kind": "status", "code": 502}, 502), ({"kind": "429"}, 429)],
)
def test_a_refusing_fault_leaves_the_world_alone(
    client: Client, server: StandIn, fault: dict[str, object], status: int
) -> None:
    assert client.hook("fault", endpoint="groups.create", **fault).status == 200
    assert client.post("groups.create", name="one").status == status
    assert client.post("groups.create", name="two").status == 200, "the fault is used up"
    assert _group_names(server) == ["two"]


@pytest.mark.parametrize(("kind", "made"), [("reset", []), ("reset_after", ["one"])])
def test_a_reset_comes_before_or_after_the_call(
    server: StandIn, kind: str, made: list[str]
) -> None:
    server.fault(kind, endpoint="groups.create")
    with Client(server) as client, pytest.raises(OSError, match=r"reset|closed"):
        client.post("groups.create", name="one")
    assert _group_names(server) == made
    assert server.stats()["by_status"] == {"0": 1}


@pytest.mark.parametrize(("kind", "made"), [("timeout_before", []), ("timeout_after", ["one"])])
def test_a_late_answer_comes_before_or_after_the_call(
    server: StandIn, kind: str, made: list[str]
) -> None:
    server.fault(kind, seconds=0.4)
    with Client(server, timeout=0.2) as client, pytest.raises(TimeoutError):
        client.post("groups.create", name="one")
    assert _group_names(server) == made


def test_pages_and_cut_answers_come_instead_of_json(server: StandIn, client: Client) -> None:
    server.fault("html")
    answer = client.get("me")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    server.fault("garbage")
    with pytest.raises(json.JSONDecodeError):
        client.get("me")


def test_an_answer_may_be_huge(server: StandIn, client: Client) -> None:
    server.fault("huge", megabytes=2)
    assert int(client.get("me").headers["content-length"]) > 2_000_000


def test_faults_wait_for_their_call_and_hit_as_often_as_ordered(
    server: StandIn, client: Client
) -> None:
    server.fault("refuse", endpoint="me", method="GET", after=1, times=2)
    assert client.get("permissions.listAll").status == 200
    assert [client.get("me").status for _ in range(4)] == [200, 400, 400, 200]
    server.fault("refuse", times=9)
    client.hook("fault/clear")
    assert client.get("me").status == 200


def test_a_dead_server_answers_nobody() -> None:
    with StandIn() as server:
        server.fault("die", endpoint="me")
        with Client(server) as first, Client(server) as second:
            assert second.get("permissions.listAll").status == 200
            with pytest.raises((OSError, http.client.HTTPException)):
                first.get("me")
            with pytest.raises((OSError, http.client.HTTPException)):
                second.get("permissions.listAll")
        with Client(server) as third, pytest.raises((OSError, http.client.HTTPException)):
            third.get("me")


def test_a_server_that_dies_tells_nobody_what_it_was_at(
    server: StandIn, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the connection is not cut yet: that takes its time under load."""

    def die(_request: object) -> Reply:
        server._web._dead = True
        return Reply.of({"success": True})

    monkeypatch.setattr(server.application, "reply", die)
    with pytest.raises((OSError, http.client.HTTPException)):
        client.get("me")


def test_a_dead_server_does_not_serve_whom_it_had_just_let_in(
    server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under load the thread of a connection begins after the death: it would have lived on."""
    connected = WebServer.connected

    def late(self: WebServer, connection: socket.socket) -> AbstractContextManager[None]:
        self.die()
        return connected(self, connection)

    monkeypatch.setattr(WebServer, "connected", late)
    with Client(server) as late_one, pytest.raises((OSError, http.client.HTTPException)):
        late_one.get("info")
    assert server.stats()["total"] == 0


@pytest.mark.parametrize("fault", [{"kind": "flood"}, {}, {"kind": "reset", "colour": "red"}])
def test_a_fault_that_makes_no_sense_is_refused(client: Client, fault: dict[str, object]) -> None:
    answer = client.hook("fault", **fault)
    assert (answer.status, set(answer.body)) == (400, {"error"})


def test_a_crash_is_told_as_such(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(_: object) -> dict[str, object]:
        raise ZeroDivisionError

    monkeypatch.setitem(ROUTES.known, ("GET", "me"), Route("GET", "me", crash))
    answer = client.get("me")
    assert (answer.status, answer.body["error"]) == (500, "Internal server error")


# Counts and other pages


def test_calls_are_counted_by_endpoint_and_status(server: StandIn, client: Client) -> None:
    client.get("me")
    client.post("groups.create", name="one")
    client.post("groups.create", name="one")
    client.send("GET", "/_standin/state")
    assert client.send("GET", "/_standin/stats").body == {
        "total": 3,
        "writes": 2,
        "by_endpoint": {"GET me": 1, "POST groups.create": 2},
        "by_status": {"200": 2, "400": 1},
    }
    client.hook("stats/reset")
    assert server.stats()["total"] == 0


def test_the_state_shows_everybody_and_everything(server: StandIn, client: Client) -> None:
    ann = client.post(
        "users.create", username="ann", name="Ann", email="ann@example.com", password="x"
    ).body["user"]["_id"]
    rid = client.post(
        "groups.create", name="g", members=["ann"], customFields={"n": 1}, readOnly=True
    ).body["group"]["_id"]
    client.post("groups.addModerator", roomId=rid, userId=ann)
    client.post("users.setActiveStatus", userId=ann, activeStatus=False)
    state = client.send("GET", "/_standin/state").body
    assert state == server.state()
    room = next(room for room in state["rooms"] if room["id"] == rid)
    assert room["members"] == ["ann", ADMIN_USERNAME]
    assert room["roles"] == {"ann": ["moderator"], ADMIN_USERNAME: ["owner"]}
    assert (room["usersCount"], room["customFields"], room["ro"]) == (2, {"n": 1}, True)
    user = next(user for user in state["users"] if user["id"] == ann)
    assert (user["active"], user["emails"][0]["address"]) == (False, "ann@example.com")


def test_settings_change_at_run_time_but_only_known_ones(server: StandIn, client: Client) -> None:
    client.hook("settings", latency_ms=60, API_Default_Count=1)
    started = time.monotonic()
    assert client.get("users.list").body["count"] == 1
    assert time.monotonic() - started >= 0.06
    answer = client.hook("settings", latency_ms=0, No_Such_Setting=1)
    assert (answer.status, "No_Such_Setting" in answer.body["error"]) == (400, True)


def test_latency_of_one_call_does_not_hold_up_the_others() -> None:
    with StandIn(latency_ms=500) as server:
        clients = [Client(server) for _ in range(8)]
        started = time.monotonic()
        for client in clients:
            client.begin("GET", "/api/v1/me")
        assert {client.finish().status for client in clients} == {200}
        assert time.monotonic() - started < 8 * 0.5, "one after the other"
        for client in clients:
            client.close()


def test_a_connection_serves_many_calls_until_it_is_to_close(client: Client) -> None:
    assert client.get("me").headers["connection"] == "keep-alive"
    last = client.send("GET", "/api/v1/me", headers={"Connection": "close"})
    assert last.headers["connection"] == "close"


def test_what_is_no_http_is_refused(server: StandIn) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"HELO there, who are you\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_only_this_machine_can_connect(server: StandIn) -> None:
    assert server.url == f"http://127.0.0.1:{server.port}"
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", server.port), timeout=1)


# The state file


def _filled(server: StandIn) -> None:
    with Client(server) as client:
        client.post("login", user=ADMIN_USERNAME, password=ADMIN_PASSWORD)
        client.post(
            "users.create", username="ann", name="Ann", email="ann@example.com", password="x"
        )
        client.post("groups.create", name="g", members=["ann"], customFields={"n": 1})
        client.post("import.new")


def test_a_world_survives_its_file(server: StandIn, tmp_path: Path) -> None:
    _filled(server)
    path = tmp_path / "state.json"
    save_file(server.world, path)
    world = load_file(path, dialect_like("8.8"))
    assert dump(world) == dump(server.world)
    with StandIn(world=world) as second, Client(second) as client:
        assert second.state() == server.state()
        assert client.get("groups.members", roomName="g").body["total"] == 2
        again = client.post("groups.create", name="g")
    assert again.body["errorType"] == "error-duplicate-channel-name"
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "rcsync-standin", "version": 99}'])
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(UnreadableState):
        load_file(path, dialect_like("8.8"))


def test_a_state_can_be_served_as_another_version(server: StandIn) -> None:
    _filled(server)
    world = load(dump(server.world), dialect_like("6.5"))
    with StandIn(world=world) as older, Client(older, "") as stranger:
        assert stranger.send("GET", "/api/info").body["version"] == "6.5"


# The command line


def _start(*arguments: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "demo.standin", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    first_line = process.stdout.readline()
    found = re.search(r" at http://127\.0\.0\.1:(\d+)$", first_line.strip())
    assert found, first_line
    return process, int(found[1])


def _call(port: int, method: str, target: str, body: str | None = None) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, target, body)
    answer = connection.getresponse().read()
    connection.close()
    return answer


def test_a_second_run_goes_on_where_the_first_one_stopped(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    login = json.dumps({"user": ADMIN_USERNAME, "password": ADMIN_PASSWORD})
    process, port = _start("--like", "8.8", "--state", str(path))
    with process:
        token = json.loads(_call(port, "POST", "/api/v1/login", login))["data"]["authToken"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    process, port = _start("--like", "8.8", "--state", str(path))
    with process:
        resume = json.dumps({"resume": token})
        again = json.loads(_call(port, "POST", "/api/v1/login", resume))
        process.terminate()
        assert process.wait(timeout=10) == 0
    assert again["data"]["userId"] == ADMIN_ID


def test_a_bad_state_file_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text("nonsense")
    command = [sys.executable, "-m", "demo.standin", "--state", str(path)]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )
    assert result.returncode == 2
    assert "Cannot start from the state file" in result.stdout


def _group_names(server: StandIn) -> list[str]:
    return [room["name"] for room in server.state()["rooms"] if room["t"] == "p"]
