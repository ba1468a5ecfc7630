"""What should be true in Rocket.Chat: Moodle's state seen through the policy. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from integration.domain.by_person import ByPerson
from integration.domain.course_policies import CoursePolicies
from integration.domain.errors import ConfigurationError, PatternTimeout
from integration.domain.levels import Level, LevelKind
from integration.domain.messages import msg
from integration.domain.patterns import Decision, decide
from integration.domain.policy import AccountsFor, Policy
from integration.domain.room_texts import RoomTexts
from integration.domain.state import (
    Ending,
    Group,
    Managed,
    MoodleState,
    NameRules,
    RoomRole,
    Scope,
)
from integration.services.sync.channel_names import channel_names, texts_of
from integration.services.sync.course_groups import with_course_groups
from integration.services.sync.desired_accounts import DesiredAccounts
from integration.services.sync.eligibility import Eligibility
from integration.services.sync.endings import (
    DesiredEnding,
    all_endings,
    course_ending,
    missing_choice,
    read_only_until_begin,
)
from integration.services.sync.identity import Identities, check_identities

MEMBERS_HIDDEN_FROM = 2  # mdl_groups.visibility: 2 own membership only, 3 nobody


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

    accounts: DesiredAccounts
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
        for group in sorted(chosen, key=lambda group: group.course_id)  # whose roles are at hand
    }
    if not policy.empty_channels:
        channels = {
            group_id: channel
            for group_id, channel in channels.items()
            if channel.members or group_id in managed.channels
        }
    return Desired(
        accounts=DesiredAccounts(
            *(_wanted(channels.values(), policy, eligibility, scope), policy, rules, managed),
            *(eligibility, scope),
        ),
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
        ByPerson(eligibility.members(group)),
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


def _wanted(
    channels: Iterable[DesiredChannel], policy: Policy, eligibility: Eligibility, scope: Scope
) -> set[int]:
    """Who is to have an account."""
    people = eligibility.moodle.people  # have one number for all who keep it
    wanted = {people[user_id].user_id for channel in channels for user_id in channel.members}
    if policy.accounts_for is AccountsFor.ENROLLED:
        wanted |= _enrolled_with_role(eligibility.moodle, eligibility, scope)
    return wanted


def _enrolled_with_role(moodle: MoodleState, eligibility: Eligibility, scope: Scope) -> set[int]:
    return {
        user_id
        for course in moodle.courses.values()
        if scope.has_course(course.course_id)
        for user_id in eligibility.active_in(course.course_id)
        if eligibility.channel_role(course, user_id) is not None
    }
