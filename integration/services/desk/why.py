"""Why somebody is, or is not, in a channel: the whole chain from Moodle to the next operation.

Reads what a run for this person or course would read, plans it, and writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext

from integration.models import AccountLink, ChannelLink
from integration.services.connections import rocketchat_connection
from integration.services.desired import Desired, choose, desire
from integration.services.desk import campus
from integration.services.errors import PatternTimeout, SourceError, SyncError
from integration.services.ledger.managed import integrated_courses, load_managed
from integration.services.ledger.policy import load_policy
from integration.services.moodle_reader import MoodleReader
from integration.services.operations import describe, group_of, user_of
from integration.services.plan import Plan, make_plan
from integration.services.policy import Policy
from integration.services.rocketchat import connect
from integration.services.standing import Standing, is_active, unusable_because
from integration.services.state import (
    Enrolment,
    Group,
    Managed,
    MoodleState,
    NameRules,
    Person,
    RemoteState,
    Scope,
)

NO_RUN = 0


@dataclass(frozen=True, slots=True)
class Sentence:
    """One link of the chain. `mood` is good, bad, warn or plain."""

    text: str
    mood: str = "plain"


@dataclass(frozen=True, slots=True)
class Step:
    """One station of the chain with its sentences."""

    title: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """The answer: `verdict` first, then the chain. `members` is filled for a channel: (Moodle id, name, why)."""

    title: str
    verdict: Sentence
    steps: tuple[Step, ...]
    courses: tuple[int, ...]
    members: tuple[tuple[int, str, str], ...] = ()
    problem: str = ""


@dataclass(slots=True)
class _World:
    """Everything that one look gathered. `remote` and `plan` are None where Rocket.Chat did not answer."""

    moodle: MoodleState
    policy: Policy
    managed: Managed
    desired: Desired
    remote: RemoteState | None = None
    plan: Plan | None = None
    problem: str = ""
    standing: Standing = field(init=False)

    def __post_init__(self) -> None:
        self.standing = self.desired.standing


def why_person(user_id: int) -> Reason:
    """SyncError where Moodle cannot be read or does not know the person."""
    world = _look(Scope(users=frozenset({user_id})), {user_id})
    person = world.moodle.people.get(user_id)
    if person is None:
        raise SourceError(
            gettext("Moodle has no person with the id %(id)s.") % {"id": user_id},
            hint=gettext("Search by name, username or e-mail address."),
        )
    steps = [
        Step(gettext("Moodle account"), (_account_sentence(person),)),
        Step(gettext("Enrolments in integrated courses"), tuple(_enrolments(world, user_id))),
        Step(gettext("Roles"), tuple(_roles(world, user_id))),
        Step(gettext("Groups and patterns"), tuple(_groups(world, user_id))),
        Step(gettext("Rocket.Chat account"), tuple(_remote_account(world, user_id))),
        Step(gettext("Channels now"), tuple(_channels_now(user_id))),
        Step(gettext("Next sync"), tuple(_next(world, user_id=user_id))),
    ]
    wanted = [c.name for c in world.desired.channels.values() if user_id in c.members]
    courses = sorted({c.course_id for c in world.desired.channels.values() if user_id in c.members})
    return Reason(
        person.name, _verdict(wanted), tuple(steps), tuple(courses), problem=world.problem
    )


def why_channel(group_id: int) -> Reason:
    """SyncError where Moodle cannot be read or there is neither such a group nor a channel for it."""
    link = ChannelLink.objects.filter(moodle_group_id=group_id).first()
    row = campus.group_row(group_id)
    if row is None and link is None:
        raise SourceError(
            gettext("Moodle has no group with the id %(id)s.") % {"id": group_id},
            hint=gettext("Search by the name of the group."),
        )
    course_id = row[0] if row else link.moodle_course_id  # type: ignore[union-attr]
    world = _look(Scope(courses=frozenset({course_id})), set())
    group = world.moodle.groups.get(group_id)
    steps = [
        Step(gettext("Course"), (_course_sentence(world, course_id),)),
        Step(gettext("Group and patterns"), (_pattern_sentence(world, group),)),
        Step(gettext("Channel now"), tuple(_channel_now(world, link))),
        Step(gettext("Next sync"), tuple(_next(world, group_id=group_id))),
    ]
    wanted = world.desired.channels.get(group_id)
    if wanted:
        verdict = Sentence(
            gettext("This group is to have the channel %(name)s with %(count)s people.")
            % {"name": wanted.name, "count": len(wanted.members)},
            "good",
        )
    else:
        verdict = Sentence(gettext("This group is not to have a channel."), "warn")
    title = group.name if group else (link.name if link else row[1] if row else str(group_id))
    return Reason(
        title, verdict, tuple(steps), (course_id,), tuple(_members(world, group)), world.problem
    )


# --- looking ------------------------------------------------------------------------------------------


def _look(scope: Scope, users: set[int]) -> _World:
    source = MoodleReader()
    policy = load_policy(source.roles())
    managed = load_managed(scope, NO_RUN)
    moodle = source.read(scope, integrated=integrated_courses(), linked_users=users)
    try:
        with connect(rocketchat_connection()) as client:
            rules = client.name_rules()
            desired = desire(moodle, policy, rules, managed, scope)
            known = {
                c.room_id: c.users_count
                for c in managed.channels.values()
                if scope.has_course(c.course_id)
            }
            names = {c.name for g, c in desired.channels.items() if g not in managed.channels}
            remote = client.read(known_counts=known, wanted_names=names)
    except SyncError as error:
        desired = desire(moodle, policy, NameRules(), managed, scope)
        return _World(moodle, policy, managed, desired, problem=str(error))
    plan = make_plan(desired, remote, managed, policy, scope)
    return _World(moodle, policy, managed, desired, remote, plan)


# --- sentences ----------------------------------------------------------------------------------------


def _verdict(channels: Sequence[str]) -> Sentence:
    if not channels:
        return Sentence(gettext("Is to be in no channel."), "warn")
    return Sentence(
        gettext("Is to be in: %(channels)s.") % {"channels": ", ".join(sorted(channels))}, "good"
    )


def _account_sentence(person: Person) -> Sentence:
    reason = unusable_because(person)
    values = {"username": person.username, "email": person.email or "—", "reason": reason}
    if reason:
        text = gettext("Username %(username)s, e-mail %(email)s. Does not count: %(reason)s.")
        return Sentence(text % values, "bad")
    return Sentence(
        gettext("Username %(username)s, e-mail %(email)s. The account works.") % values, "good"
    )


def _enrolments(world: _World, user_id: int) -> list[Sentence]:
    found = [
        _enrolment(world, row)
        for _course, rows in sorted(world.moodle.enrolments.items())
        for row in rows.get(user_id, ())
    ]
    return found or [Sentence(gettext("Not enrolled in any integrated course."), "bad")]


def _enrolment(world: _World, row: Enrolment) -> Sentence:
    course = world.moodle.courses.get(row.course_id)
    values = {
        "course": course.shortname if course else row.course_id,
        "method": row.method,
        "since": _day(row.timestart) or gettext("the beginning"),
        "until": _day(row.timeend) or gettext("for ever"),
    }
    text = (
        gettext("%(course)s: by the method %(method)s, from %(since)s, until %(until)s.") % values
    )
    if is_active(row, world.moodle.read_at):
        return Sentence(f"{text} {gettext('Active.')}", "good")
    if row.method_status:
        return Sentence(f"{text} {gettext('The method is switched off in the course.')}", "bad")
    if row.status:
        return Sentence(f"{text} {gettext('The enrolment is suspended.')}", "bad")
    return Sentence(f"{text} {gettext('Today is outside these dates.')}", "bad")


def _roles(world: _World, user_id: int) -> list[Sentence]:
    sentences = []
    for course in world.moodle.courses.values():
        held = {
            role: context
            for context in course.context_ids
            for role in world.moodle.roles.get(context, {}).get(user_id, ())
        }
        for role, context in held.items():
            values = {
                "course": course.shortname,
                "role": world.moodle.role_names.get(role, str(role)),
                "where": _where(course.context_ids, context),
                "room_role": world.policy.roles.get(role, ""),
            }
            if role in world.policy.roles:
                text = gettext("%(course)s: %(role)s, %(where)s. Included, as %(room_role)s.")
                sentences.append(Sentence(text % values, "good"))
            else:
                text = gettext("%(course)s: %(role)s, %(where)s. Not among the included roles.")
                sentences.append(Sentence(text % values))
    return sentences or [Sentence(gettext("Holds no role in any integrated course."), "bad")]


def _where(contexts: Sequence[int], context: int) -> str:
    if contexts and context == contexts[-1]:
        return gettext("given in the course")
    if contexts and context == contexts[0]:
        return gettext("given for the whole site")
    return gettext("given in a category above the course")


def _groups(world: _World, user_id: int) -> list[Sentence]:
    sentences = []
    for group_id, users in sorted(world.moodle.group_members.items()):
        group = world.moodle.groups[group_id]
        if user_id not in users:
            continue
        sentences.append(_pattern_sentence(world, group))
        if (
            group_id in world.desired.channels
            and user_id not in world.desired.channels[group_id].members
        ):
            reason = world.standing.why_not_member(group_id, user_id)
            text = gettext("Yet not a member of this channel: %(reason)s.") % {"reason": reason}
            sentences.append(Sentence(text, "bad"))
    return sentences or [Sentence(gettext("Member of no group in an integrated course."), "bad")]


def _pattern_sentence(world: _World, group: Group | None) -> Sentence:
    if group is None:
        return Sentence(gettext("The group does not exist in Moodle any more."), "bad")
    course = world.moodle.courses[group.course_id]
    try:
        chosen, reason = choose(group, world.moodle, world.policy)
    except PatternTimeout as error:
        return Sentence(str(error), "bad")
    values = {"group": group.name, "course": course.shortname, "reason": reason}
    text = gettext("Group “%(group)s” of %(course)s: %(reason)s.") % values
    return Sentence(text, "good" if chosen else "bad")


def _remote_account(world: _World, user_id: int) -> list[Sentence]:
    link = AccountLink.objects.filter(moodle_user_id=user_id).first()
    if link is None:
        return [Sentence(gettext("Not linked to a Rocket.Chat account yet."))]
    made = gettext("made by rcsync") if link.created else gettext("existed before, adopted")
    values = {"username": link.username, "made": made}
    sentences = [Sentence(gettext("Linked to %(username)s (%(made)s).") % values, "good")]
    if world.remote is not None:
        account = world.remote.accounts.get(link.rocketchat_user_id)
        if account is None:
            sentences.append(
                Sentence(gettext("Rocket.Chat does not have this account any more."), "bad")
            )
        elif not account.active:
            sentences.append(Sentence(gettext("The account is deactivated in Rocket.Chat."), "bad"))
    wanted = world.desired.accounts.get(user_id)
    if wanted:
        text = (
            gettext("Is to be active: %(reason)s.")
            if wanted.active
            else gettext("Is not to be active: %(reason)s.")
        )
        sentences.append(
            Sentence(text % {"reason": wanted.reason}, "good" if wanted.active else "bad")
        )
    return sentences


def _channels_now(user_id: int) -> list[Sentence]:
    link = AccountLink.objects.filter(moodle_user_id=user_id).first()
    if link is None:
        return [Sentence(gettext("In no channel that rcsync knows."))]
    rows = link.memberships.select_related("channel").order_by("channel__name")
    found = [
        Sentence(
            (
                gettext("%(channel)s, put there by rcsync.")
                if row.ours
                else gettext("%(channel)s, added by hand: rcsync never removes them there.")
            )
            % {"channel": row.channel.name}
        )
        for row in rows
    ]
    return found or [Sentence(gettext("In no channel that rcsync knows."))]


def _channel_now(world: _World, link: ChannelLink | None) -> list[Sentence]:
    if link is None:
        return [Sentence(gettext("There is no channel yet."))]
    count = link.memberships.count()
    sentences = [
        Sentence(
            gettext("%(name)s, with %(count)s people whom rcsync knows.")
            % {"name": link.name, "count": count}
        )
    ]
    if link.ended:
        sentences.append(Sentence(str(link.get_ended_display()), "bad"))
    if world.remote is not None and link.room_id not in world.remote.channels:
        sentences.append(Sentence(gettext("Rocket.Chat does not have this room any more."), "bad"))
    return sentences


def _course_sentence(world: _World, course_id: int) -> Sentence:
    course = world.moodle.courses.get(course_id)
    if course_id not in world.moodle.integrated:
        return Sentence(gettext("The course is not among the integrated ones."), "bad")
    if course is None:
        return Sentence(gettext("The course does not exist in Moodle any more."), "bad")
    values = {"fullname": course.fullname, "shortname": course.shortname}
    text = gettext("%(fullname)s (%(shortname)s) is integrated.") % values
    if course.visible:
        return Sentence(text, "good")
    return Sentence(f"{text} {gettext('It is hidden in Moodle.')}")


def _members(world: _World, group: Group | None) -> list[tuple[int, str, str]]:
    if group is None:
        return []
    wanted = world.desired.channels.get(group.group_id)
    rows = []
    for user_id in world.moodle.group_members.get(group.group_id, ()):
        person = world.moodle.people.get(user_id)
        inside = wanted is not None and user_id in wanted.members
        why = (
            world.standing.why_member(group, user_id)
            if inside
            else world.standing.why_not_member(group.group_id, user_id)
        )
        sign = "✓" if inside else "✗"
        rows.append((user_id, person.name if person else str(user_id), f"{sign} {why}"))
    return sorted(rows, key=lambda row: row[1].casefold())


def _next(
    world: _World, *, user_id: int | None = None, group_id: int | None = None
) -> list[Sentence]:
    if world.plan is None:
        return [
            Sentence(gettext("Cannot be said: %(problem)s") % {"problem": world.problem}, "bad")
        ]
    found = [
        Sentence(f"{describe(o)} ({o.reason})")
        for o in world.plan.operations
        if (group_id is not None and group_of(o) == group_id)
        or (user_id is not None and (user_of(o) == user_id or _joins(o, user_id)))
    ]
    found += [
        Sentence(f"{c.moodle_side}: {c.rocketchat_side}. {c.advice}", "bad")
        for c in world.plan.conflicts
        if (user_id is not None and c.user_id == user_id)
        or (group_id is not None and c.group_id == group_id)
    ]
    if user_id is not None:
        found += [Sentence(f"{s.subject}: {s.reason}") for s in world.plan.skips]
    return found or [Sentence(gettext("Nothing to do: as it should be."), "good")]


def _joins(operation: object, user_id: int) -> bool:
    return any(joiner.user_id == user_id for joiner in getattr(operation, "joiners", ()))


def _day(seconds: int) -> str:
    if not seconds:
        return ""
    return date_format(
        timezone.localtime(datetime.fromtimestamp(seconds, UTC)), "SHORT_DATE_FORMAT"
    )
