"""Where Rocket.Chat is and who we are there. The environment wins over the admin's settings.

A secret goes only to the server it was given for: one of the environment to the address of the
environment, a stored one to the server that was set when it was entered. Otherwise whoever may
change the address could read a secret that no page shows, with a server of their own.
"""

from django.conf import settings

from integration.domain.addresses import origin
from integration.domain.errors import ConfigurationError
from integration.domain.messages import msg
from integration.models import IntegrationSettings
from integration.services.rocketchat import Connection, Credentials
from integration.services.rocketchat.connection import normal_url

FIELDS = ("url", "user_id", "auth_token", "username", "password")
SECRETS = {"auth_token": msg("access token"), "password": msg("password")}


def rocketchat_connection() -> Connection:
    """The connection to use, or ConfigurationError saying what is missing."""
    row = IntegrationSettings.load()
    values = {name: _value(row, name) for name in FIELDS}
    url = normal_url(values["url"])
    for name in SECRETS:
        if values[name]:
            _check_server(row, name, url)
    by_token = bool(values["auth_token"])
    return Connection(
        url=url,
        credentials=Credentials(
            user_id=values["user_id"] if by_token else "",
            token=values["auth_token"],
            username=values["username"],
            password=values["password"],
        ),
        ca_file=settings.ROCKETCHAT["ca_file"],
        max_connections=row.max_connections,
        max_rps=row.max_requests_per_second,
        allowed_networks=tuple(settings.ALLOWED_NETWORKS),
        installation=row.installation,
    )


def _value(row: IntegrationSettings, name: str) -> str:
    return str(settings.ROCKETCHAT[name] or getattr(row, f"rocketchat_{name}"))


def rocketchat_address() -> str:
    """What a browser opens, without a slash at the end; "" where it is not known.

    Reads no secret, so that one that cannot be decrypted is no matter.
    """
    if settings.ROCKETCHAT_PUBLIC_URL:
        return str(settings.ROCKETCHAT_PUBLIC_URL)
    stored = IntegrationSettings.objects.values_list("rocketchat_url", flat=True).first() or ""
    return str(settings.ROCKETCHAT["url"] or stored).rstrip("/")


def _check_server(row: IntegrationSettings, name: str, url: str) -> None:
    if settings.ROCKETCHAT[name]:
        if settings.ROCKETCHAT["url"]:
            return
        raise ConfigurationError(
            msg(
                "The environment sets {variable}, but not the address that it belongs to.",
                variable=f"ROCKETCHAT_{name.upper()}",
            ),
            hint=msg(
                "Set ROCKETCHAT_URL beside it: a secret of the environment is sent to no address "
                "of the admin."
            ),
        )
    entered_for = row.server_of_secret(f"rocketchat_{name}")
    if entered_for != origin(url):
        raise ConfigurationError(
            msg(
                "The stored {secret} was entered for {server}, not for {url}; nothing was sent.",
                secret=SECRETS[name],
                server=entered_for or msg("no address"),
                url=url,
            ),
            hint=msg("Enter it again on the settings page, or remove it there."),
        )
