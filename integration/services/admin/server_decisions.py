"""Whether another Rocket.Chat workspace is the old one that moved, or a new one: a person says it.

Until then no run writes (services/sync/guard.py, another_server). Both answers are in the audit
trail. A workspace is told by its uniqueID, which Rocket.Chat makes when it is set up and keeps in
its own database.
"""

import time
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Q

from integration.domain import reasons
from integration.domain.errors import ConfigurationError
from integration.domain.messages import msg
from integration.domain.server_facts import ServerFacts
from integration.fields import UnreadableSecret
from integration.models import (
    AccountLink,
    ChannelLink,
    IntegrationSettings,
    PendingEnding,
    SyncOperation,
)
from integration.services.ledger import audit_trail, runs, server_facts
from integration.services.rocketchat import connect
from integration.services.runs.configured_connection import rocketchat_connection


@dataclass(frozen=True, slots=True)
class Server:
    """Ids of workspaces: of the one that the links are about, and of the one that answers now.

    "" = not known.
    """

    url: str
    before: str
    now: str
    accounts: int  # linked
    channels: int  # linked

    @property
    def changed(self) -> bool:
        known = self.before and self.now
        return bool(known) and self.before != self.now and bool(self.accounts + self.channels)


def change() -> Server | None:
    """What waits for a decision, as the last run or look found it; asks no server. None too while
    a stored secret cannot be decrypted, which the pages say themselves.
    """
    try:
        row = IntegrationSettings.load()
    except UnreadableSecret:
        return None
    facts = ServerFacts.from_json(row.server_facts)
    if facts is None or facts.server_id in ("", row.server_id) or not _is_set(facts.url):
        return None
    found = _server(facts)
    return found if found.changed else None


def ask_server() -> Server:
    """Ask the server which workspace it is. RocketChatError, ConfigurationError."""
    with connect(rocketchat_connection()) as remote:
        facts = remote.facts(time.time())
    server_facts.remember(facts)
    return _server(facts)


def moved(now: str, reason: str) -> None:
    """The workspace `now` is the old one: it has its data, and all links stay."""
    _check(now, reason)
    with transaction.atomic():
        found = _take(now)
        audit_trail.record(
            "server_moved",
            msg("workspace {id} at {url}", id=now, url=found.url),
            before={"workspace": found.before},
            after={"workspace": now},
            reason=reason.strip(),
        )


def replaced(now: str, reason: str) -> None:
    """The workspace `now` is a new one: all links are let go, and doubts about the old one too.

    The next sync finds accounts by their verified address and makes everything else anew.
    """
    _check(now, reason)
    runs.check_none_is_running(msg("Wait until it has finished, then decide again."))
    with transaction.atomic():
        found = _take(now)
        ChannelLink.objects.all().delete()
        AccountLink.objects.all().delete()
        PendingEnding.objects.all().delete()
        _forget_doubts()
        audit_trail.record(
            "server_replaced",
            msg("workspace {id} at {url}", id=now, url=found.url),
            before={
                "workspace": found.before,
                "accounts": found.accounts,
                "channels": found.channels,
            },
            after={"workspace": now},
            reason=reason.strip(),
        )


def _check(now: str, reason: str) -> None:
    reasons.check(reason, msg("A decision needs a reason."))
    found = change()
    if found is None or found.now != now:
        raise ConfigurationError(
            msg("The workspace that answers is not the one that was shown, or it is decided."),
            hint=msg("Look again: ./rcsync server, or the start page after the next run."),
        )


def _take(now: str) -> Server:
    """The workspace that all links are about from here on; how it was before."""
    row = IntegrationSettings.load()
    facts = ServerFacts.from_json(row.server_facts)
    if facts is None:
        raise ConfigurationError(msg("Rocket.Chat was not asked which workspace it is."))
    before = _server(facts)
    server_facts.confirm(now)
    return before


def _forget_doubts() -> None:
    """Work whose outcome is unknown was begun on the old server: nothing on the new one is ours."""
    started = Q(status=SyncOperation.Status.STARTED)
    open_rows = SyncOperation.objects.filter(started | Q(in_doubt=True))
    open_rows.update(in_doubt=False)
    SyncOperation.objects.filter(started).update(
        status=SyncOperation.Status.NOT_TRIED,
        error=msg("Rocket.Chat was replaced before the outcome was known."),
    )


def _is_set(url: str) -> bool:
    """Whether it still is the address that the settings name."""
    try:
        return rocketchat_connection().url == url
    except (ConfigurationError, ImproperlyConfigured):  # the latter: a secret cannot be read
        return False


def _server(facts: ServerFacts) -> Server:
    return Server(
        facts.url,
        IntegrationSettings.load().server_id,
        facts.server_id,
        AccountLink.objects.count(),
        ChannelLink.objects.count(),
    )
