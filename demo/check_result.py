"""Whether the demo's result is right, found out without rcsync's own planning.

Who should be where comes straight from Moodle's tables in SQL; who is where, from the stand-in
itself.
"""

import time
from collections.abc import Collection
from typing import Any

from django.db import connections

from demo.sample_moodle.expected_members import effective_members
from demo.standin import ADMIN_USERNAME
from integration.models import ChannelLink, Conflict, IncludedRole


def mistakes(chat_state: dict[str, Any]) -> list[str]:
    """Every channel whose members are not those of its Moodle group, in words. Empty when all is
    right.

    People named in an open conflict are left out on both sides; people are told by their e-mail
    address.
    """
    included = IncludedRole.objects.filter(enabled=True).values_list("role_id", flat=True)
    roles = {role_id for role_id in included if role_id is not None}
    with connections["moodle"].cursor() as cursor:
        truth = effective_members(cursor, "mdl_", int(time.time()), roles)
        cursor.execute("SELECT id, email FROM mdl_user")
        emails = {user_id: email.lower() for user_id, email in cursor.fetchall()}
    undecided = set(
        Conflict.objects.filter(status=Conflict.Status.OPEN).values_list(
            "moodle_user_id", flat=True
        )
    )
    rooms = {room["id"]: room for room in chat_state["rooms"]}
    addresses = _addresses(chat_state["users"])
    found = []
    for link in ChannelLink.objects.filter(ended=""):
        should = {
            emails[user] for user in truth.get(link.moodle_group_id, ()) if user not in undecided
        }
        found += _difference(link.name, should, rooms.get(link.room_id), addresses)
    return found


def _difference(
    name: str, should: set[str], room: dict[str, Any] | None, addresses: dict[str, str]
) -> list[str]:
    if room is None:
        return [f"{name}: the room does not exist"]
    there = {addresses[member] for member in room["members"] if member != ADMIN_USERNAME}
    return [
        f"{name}: {problem}: {_names(people)}"
        for problem, people in (("missing", should - there), ("too many", there - should))
        if people
    ]


def _addresses(users: Collection[dict[str, Any]]) -> dict[str, str]:
    return {
        user["username"]: user["emails"][0]["address"].lower() for user in users if user["emails"]
    }


def _names(people: set[str]) -> str:
    return ", ".join(sorted(people))
