"""Whether a Moodle group has a channel, gets one or gets none, and why: for pages.

Asks the same functions as the plan, in the same order, so that both say the same.
"""

from dataclasses import dataclass
from enum import StrEnum

from integration.domain.errors import PatternTimeout
from integration.domain.messages import msg
from integration.domain.patterns import decide
from integration.domain.policy import Policy
from integration.domain.state import Course, Group
from integration.models import ChannelLink
from integration.services.sync.desired import MEMBERS_HIDDEN_FROM, choose
from integration.services.sync.endings import course_ending, missing_choice, read_only_until_begin
from integration.services.sync.identity import Identities


class GroupState(StrEnum):
    CHANNEL = "channel"  # it has one
    COMING = "coming"  # it gets one at the next sync
    KEPT = "kept"  # it has one, and by the rules it should not
    CLOSED = "closed"  # it has one that is archived or read-only
    EXCLUDED = "excluded"  # by an exclude pattern
    NO_PATTERN = "no_pattern"  # no include pattern matches
    HIDDEN = "hidden"  # Moodle hides its member list
    EMPTY = "empty"  # nobody in it belongs in a channel
    COURSE = "course"  # the course is hidden or has ended
    UNDECIDED = "undecided"  # a person has to decide, or a pattern takes too long
    GONE = "gone"  # it no longer exists in Moodle, its channel does


@dataclass(frozen=True, slots=True)
class GroupVerdict:
    """`reason` is a Message."""

    state: GroupState
    reason: str


def judge(
    group: Group, course: Course, policy: Policy, now: int, zone: str, identities: Identities
) -> GroupVerdict:
    """What the rules say of the group, whether it has a channel or not; COMING where it is to have
    one. `policy` is that of its course, `now` is in unix seconds, days are said in `zone`.
    """
    if identities.holds_group(group):
        text = msg("waits until somebody has decided what it is now")
        return GroupVerdict(GroupState.UNDECIDED, text)
    if ended := course_ending(course, now, policy):
        return GroupVerdict(GroupState.COURSE, ended.reason)
    if missing := missing_choice(policy, group):
        state = GroupState.NO_PATTERN if policy.roles else GroupState.EMPTY
        return GroupVerdict(state, missing)
    try:
        chosen, reason = choose(group, policy)
    except PatternTimeout as error:
        return GroupVerdict(GroupState.UNDECIDED, error.text)
    if not chosen:
        return GroupVerdict(_unchosen(group, policy), reason)
    waits = read_only_until_begin(course, now, zone, policy)
    return GroupVerdict(GroupState.COMING, waits or reason)


def _unchosen(group: Group, policy: Policy) -> GroupState:
    if group.visibility >= MEMBERS_HIDDEN_FROM and not policy.hidden_member_lists:
        return GroupState.HIDDEN
    by = decide(group.name, policy.patterns).by
    return GroupState.EXCLUDED if by else GroupState.NO_PATTERN


def with_channel(verdict: GroupVerdict, link: ChannelLink | None) -> GroupVerdict:
    """The same with what there is now: its channel, None = it has none."""
    if link is None:
        return verdict
    if link.ended:
        return GroupVerdict(GroupState.CLOSED, verdict.reason)
    if verdict.state in (GroupState.COMING, GroupState.EMPTY):
        return GroupVerdict(GroupState.CHANNEL, verdict.reason)
    if verdict.state is GroupState.UNDECIDED:
        return verdict
    return GroupVerdict(GroupState.KEPT, verdict.reason)


def gone(link: ChannelLink) -> GroupVerdict:
    """Of a channel whose group Moodle does not have any more."""
    state = GroupState.CLOSED if link.ended else GroupState.GONE
    return GroupVerdict(state, msg("the group does not exist in Moodle any more"))
