"""The way over from the Moodle plugin local_rocketchat: a look, then its result stored.

Nothing is written to Moodle or Rocket.Chat. What is taken over, and by which proof, is in
services/sync/plugin_choices.py and plugin_rooms.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from integration.domain import reasons
from integration.domain.addresses import origin
from integration.domain.conflicts import ConflictKind
from integration.domain.course_policies import CoursePolicies
from integration.domain.errors import ConfigurationError
from integration.domain.levels import LevelKind
from integration.domain.messages import counted, joined, msg
from integration.domain.plugin import PluginCourse, PluginRows
from integration.domain.policy import Policy
from integration.domain.state import EVERYTHING, Course, RoomRole
from integration.models import (
    AccountLink,
    ChannelLink,
    Conflict,
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    IntegrationSettings,
    LevelSettings,
    ManagedMembership,
)
from integration.services.admin.claiming import check_workspace, rooms_of_ours
from integration.services.ledger import audit_trail, runs
from integration.services.ledger.managed import LookOnly
from integration.services.ledger.policy import load_policy
from integration.services.moodle.plugin_rows import read_plugin
from integration.services.moodle.reader import MoodleReader
from integration.services.rocketchat import Connection, connect
from integration.services.runs.configured_connection import rocketchat_connection
from integration.services.sync.desired import desire
from integration.services.sync.plugin_choices import (
    NAME_TEMPLATE,
    PluginChoices,
    policy_with,
    read_choices,
)
from integration.services.sync.plugin_rooms import Takeover, find_takeover


@dataclass(frozen=True, slots=True)
class PluginImport:
    """What would be taken over now.

    `looked_at`: when the plugin was last seen switched on (ISO 8601), whose courses with event sync
    and pending sync count. `blocked` says why it cannot be applied now; empty: it can.
    """

    choices: PluginChoices
    takeover: Takeover
    courses: Mapping[int, Course]
    looked_at: str
    fresh: frozenset[int]
    alone: bool
    roles: tuple[str, ...]  # short names of choices.roles
    warnings: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()


def find() -> PluginImport:
    """What could be taken over now. SourceError, RocketChatError or ConfigurationError."""
    rows = _as_remembered(now := read_plugin())
    source, records = MoodleReader(), LookOnly()
    integrated = records.integrated()
    managed = records.managed(EVERYTHING)
    moodle = source.read(
        EVERYTHING,
        integrated=integrated | {one.course_id for one in rows.courses},
        linked_users=set(managed.accounts),
    )
    choices = read_choices(rows, moodle.courses, moodle.role_names)
    look = IntegrationSettings.load().plugin_look
    fresh = choices.course_ids - {link.course_id for link in managed.channels.values()}
    fresh -= set(look.get("imported", ()))
    alone = integrated <= choices.course_ids and fresh == choices.course_ids
    policy = load_policy(moodle.role_names)
    policy = policy_with(policy, choices, [moodle.courses[one] for one in fresh], alone=alone)
    with connect(_connection(choices)) as remote:
        rules = remote.name_rules()
        wanted = desire(moodle, policy, rules, managed, EVERYTHING)
        state = rooms_of_ours(remote)
    check_workspace(managed, state)
    bot = state.accounts.get(state.bot_id)
    return PluginImport(
        choices,
        find_takeover(rows, choices.course_ids, wanted, state, managed, policy, rules),
        {course: moodle.courses[course] for course in sorted(choices.course_ids)},
        str(look.get("at", "")),
        fresh,
        alone,
        tuple(moodle.role_names[role] for role in choices.roles),
        (*choices.warnings, *_other_side(choices, bot.username if bot else "")),
        tuple(_blocks(now, choices, has_roles=_has_roles(policy, choices, moodle.courses))),
    )


def apply(reason: str) -> PluginImport:
    """Look, and store what was found. ConfigurationError where refused."""
    reasons.check(reason, msg("The import needs a reason."))
    runs.check_none_is_running(msg("Wait until it has ended, then import again."))
    found = find()
    if found.blocked:
        raise ConfigurationError(found.blocked[0])
    with transaction.atomic():
        _store_choices(found)
        _store_takeover(found)
        audit_trail.record(
            "import_plugin",
            joined(
                ", ",
                [
                    counted("{n} course", "{n} courses", len(found.courses)),
                    counted("{n} room", "{n} rooms", len(found.takeover.rooms)),
                    counted("{n} account", "{n} accounts", len(found.takeover.accounts)),
                ],
            ),
            after={
                "courses": sorted(found.courses),
                "rooms": sorted(room.room_id for room in found.takeover.rooms.values()),
                "patterns": list(found.choices.patterns),
                "roles": list(found.choices.roles),
            },
            reason=reason.strip(),
        )
    return found


# --- what was switched on before the plugin was switched off --------------------------------------


def _as_remembered(rows: PluginRows) -> PluginRows:
    """With the courses' switches as they were when the plugin was last seen switched on.

    Event sync is switched off one course after the other, with looks in between: what was seen on
    once stays remembered.
    """
    settings = IntegrationSettings.load()
    if rows.is_on or not settings.plugin_look:
        settings.plugin_look = {
            **settings.plugin_look,
            "at": timezone.now().isoformat(timespec="seconds"),
            "events": sorted({*rows.event_courses, *settings.plugin_look.get("events", ())}),
            "pending": [one.course_id for one in rows.courses if one.pending],
        }
        settings.save(update_fields=["plugin_look"])
    events, pending = settings.plugin_look["events"], settings.plugin_look["pending"]
    courses = tuple(
        PluginCourse(
            one.course_id, one.course_id in events, one.pending or one.course_id in pending
        )
        for one in rows.courses
    )
    return replace(rows, courses=courses)


def _has_roles(policy: Policy, choices: PluginChoices, courses: Mapping[int, Course]) -> bool:
    policies = CoursePolicies(policy, courses)
    return any(policies.of(one).roles for one in choices.course_ids)


def _blocks(rows: PluginRows, choices: PluginChoices, *, has_roles: bool) -> list[str]:
    found: list[str] = []
    if rows.task_on:
        found.append(
            msg(
                "The plugin's scheduled task is on. Switch it off in Moodle (Site administration, "
                "Server, Scheduled tasks): it would let suspended people in again."
            )
        )
    if rows.task_on is None:
        found.append(
            msg(
                "Whether the plugin's scheduled task is off cannot be read. Let the database "
                "account read the table task_scheduled."
            )
        )
    if courses := rows.event_courses:
        names = ", ".join(map(str, sorted(courses)))
        found.append(
            msg(
                "The plugin's event based sync is on in the courses {ids}. Switch it off there in "
                "Moodle; which courses had it is remembered.",
                ids=names,
            )
        )
    if not choices.courses:
        found.append(
            msg("The plugin has no course that exists in Moodle: there is nothing to import.")
        )
    if not has_roles:
        found.append(
            msg(
                "The plugin has no role ticked, and none is included here: nobody would be "
                "added to a channel. Choose roles first under Included roles."
            )
        )
    return found


def _connection(choices: PluginChoices) -> Connection:
    """The configured one; where there is none yet, the error tells the plugin's address."""
    try:
        return rocketchat_connection()
    except ConfigurationError as error:
        if not choices.address:
            raise
        raise ConfigurationError(
            error.message,
            hint=msg(
                "The plugin used {address} as {user}. Enter that address under Settings, with a "
                "personal access token of that account: its password is not taken.",
                address=choices.address,
                user=choices.username or msg("an unknown account"),
            ),
        ) from None


