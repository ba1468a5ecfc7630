"""Where Rocket.Chat is and who we are there. The environment wins over the admin's settings."""

from django.conf import settings

from integration.models import IntegrationSettings
from integration.services.rocketchat import Connection, Credentials

FIELDS = ("url", "user_id", "auth_token", "username", "password")


def rocketchat_connection() -> Connection:
    """The connection to use, or ConfigurationError saying what is missing."""
    row = IntegrationSettings.load()
    values = {name: _value(row, name) for name in FIELDS}
    by_token = bool(values["auth_token"])
    return Connection(
        url=values["url"],
        credentials=Credentials(
            user_id=values["user_id"] if by_token else "",
            token=values["auth_token"],
            username=values["username"],
            password=values["password"],
        ),
        ca_file=settings.ROCKETCHAT["ca_file"],
        max_connections=row.max_connections,
        max_rps=row.max_requests_per_second,
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
