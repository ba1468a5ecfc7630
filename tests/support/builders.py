"""Values to test with: small calls that read like the case they build, ordinary unless told."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

from integration.domain.patterns import Pattern
from integration.domain.policy import Policy
from integration.domain.state import (
    EVERYTHING,
    Course,
    Enrolment,
    Group,
    Managed,
    ManagedAccount,
    ManagedChannel,
    ManagedMember,
    Mark,
    MoodleState,
    NameRules,
    Person,
    RemoteAccount,
    RemoteChannel,
    RemoteState,
    RoomRole,
    Scope,
)
from integration.services.sync.desired import desire
from integration.services.sync.plan import Plan, make_plan

NOW = 1_795_351_698
BOT = "bot"
TEACHER, STUDENT, USER, TUTOR = 3, 5, 7, 9
ROLE_NAMES = {TEACHER: "editingteacher", STUDENT: "student", USER: "user", TUTOR: "tutor"}
SYSTEM, CATEGORY = 1, 11  # contexts; that of course n is 100 + n
Kind = TypeVar("Kind")


# ── Moodle ────────────────────────────────────────────────────────────────────────────────────────


def person(user_id: int, **values: Any) -> Person:
    """`person(7)` is an ordinary user7 with an address of their own."""
    ordinary: dict[str, Any] = {
        "username": f"user{user_id}",
        "email": f"user{user_id}@uni.invalid",
        "firstname": "Person",
        "lastname": str(user_id),
        "auth": "manual",
        "confirmed": True,
        "suspended": False,
        "deleted": False,
        "guest": False,
    }
    return Person(user_id, **(ordinary | values))


class EnrolmentOf(NamedTuple):
    course_id: int
    user_id: int
    row: Enrolment


def enrolment(course_id: int, user_id: int, method: str = "manual", **values: int) -> EnrolmentOf:
    """An active enrolment without an end."""
    ordinary = {"status": 0, "method_status": 0, "timestart": 0, "timeend": 0}
    return EnrolmentOf(course_id, user_id, Enrolment(method, **(ordinary | values)))


@dataclass(frozen=True)
class GroupOf:
    group: Group
    members: tuple[int, ...]


def group(
    group_id: int,
    name: str = "",
    members: Iterable[int] = (),
    *,
    course_id: int = 2,
    visibility: int = 0,
) -> GroupOf:
    return GroupOf(
        Group(group_id, course_id, name or f"Group {group_id}", visibility), tuple(members)
    )


def course(course_id: int = 2, **values: Any) -> Course:
    ordinary: dict[str, Any] = {
        "shortname": f"C{course_id}",
        "fullname": f"Course {course_id}",
        "visible": True,
        "category_visible": True,
        "enddate": 0,
        "context_ids": (SYSTEM, CATEGORY, 100 + course_id),
    }
    return Course(course_id, **(ordinary | values))


def moodle(
    *groups: GroupOf,
    courses: Iterable[Course] = (),
    people: Iterable[Person] = (),
    enrolments: Iterable[EnrolmentOf] = (),
    roles: Mapping[tuple[int, int], tuple[int, ...]] | None = None,
    integrated: Iterable[int] | None = None,
    default_role_id: int | None = None,
) -> MoodleState:
    """One reading.

    Courses of the groups exist. Members of a group are ordinary people, actively enrolled by hand
    and students, unless `people`, `enrolments` or `roles` ((context id, user id) -> role ids) say
    otherwise of them.
    """
    known_courses = {one.group.course_id: course(one.group.course_id) for one in groups}
    known_courses |= {one.course_id: one for one in courses}
    known_people = {one.user_id: one for one in people}
    told = list(enrolments)
    rows: dict[int, dict[int, tuple[Enrolment, ...]]] = {number: {} for number in known_courses}
    held: dict[int, dict[int, tuple[int, ...]]] = {}
    for course_id, user_id, row in told:
        of_course = rows.setdefault(course_id, {})
        of_course[user_id] = (*of_course.get(user_id, ()), row)
        held.setdefault(100 + course_id, {})[user_id] = (STUDENT,)
        known_people.setdefault(user_id, person(user_id))
    for one in groups:
        for user_id in one.members:
            known_people.setdefault(user_id, person(user_id))
            number = one.group.course_id
            if all((row.course_id, row.user_id) != (number, user_id) for row in told):
                rows[number][user_id] = (enrolment(number, user_id).row,)
                held.setdefault(100 + number, {})[user_id] = (STUDENT,)
    for (context, user_id), role_ids in (roles or {}).items():
        held.setdefault(context, {})[user_id] = role_ids
    return MoodleState(
        read_at=NOW,
        integrated=frozenset(known_courses if integrated is None else integrated),
        courses=known_courses,
        groups={one.group.group_id: one.group for one in groups},
        group_members={one.group.group_id: one.members for one in groups},
        people=known_people,
        enrolments=rows,
        roles=held,
        role_names=ROLE_NAMES,
        default_role_id=default_role_id,
    )


# ── Policy ────────────────────────────────────────────────────────────────────────────────────────


def policy(
    *, include: Sequence[str] = (".*",), exclude: Sequence[str] = (), **values: Any
) -> Policy:
    """Every group, students as members and teachers as moderators; else the defaults."""
    patterns = [Pattern(text, exclude=True) for text in exclude]
    patterns += [Pattern(text) for text in include]
    ordinary = {
        "patterns": tuple(patterns),
        "roles": {STUDENT: RoomRole.MEMBER, TEACHER: RoomRole.MODERATOR},
        "name_template": "{group}",
        "topic_template": "",
    }
    return Policy(**(ordinary | values))


# ── Rocket.Chat ───────────────────────────────────────────────────────────────────────────────────


def account(account_id: str, username: str = "", email: str = "", **values: Any) -> RemoteAccount:
    """`account("a7")` is what rcsync makes of person(7)."""
    number = account_id.lstrip("a")
    ordinary: dict[str, Any] = {
        "name": f"Person {number}",
        "emails": (email or f"user{number}@uni.invalid",),
        "active": True,
        "roles": ("user",),
        "kind": "user",
        "verified": True,
    }
    return RemoteAccount(account_id, username or f"user{number}", **(ordinary | values))


def room(
    room_id: str, name: str = "", members: Iterable[str] | None = None, **values: Any
) -> RemoteChannel:
    """`members` None: not read. The bot is in every room and created it."""
    listed = None if members is None else frozenset({*members, BOT})
    ordinary: dict[str, Any] = {
        "private": True,
        "users_count": 1 if listed is None else len(listed),
        "archived": False,
        "read_only": False,
        "topic": "",
        "creator_id": BOT,
        "members": listed,
    }
    group = values.pop("moodle_group", None)
    if group is not None:
        values["mark"] = Mark(group)
    return RemoteChannel(room_id, name or f"Group-{room_id.lstrip('r')}", **(ordinary | values))


def remote(*things: RemoteAccount | RemoteChannel) -> RemoteState:
    """Accounts and rooms, and the bot."""
    accounts = [one for one in things if isinstance(one, RemoteAccount)]
    accounts.append(account(BOT, "rcsync-bot", "rcsync@chat.invalid", roles=("admin", "bot")))
    return RemoteState(
        BOT,
        {one.account_id: one for one in accounts},
        {one.room_id: one for one in things if isinstance(one, RemoteChannel)},
    )


# ── What rcsync manages ───────────────────────────────────────────────────────────────────────────


def link(user_id: int, account_id: str = "", **values: Any) -> ManagedAccount:
    """`link(7)`: rcsync made a7 for person 7. `identity`: what the person was known by."""
    ordinary: dict[str, Any] = {"username": f"user{user_id}", "created": True}
    if (identity := values.pop("identity", None)) is not None:
        ordinary |= {f"known_{name}": value for name, value in identity._asdict().items()}
    return ManagedAccount(user_id, account_id or f"a{user_id}", **(ordinary | values))


def channel_link(group_id: int, room_id: str = "", **values: Any) -> ManagedChannel:
    """`channel_link(10)`: room r10, named Group-10, is the channel of group 10 of course 2."""
    ordinary: dict[str, Any] = {
        "course_id": 2,
        "name": f"Group-{group_id}",
        "topic": "",
        "users_count": 1,
    }
    values = ordinary | values
    return ManagedChannel(group_id, values.pop("course_id"), room_id or f"r{group_id}", **values)


OURS = ManagedMember(RoomRole.MEMBER, ours=True)
BY_HAND = ManagedMember(RoomRole.MEMBER, ours=False)


def managed(
    *things: ManagedAccount | ManagedChannel,
    members: Mapping[int, Mapping[int, ManagedMember]] | None = None,
    **values: Any,
) -> Managed:
    return Managed(
        {one.user_id: one for one in things if isinstance(one, ManagedAccount)},
        {one.group_id: one for one in things if isinstance(one, ManagedChannel)},
        members or {},
        **values,
    )


# ── The plan ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Case:
    """Everything a plan is made of. `case.plan()` makes it."""

    moodle: MoodleState
    remote: RemoteState = field(default_factory=remote)
    managed: Managed = field(default_factory=Managed)
    policy: Policy = field(default_factory=policy)
    rules: NameRules = field(default_factory=NameRules)
    scope: Scope = EVERYTHING

    def plan(self) -> Plan:
        desired = desire(self.moodle, self.policy, self.rules, self.managed, self.scope)
        return make_plan(desired, self.remote, self.managed, self.policy, self.scope)


def plan_for(state: MoodleState, **values: Any) -> Plan:
    return Case(state, **values).plan()


def operations(plan: Plan, kind: type[Kind]) -> list[Kind]:
    return [one for one in plan.operations if isinstance(one, kind)]


def kinds(plan: Plan) -> list[str]:
    return [one.kind for one in plan.operations]


# ── The same in another order ───────────────────────────────────────────────────────────────────


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same value with its mappings and tuples of rows in another order."""
    if isinstance(value, dict):
        items = [(key, shuffled(one, chance)) for key, one in value.items()]
        chance.shuffle(items)
        return dict(items)
    if type(value) is tuple:
        return tuple(chance.sample([shuffled(one, chance) for one in value], len(value)))
    return value


def disturbed(case: Case, seed: int) -> Case:
    """The same case, with the parts of both worlds and of the ledger in another order."""
    chance = random.Random(seed)
    names = ("people", "groups", "group_members", "enrolments", "roles", "courses", "role_names")
    state = replace(
        case.moodle, **{name: shuffled(getattr(case.moodle, name), chance) for name in names}
    )
    there = replace(
        case.remote,
        accounts=shuffled(case.remote.accounts, chance),
        channels=shuffled(case.remote.channels, chance),
    )
    known = replace(
        case.managed,
        accounts=shuffled(case.managed.accounts, chance),
        channels=shuffled(case.managed.channels, chance),
        members=shuffled(case.managed.members, chance),
    )
    return replace(case, moodle=state, remote=there, managed=known)