def _other_side(choices: PluginChoices, bot: str) -> list[str]:
    """Where rcsync is connected to something else than the plugin was."""
    found: list[str] = []
    address = rocketchat_connection().url
    if choices.address and origin(choices.address) != origin(address):
        found.append(
            msg(
                "The plugin used {theirs}, rcsync uses {ours}: is this the same workspace?",
                theirs=choices.address,
                ours=address,
            )
        )
    if choices.username and bot and choices.username.casefold() != bot.casefold():
        found.append(
            msg(
                "The plugin was logged in as {theirs}, rcsync as {ours}: rooms created by "
                "another account are not adopted.",
                theirs=choices.username,
                ours=bot,
            )
        )
    return found


# --- storing --------------------------------------------------------------------------------------


def _store_choices(found: PluginImport) -> None:
    settings = IntegrationSettings.load()
    imported = {*settings.plugin_look.get("imported", ()), *found.courses}
    settings.plugin_look = {**settings.plugin_look, "imported": sorted(imported)}
    settings.save(update_fields=["plugin_look"])
    for one in found.choices.courses:
        course = found.courses[one.course_id]
        row, _ = IntegratedCourse.objects.get_or_create(
            course_id=one.course_id,
            defaults={"shortname": course.shortname, "fullname": course.fullname},
        )
        row.event_sync |= one.event_sync
        row.pending_sync |= one.pending
        row.save(update_fields=["event_sync", "pending_sync"])
        if one.course_id in found.fresh:
            _store_own_settings(found, course)
    if found.alone:
        _store_patterns(found.choices)
        _store_roles(found.choices)


