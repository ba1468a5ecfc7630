"""A server and a ledger that are in step with Moodle, written directly instead of by a first sync.

What they hold is what the planning line itself desires, so the next run must plan nothing; the
benchmark asserts that.
"""

import json
import os
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from integration.domain.chunks import chunks
from integration.domain.state import EVERYTHING, Managed, Mark, RoomRole
from integration.models import AccountLink, ChannelLink, IntegrationSettings, ManagedMembership
from integration.services.ledger import bulk
from integration.services.ledger.effects import ACCOUNT, CHANNEL
from integration.services.ledger.managed import integrated_courses
from integration.services.ledger.policy import load_policy
from integration.services.moodle.reader import MoodleReader
from integration.services.rocketchat import connect
from integration.services.rocketchat.answers import mark_fields
from integration.services.runs.configured_connection import rocketchat_connection
from integration.services.sync.desired import Desired, DesiredChannel, desire

AT_ONCE = 2_000  # accounts or rooms in one request to the stand-in


def fill() -> dict[str, int]:
    """How many accounts, channels and memberships there are now."""
    source = MoodleReader()
    with connect(rocketchat_connection(), None) as remote:
        rules = remote.name_rules()
    moodle = source.read(EVERYTHING, integrated=integrated_courses(), linked_users=())
    desired = desire(moodle, load_policy(source.roles()), rules, Managed(), EVERYTHING)
    accounts = _accounts(desired)
    _channels(desired, accounts)
    members = _memberships(desired)
    return {"accounts": len(accounts), "channels": len(desired.channels), "memberships": members}


def _accounts(desired: Desired) -> dict[int, str]:
    """User id -> account id."""
    people = [one for one in desired.accounts.values() if one.wanted]
    users = ({"username": one.username, "name": one.name, "email": one.email} for one in people)
    ids = dict(zip((one.user_id for one in people), _made("users", users), strict=True))
    known = desired.identities.people
    rows = (
        (user, ids[user], desired.accounts[user].username, True, False, False, *known[user])
        for user in ids
    )
    bulk.insert(AccountLink, ACCOUNT, rows)
    return ids


def _channels(desired: Desired, accounts: Mapping[int, str]) -> None:
    channels = list(desired.channels.values())
    installation = IntegrationSettings.load().installation
    rooms = (_room(one, desired, accounts, installation) for one in channels)
    known = desired.identities.groups
    rows = (
        (
            *(one.group_id, one.course_id, room_id, one.name, *one.texts, True),
            *(len(one.members) + 1, "", *known[one.group_id]),
        )
        for one, room_id in zip(channels, _made("rooms", rooms), strict=True)
    )
    bulk.insert(ChannelLink, CHANNEL, rows)


def _room(
    one: DesiredChannel, desired: Desired, accounts: Mapping[int, str], installation: str
) -> dict[str, Any]:
    private = desired.policies.of(one.course_id).private_channels
    return {
        "name": one.name,
        "t": "p" if private else "c",
        **one.texts._asdict(),
        "custom_fields": mark_fields(Mark(one.group_id, one.course_id, installation)),
        "members": {
            accounts[user]: [] if role is RoomRole.MEMBER else [role]
            for user, role in one.members.items()
        },
    }


def _memberships(desired: Desired) -> int:
    accounts = dict(AccountLink.objects.values_list("moodle_user_id", "pk"))
    channels = dict(ChannelLink.objects.values_list("moodle_group_id", "pk"))
    rows = (
        (channels[one.group_id], accounts[user], True, role.value)
        for one in desired.channels.values()
        for user, role in one.members.items()
    )
    bulk.insert(ManagedMembership, ("channel_id", "account_id", "ours", "room_role"), rows)
    return ManagedMembership.objects.count()


def _made(kind: str, wishes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Their ids on the stand-in."""
    ids: list[str] = []
    for some in chunks(list(wishes), AT_ONCE):
        ids += _ask({kind: some})[kind]
    return ids


def _ask(wishes: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[str]]:
    address = f"{os.environ['ROCKETCHAT_URL']}/_standin/fill"
    request = urllib.request.Request(address, json.dumps(wishes).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=120) as answer:
        found: dict[str, list[str]] = json.load(answer)
        return found
