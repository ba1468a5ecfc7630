"""What should be true in Rocket.Chat: Moodle's state seen through the policy. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from integration.domain.course_policies import CoursePolicies
from integration.domain.errors import ConfigurationError, PatternTimeout
from integration.domain.levels import Level, LevelKind
from integration.domain.messages import msg
from integration.domain.patterns import Decision, decide
from integration.domain.policy import AccountsFor, Cause, Deactivation, Policy
from integration.domain.room_texts import RoomTexts
from integration.domain.state import (
    Ending,
    Group,
    Managed,
    MoodleState,
    NameRules,
    Person,
    RoomRole,
    Scope,
)
from integration.services.sync import names
from integration.services.sync.channel_names import channel_names, free_names, texts_of
from integration.services.sync.course_groups import with_course_groups
from integration.services.sync.eligibility import Eligibility, unusable_because
from integration.services.sync.endings import (
    DesiredEnding,
    all_endings,
    course_ending,
    missing_choice,
    read_only_until_begin,
)
from integration.services.sync.identity import Identities, check_identities

ENROLLED = msg("has an active enrolment in an integrated course")  # said of nearly everybody
MEMBERS_HIDDEN_FROM = 2  # mdl_groups.visibility: 2 own membership only, 3 nobody


class DesiredAccount(NamedTuple):
    """One person.

    `wanted`: is to have an account; otherwise only one that exists matters. `usable`: Moodle itself
    would let the person in; only then the account follows Moodle's data and may be woken. `active`
    False = is to be deactivated, None = is left as it is.
    """

    user_id: int
    username: str  # for a new account; an account that exists keeps its own
    name: str
    email: str  # as in Moodle, "" when Moodle has none
    active: bool | None
    usable: bool
    wanted: bool
    reason: str  # why active or not


@dataclass(frozen=True, slots=True)
class DesiredChannel:
    """One group and who is to be in its channel: Moodle user id -> channel role.

    `read_only` says why only those with a room role may write, "" where everybody may.
    """

    group_id: int
    course_id: int
    name: str
    texts: RoomTexts
    members: Mapping[int, RoomRole]
    read_only: str = ""


@dataclass(frozen=True, slots=True)
class Desired:
    """What should be true.

    Channels in none of the three mappings are not rcsync's business now. `undecided` are groups of
    which it could not be found out whether they match, or what they are: they stay as they are.
    Nothing is to be done about people in `identities.held_people` either.
    """

    accounts: Mapping[int, DesiredAccount]
    channels: Mapping[int, DesiredChannel]
    endings: Mapping[int, DesiredEnding]
    undecided: Mapping[int, str]
    eligibility: Eligibility
    identities: Identities
    policies: CoursePolicies


def desire(
    moodle: MoodleState, policy: Policy, rules: NameRules, managed: Managed, scope: Scope
) -> Desired:
    """The desired state of the scope.

    ConfigurationError when an included role does not exist in Moodle.
    """
    _check_roles(moodle, policy)
    policies = CoursePolicies(policy, moodle.courses)
    moodle = with_course_groups(moodle, policies, managed.channels, scope)
    eligibility = Eligibility(moodle, policy.roles, policies.own_roles())
    identities = check_identities(managed, moodle, scope)
    chosen, unchosen, undecided = _choose(moodle, policies, scope, identities)
    names_of = channel_names(chosen, moodle, policies, rules, managed)
    channels = {
        group.group_id: _channel(group, names_of[group.group_id], eligibility, policies, rules)
        for group in chosen
    }
    if not policy.empty_channels:
        channels = {
            group_id: channel
            for group_id, channel in channels.items()
            if channel.members or group_id in managed.channels
        }
    return Desired(
        accounts=_accounts(channels.values(), moodle, policy, rules, managed, eligibility, scope),
        channels=channels,
        endings=all_endings(moodle, policies, managed, scope, unchosen, channels, undecided),
        undecided=undecided,
        eligibility=eligibility,
        identities=identities,
        policies=policies,
    )


def _channel(
    group: Group, name: str, eligibility: Eligibility, policies: CoursePolicies, rules: NameRules
) -> DesiredChannel:
    moodle, policy = eligibility.moodle, policies.of(group.course_id)
    course = moodle.courses[group.course_id]
    return DesiredChannel(
        group.group_id,
        group.course_id,
        name,
        texts_of(group, moodle, policy, rules),
        eligibility.members(group),
        read_only_until_begin(course, moodle.read_at, moodle.time_zone, policy),
    )


def given_names(desired: Desired, managed: Managed) -> tuple[frozenset[str], frozenset[str]]:
    """The usernames and the channel names that are given here: of people without a link, and of
    channels that are made or get another name.
    """
    links = managed.channels
    return (
        frozenset(
            one.username
            for user_id, one in desired.accounts.items()
            if user_id not in managed.accounts
        ),
        frozenset(
            one.name
            for group_id, one in desired.channels.items()
            if group_id not in links or links[group_id].name != one.name
        ),
    )


def choose(group: Group, policy: Policy) -> tuple[bool, str]:
    """Whether the group gets a channel under the policy of its course, and why or why not.

    PatternTimeout when that is undecided.
    """
    if group.of_course:
        if policy.whole_course:
            return True, msg("by the settings, the whole course should have a channel")
        return False, msg("by the settings, the whole course has no channel")
    if _is_hidden(group, policy):
        return False, msg("Moodle hides the member list of this group, and a channel would show it")
    decision = decide(group.name, policy.patterns)
    return decision.chosen, _decision_in_words(decision)


def _is_hidden(group: Group, policy: Policy) -> bool:
    return group.visibility >= MEMBERS_HIDDEN_FROM and not policy.hidden_member_lists


def _decision_in_words(decision: Decision) -> str:
    if decision.by is None:
        return msg("no include pattern matches the name")
    if decision.by.exclude:
        return msg("matches the exclude pattern {pattern}", pattern=decision.by.text)
    return msg("matches the include pattern {pattern}", pattern=decision.by.text)


def _check_roles(moodle: MoodleState, policy: Policy) -> None:
    unknown = sorted(role_id for role_id in policy.roles if role_id not in moodle.role_names)
    if unknown:
        raise ConfigurationError(
            msg(
                "Moodle has no role with the id {id}, which is among the included roles.",
                id=", ".join(map(str, unknown)),
            ),
            hint=msg("Remove it under Included roles or switch it off. Nothing was changed."),
        )
    for own in policy.own:
        unknown = sorted(set(own.values.get("roles", ())) - moodle.role_names.keys())
        if unknown:
            raise ConfigurationError(
                msg(
                    "Moodle has no role with the id {id}, which is among the own roles of {level}.",
                    id=", ".join(map(str, unknown)),
                    level=level_in_words(own.level),
                ),
                hint=msg("Remove it from the settings of that category or course."),
            )


def level_in_words(level: Level) -> str:
    """ "category 'Science'", "course BIO101", "the site"."""
    if level.kind is LevelKind.SITE:
        return msg("the site")
    name = level.name or str(level.number)
    if level.kind is LevelKind.CATEGORY:
        return msg("category '{name}'", name=name)
    return msg("course {name}", name=name)


def _choose(
    moodle: MoodleState, policies: CoursePolicies, scope: Scope, identities: Identities
) -> tuple[list[Group], dict[int, DesiredEnding], dict[int, str]]:
    chosen: list[Group] = []
    unchosen: dict[int, DesiredEnding] = {}
    undecided: dict[int, str] = {}
    for group in sorted(moodle.groups.values(), key=lambda group: group.group_id):
        if not scope.has_course(group.course_id):
            continue
        if identities.holds_group(group):
            undecided[group.group_id] = msg("waits until somebody has decided what it is now")
            continue
        course, policy = moodle.courses[group.course_id], policies.of(group.course_id)
        if ended := course_ending(course, moodle.read_at, policy):
            unchosen[group.group_id] = ended
            continue
        if missing := missing_choice(policy, group):
            unchosen[group.group_id] = DesiredEnding(Ending.KEEP, missing)
            continue
        try:
            is_chosen, reason = choose(group, policy)
        except PatternTimeout as error:
            undecided[group.group_id] = error.text
            continue
        if is_chosen:
            chosen.append(group)
        else:
            hidden = _is_hidden(group, policy)
            ending = policy.on_group_hidden if hidden else policy.on_pattern_unmatched
            unchosen[group.group_id] = DesiredEnding(ending, reason)
    return chosen, unchosen, undecided


def _accounts(
    channels: Iterable[DesiredChannel],
    moodle: MoodleState,
    policy: Policy,
    rules: NameRules,
    managed: Managed,
    eligibility: Eligibility,
    scope: Scope,
) -> dict[int, DesiredAccount]:
    wanted = {user_id for channel in channels for user_id in channel.members}
    if policy.accounts_for is AccountsFor.ENROLLED:
        wanted |= _enrolled_with_role(moodle, eligibility, scope)
    is_free = free_names(rules, (account.username for account in managed.accounts.values()))
    usable, plainly_active = eligibility.usable, eligibility.active_somewhere
    if policy.deactivates_without_role:
        plainly_active &= eligibility.with_role
    people_in_scope = wanted | (managed.accounts.keys() & moodle.people.keys())
    clean = names.cleaner(policy.plain_names, moodle.language)
    accounts: dict[int, DesiredAccount] = {}
    for user_id in sorted(
        people_in_scope if scope.users is None else people_in_scope & scope.users
    ):
        person = moodle.people[user_id]
        known = managed.accounts.get(user_id)
        active: bool | None = True
        reason: str = ENROLLED
        if user_id not in plainly_active:
            active, reason = _activity(person, policy, eligibility, scope)
        accounts[user_id] = DesiredAccount(
            user_id,
            known.username if known else _username(person, rules, is_free),
            names.display_name(person, clean),
            person.email.strip(),
            active,
            user_id in usable,
            user_id in wanted,
            reason,
        )
    return accounts


def _enrolled_with_role(moodle: MoodleState, eligibility: Eligibility, scope: Scope) -> set[int]:
    return {
        user_id
        for course in moodle.courses.values()
        if scope.has_course(course.course_id)
        for user_id in eligibility.active_in(course.course_id)
        if eligibility.channel_role(course, user_id) is not None
    }


def _username(person: Person, rules: NameRules, is_free: Callable[[str], bool]) -> str:
    return names.unique(
        names.username(person, rules),
        "user",
        person.user_id,
        is_free,
        names.MAX_USERNAME,
        names.separator_of(rules.username_pattern),
    )


def _activity(
    person: Person,
    policy: Policy,
    eligibility: Eligibility,
    scope: Scope,
) -> tuple[bool | None, str]:
    """Whether the account of somebody who does not plainly count anywhere is to be active, and why.

    None where that takes a look at courses that were not read.
    """
    if reason := unusable_because(person):
        cause = Cause.DELETED if person.deleted else Cause.SUSPENDED
        kept = policy.deactivation is Deactivation.NEVER or cause in policy.accounts_kept
        return kept, reason
    if person.user_id not in eligibility.active_somewhere:
        return (
            policy.deactivation is not Deactivation.ENROLMENT,
            msg("has no active enrolment in any integrated course"),
        )
    if scope.reads_every_role:
        return False, msg("holds no included role in any integrated course")
    return None, msg("may hold an included role in another course")
