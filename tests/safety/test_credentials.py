"""Secrets go to the server they were given for, whoever changes the address."""

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.test import Client

from demo.standin import ADMIN_PASSWORD, ADMIN_USERNAME, StandIn
from integration.domain.checks import CheckStatus
from integration.domain.errors import ConfigurationError, SyncError
from integration.models import IntegrationSettings
from integration.services.admin import link_targets
from integration.services.monitoring import diagnostics, notifications
from integration.services.monitoring import status as conditions
from integration.services.rocketchat import Connection, Credentials, RocketChat, connect
from integration.services.runs.configured_connection import rocketchat_connection
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])
SETTINGS = "/admin/integration/integrationsettings/1/change/"
BOT = Credentials(username="bot", password="a-password")
METADATA = "169.254.169.254"
NEWS = notifications.State(True, "subject", "text")


@pytest.fixture
def thief() -> Iterator[StandIn]:
    with StandIn(like="6.5") as server:
        yield server


@pytest.fixture
def stored(chosen: Site, settings: Any) -> Site:
    """A site whose password was entered in the admin, for its own Rocket.Chat."""
    settings.ROCKETCHAT = dict.fromkeys(settings.ROCKETCHAT, "")
    row = IntegrationSettings.load()
    row.rocketchat_url, row.rocketchat_username = chosen.chat.url, ADMIN_USERNAME
    row.set_secret("rocketchat_password", ADMIN_PASSWORD, chosen.chat.url)
    row.notify_room = "#news"
    row.save()
    conditions.forget()
    return chosen


def point_at(server: StandIn) -> None:
    IntegrationSettings.objects.update(rocketchat_url=server.url)


def form(client: Client) -> dict[str, Any]:
    """What the browser sends back when nothing is changed."""
    shown = client.get(SETTINGS).context["adminform"].form
    return {
        name: "" if shown.initial.get(name) is None else shown.initial[name]
        for name in shown.fields
        if shown.initial.get(name) is not False
    }


def test_a_stored_secret_reaches_the_server_it_was_entered_for(stored: Site) -> None:
    stored.apply()
    assert diagnostics.check_chat()[0].status is not CheckStatus.FAILED


USES: dict[str, Callable[[Site, Client], object]] = {
    "test connections": lambda _site, client: client.post("/admin/checks/"),
    "the page of checks": lambda _site, client: client.get("/admin/checks/"),
    "doctor": lambda _site, _client: diagnostics.all_checks(),
    "a sync": lambda site, _client: site.run(),
    "a preview": lambda site, _client: site.run("preview"),
    "the health page": lambda _site, _client: conditions.health(),
    "a search for an account": lambda _site, _client: link_targets.remote_state(),
    "a notification": lambda _site, _client: notifications._post(NEWS, IntegrationSettings.load()),
}


@pytest.mark.parametrize("use", USES)
def test_a_changed_address_gets_no_request(
    stored: Site, thief: StandIn, administrator: Client, use: str
) -> None:
    point_at(thief)
    with suppress(SyncError):
        USES[use](stored, administrator)
    assert thief.stats()["total"] == 0
    assert stored.chat.stats()["total"] == 0


def test_the_run_and_the_doctor_say_what_to_do(stored: Site, thief: StandIn) -> None:
    point_at(thief)
    run = stored.run().run
    assert run.status == "error"
    assert f"was entered for {stored.chat.url}, not for {thief.url}" in run.message
    assert "Enter it again" in run.hint
    assert diagnostics.check_chat()[0].status is CheckStatus.FAILED


def test_the_form_asks_for_the_secret_anew_when_the_address_changes(
    stored: Site, thief: StandIn, administrator: Client
) -> None:
    page = administrator.post(SETTINGS, form(administrator) | {"rocketchat_url": thief.url})
    assert page.status_code == 200
    assert "Enter it again" in page.content.decode()
    assert IntegrationSettings.load().rocketchat_url == stored.chat.url
    data = form(administrator) | {"rocketchat_url": thief.url}
    assert (
        administrator.post(SETTINGS, data | {"clear_rocketchat_password": "on"}).status_code == 302
    )
    row = IntegrationSettings.load()
    assert (row.rocketchat_url, row.rocketchat_password) == (thief.url, "")


def test_a_secret_entered_again_is_for_the_new_address_only(
    stored: Site, thief: StandIn, administrator: Client
) -> None:
    data = {"rocketchat_url": thief.url, "rocketchat_password": ADMIN_PASSWORD}
    assert administrator.post(SETTINGS, form(administrator) | data).status_code == 302
    assert rocketchat_connection().url == thief.url
    point_at(stored.chat)
    with pytest.raises(ConfigurationError, match="was entered for"):
        rocketchat_connection()