def _store_own_settings(found: PluginImport, course: Course) -> None:
    values: dict[str, Any] = {"name": course.shortname, "name_template": NAME_TEMPLATE}
    if not found.alone and found.choices.patterns:
        values["include_patterns"] = "\n".join(found.choices.patterns)
    if not found.alone and found.choices.roles:
        values["roles"] = {str(role): RoomRole.MEMBER.value for role in found.choices.roles}
    row = LevelSettings.objects.filter(level=LevelKind.COURSE, moodle_id=course.course_id).first()
    row = row or LevelSettings(level=LevelKind.COURSE, moodle_id=course.course_id)
    for name, value in values.items():
        setattr(row, name, value)
    row.save()


def _store_patterns(choices: PluginChoices) -> None:
    known = set(
        GroupRegexFilter.objects.filter(kind=GroupRegexFilter.Kind.INCLUDE, enabled=True)
        .order_by()
        .values_list("pattern", flat=True)
    )
    last = GroupRegexFilter.objects.aggregate(last=Max("position"))["last"] or 0
    new = [text for text in choices.patterns if text not in known]
    for place, text in enumerate(new, last + 1):
        GroupRegexFilter.objects.create(pattern=text, position=place)


def _store_roles(choices: PluginChoices) -> None:
    names = MoodleReader().roles()
    taken = load_policy(names).roles
    for role in choices.roles:
        if role not in taken:
            IncludedRole.objects.update_or_create(
                role_id=role, defaults={"shortname": names.get(role, ""), "enabled": True}
            )


def _store_takeover(found: PluginImport) -> None:
    """What the links are made of in Moodle is stored by the next sync, as on every new link."""
    takeover = found.takeover
    AccountLink.objects.bulk_create(
        AccountLink(
            moodle_user_id=user_id,
            rocketchat_user_id=one.account.account_id,
            username=one.account.username,
            address_only=one.address_only,
        )
        for user_id, one in takeover.accounts.items()
    )
    ChannelLink.objects.bulk_create(
        ChannelLink(
            moodle_group_id=group_id,
            moodle_course_id=takeover.course_of[group_id],
            room_id=room.room_id,
            name=room.name,
            **room.texts._asdict(),
        )
        for group_id, room in takeover.rooms.items()
    )
    channels = dict(ChannelLink.objects.values_list("moodle_group_id", "pk"))
    accounts = dict(AccountLink.objects.values_list("moodle_user_id", "pk"))
    ManagedMembership.objects.bulk_create(
        ManagedMembership(
            channel_id=channels[group_id],
            account_id=accounts[user_id],
            room_role=member.role,
            ours=member.ours,
        )
        for group_id, members in takeover.members.items()
        for user_id, member in members.items()
    )
    _store_left(takeover)


def _store_left(takeover: Takeover) -> None:
    """The inbox holds the groups back until a person has decided (services/sync/channels.py)."""
    ignored = Conflict.objects.filter(
        kind=ConflictKind.PLUGIN_ROOM, status=Conflict.Status.IGNORED
    ).values_list("moodle_group_id", flat=True)
    kept = dict.fromkeys(ignored, Conflict.Status.IGNORED)  # somebody decided that
    for left in takeover.left:
        Conflict.objects.update_or_create(
            kind=left.kind,
            moodle_group_id=left.group_id,
            defaults={
                "status": kept.get(left.group_id, Conflict.Status.OPEN),
                "moodle_side": left.moodle_side,
                "rocketchat_side": left.rocketchat_side,
                "remote_id": left.remote_id,
                "advice": left.advice,
                "last_seen": timezone.now(),
                "solved_at": None,
            },
        )
