"""The last test of the connection to Rocket.Chat, so that a page can say whether it works."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.dateparse import parse_datetime

from integration.domain.checks import Check, CheckStatus
from integration.models import IntegrationSettings
from integration.services.rocketchat import Connection

SALT = "integration.connection_test"


@dataclass(frozen=True, slots=True)
class ConnectionTest:
    """`failures`: what was found and how to repair it, [] where the connection works."""

    at: datetime
    failures: tuple[tuple[str, str], ...] = ()

    @property
    def problem(self) -> str:
        return self.failures[0][0] if self.failures else ""

    @property
    def ok(self) -> bool:
        return not self.failures


def recall(connection: Connection) -> ConnectionTest | None:
    """None where this very connection (address, account, secret) was not tested yet."""
    kept = IntegrationSettings.load().connection_test
    at = parse_datetime(str(kept.get("at", "")))
    if at is None or kept.get("of") != _mark(connection):
        return None
    return ConnectionTest(at, tuple((found, fix) for found, fix in kept["failures"]))


def remember(connection: Connection, checks: Sequence[Check]) -> None:
    failed = [check for check in checks if check.status is CheckStatus.FAILED]
    IntegrationSettings.objects.update(
        connection_test={
            "of": _mark(connection),
            "at": timezone.now().isoformat(),
            "failures": [[check.found, check.fix] for check in failed],
        }
    )


def _mark(connection: Connection) -> str:
    """Different for every other address, account or secret; tells nothing of them."""
    who = connection.credentials
    values = (connection.url, who.user_id, who.token, who.username, who.password)
    return salted_hmac(SALT, "\0".join(map(str, values)), algorithm="sha256").hexdigest()


def it_works(connection: Connection) -> None:
    """A run that wrote is as good as a test, where there was none yet."""
    if recall(connection) is None:
        remember(connection, [])