def test_another_path_on_the_same_server_and_other_settings_ask_for_nothing(
    stored: Site, administrator: Client
) -> None:
    data = {"rocketchat_url": f"{stored.chat.url}/api/v1/", "history_days": "30"}
    assert administrator.post(SETTINGS, form(administrator) | data).status_code == 302
    assert rocketchat_connection().credentials.password == ADMIN_PASSWORD


def test_the_same_host_by_another_scheme_or_port_is_another_server(stored: Site) -> None:
    for url in (stored.chat.url.replace("http:", "https:"), "http://127.0.0.1:9"):
        IntegrationSettings.objects.update(rocketchat_url=url)
        with pytest.raises(ConfigurationError, match="was entered for"):
            rocketchat_connection()


def test_a_secret_of_the_environment_goes_to_no_address_of_the_admin(
    stored: Site, thief: StandIn, settings: Any
) -> None:
    settings.ROCKETCHAT = {**settings.ROCKETCHAT, "password": ADMIN_PASSWORD}
    point_at(thief)
    with pytest.raises(ConfigurationError, match="ROCKETCHAT_PASSWORD") as raised:
        rocketchat_connection()
    assert "ROCKETCHAT_URL" in raised.value.hint
    settings.ROCKETCHAT = {**settings.ROCKETCHAT, "url": stored.chat.url}
    assert rocketchat_connection().url == stored.chat.url


def test_a_stored_secret_does_not_follow_the_address_of_the_environment(
    stored: Site, thief: StandIn, settings: Any
) -> None:
    settings.ROCKETCHAT = {**settings.ROCKETCHAT, "url": thief.url}
    with pytest.raises(ConfigurationError, match="was entered for"):
        rocketchat_connection()


# ── Addresses that nothing is sent to ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "host",
    [
        *(METADATA, "[fe80::1]", "[fd00:ec2::254]", "[fd00:ec2::23]", "192.0.0.192"),
        *("2852039166", "0xa9fea9fe", "169.254.43518", "[::169.254.169.254]"),
    ],
)
def test_a_link_local_or_metadata_address_is_refused(host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no Rocket\.Chat is"):
        Connection(f"http://{host}/latest", BOT)


def resolving_to(address: str) -> Callable[..., list[Any]]:
    real = socket.getaddrinfo

    def look_up(host: str, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        return real(address if host.startswith("chat.") else host, port, *args, **kwargs)

    return look_up


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_leads_to_one_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(METADATA))
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it connects"))
    with (
        RocketChat(Connection(f"{scheme}://chat.example.org", BOT)) as client,
        pytest.raises(ConfigurationError, match=METADATA),
    ):
        client.get("info")


def test_a_name_that_changes_its_address_after_the_look_is_refused(
    monkeypatch: pytest.MonkeyPatch, thief: StandIn
) -> None:
    """The stand-in's loopback address plays the one that is refused."""
    monkeypatch.setattr(
        "integration.services.rocketchat.address_guard._addresses_of", lambda *_: ["192.0.2.1"]
    )
    monkeypatch.setattr(
        "integration.services.rocketchat.connection.is_refused", lambda ip, _: ip == "127.0.0.1"
    )
    with (
        RocketChat(Connection(thief.url.replace("127.0.0.1", "localhost"), BOT)) as client,
        pytest.raises(ConfigurationError, match=r"127\.0\.0\.1"),
    ):
        client.get("info")
    assert thief.stats()["total"] == 0


def test_the_environment_may_allow_it(
    monkeypatch: pytest.MonkeyPatch, chosen: Site, settings: Any
) -> None:
    settings.ROCKETCHAT = {**settings.ROCKETCHAT, "url": f"http://{METADATA}:3000"}
    with pytest.raises(ConfigurationError, match="RCSYNC_ALLOWED_NETWORKS") as raised:
        rocketchat_connection()
    assert METADATA in str(raised.value)
    settings.ALLOWED_NETWORKS = ["169.254.169.0/24"]
    assert rocketchat_connection().url == f"http://{METADATA}:3000"


def test_a_redirect_to_one_is_not_followed(chosen: Site) -> None:
    from demo.standin.web.call import Reply

    def redirect(request: Any) -> Any:
        return Reply(302, b"", headers=(("Location", f"http://{METADATA}/{request.path}"),))

    chosen.chat.application.reply = redirect  # type: ignore[method-assign]
    with connect(rocketchat_connection()) as remote, pytest.raises(ConfigurationError) as raised:
        remote.client.get("info")
    assert "no credentials were sent there" in str(raised.value)
