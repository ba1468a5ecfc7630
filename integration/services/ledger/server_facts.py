"""What is remembered of the Rocket.Chat server between runs."""

import time

from integration.domain.server_facts import ServerFacts
from integration.models import IntegrationSettings


def recall(url: str) -> ServerFacts | None:
    """What an earlier run learnt about the server at `url`, if that is not too long ago."""
    facts = ServerFacts.from_json(IntegrationSettings.load().server_facts)
    return facts if facts and facts.is_fresh(url, time.time()) else None


def confirm(server_id: str) -> None:
    """A run was carried out there: all links are about this workspace. "": it does not tell."""
    if server_id:
        others = IntegrationSettings.objects.exclude(server_id=server_id)
        others.update(server_id=server_id)


def remember(facts: ServerFacts | None) -> None:
    """None forgets: after failures the next run asks anew, because the server may have changed."""
    IntegrationSettings.objects.update(server_facts=facts.as_json() if facts else {})
