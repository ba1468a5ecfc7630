"""One sync: read Moodle, compute what should be, read Rocket.Chat, plan, carry out.

Everything that differs between the admin action, the preview, the schedule, an event and the
command line is an argument. Nothing is decided while writing.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from integration.domain.needs import Needs
from integration.domain.policy import Limits, Policy
from integration.domain.state import (
    EVERYTHING,
    Managed,
    MoodleState,
    NameRules,
    RemoteState,
    Scope,
)
from integration.services.sync.bans import rooms_in_doubt
from integration.services.sync.carry_out import Proposal, Terms, carry_out
from integration.services.sync.desired import Desired, desire, given_names
from integration.services.sync.differences import remaining
from integration.services.sync.grace import Waiting, hold_back
from integration.services.sync.identity import values_in_doubt
from integration.services.sync.needs import (
    concerned_groups,
    lists_are_small,
    needs_of,
    reads_one_by_one,
)
from integration.services.sync.plan import Plan, make_plan
from integration.services.sync.ports import Ledger, Records, Remote, Source
from integration.services.sync.report import RunReport
from integration.services.sync.sizes import sizes
from integration.services.sync.vanished import (
    LOOK_BACK_SECONDS,
    Evidence,
    removals_of_missing_rows,
    weigh_evidence,
)
from integration.services.sync.workers import garbage_collector_paused


def reconcile(
    scope: Scope,
    policy: Policy,
    source: Source,
    remote: Remote,
    ledger: Ledger,
    terms: Terms,
    *,
    full_check: bool = False,
) -> RunReport:
    """Bring Rocket.Chat in step with Moodle for `scope`, or say what that would take.

    `full_check` reads the members of every managed channel of the scope, whether its count looks
    right or not. SourceError, ConfigurationError or RocketChatError mean that reading failed and
    nothing was written; StalePlan that the plan is not the reviewed one any more.
    """
    with garbage_collector_paused():
        seen = compare(scope, policy, source, remote, ledger, full_check=full_check)
        left = remaining(scope, seen.moodle, seen.desired, seen.plan, seen.waiting)
        proposals = [_proposal(seen, scope, policy, source, terms.approval.operations)]
        del seen  # a first sync is carried out for hours: neither this nor the proposal is kept
    report = carry_out(proposals.pop(), remote, ledger, terms)
    return replace(report, remaining=left)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that was read, and what follows. `waiting` has days of grace and is not in the plan."""

    managed: Managed
    moodle: MoodleState
    desired: Desired
    remote: RemoteState
    plan: Plan
    waiting: tuple[Waiting, ...]


def _proposal(
    seen: Comparison, scope: Scope, policy: Policy, source: Source, approved: Collection[str]
) -> Proposal:
    return Proposal(
        seen.plan,
        seen.managed,
        scope,
        policy.limits,
        seen.waiting,
        sizes(seen.moodle, scope),
        seen.moodle.courses,
        server_id=seen.remote.server_id,
        checks_joins=policy.respect_leavers,
        evidence=_evidence(seen, scope, policy.limits, source, approved),
    )


def compare(
    scope: Scope,
    policy: Policy,
    source: Source,
    remote: Remote,
    records: Records,
    *,
    full_check: bool = False,
) -> Comparison:
    """Read the ledger, Moodle and Rocket.Chat, in this order, and plan."""
    managed = records.managed(scope, part=scope.is_narrow)
    if scope == EVERYTHING or lists_are_small(managed):
        # Not before the ledger: else another run's new account seems to be gone.
        remote.begin(managed.accounts.values())
    moodle = source.read(
        scope,
        integrated=records.integrated(),
        linked_users=people_in_scope(managed, scope),
        known=managed.accounts,
    )
    managed, desired = _desired(moodle, policy, remote.name_rules(), records, managed, scope)
    found = _read_remote(remote, desired, managed, scope, full_check)
    if scope.is_narrow:
        managed = records.known_by(managed, accounts=found.accounts, rooms=found.channels)
    if rooms := list(rooms_in_doubt(desired, managed, found)):
        found = replace(found, banned=remote.banned(rooms))
    plan = make_plan(desired, found, managed, policy, scope)
    plan, waiting = hold_back(plan, policy, managed.pending, moodle.read_at)
    return Comparison(managed, moodle, desired, found, plan, waiting)


def _desired(
    moodle: MoodleState,
    policy: Policy,
    rules: NameRules,
    records: Records,
    managed: Managed,
    scope: Scope,
) -> tuple[Managed, Desired]:
    """What should be true; with a part of the ledger, and all links that decide about it.

    Whoever else has a name that is given here has to be known. Where somebody has, another name is
    given, and looked for in turn: so the names are those that the whole ledger would give.
    """
    if not scope.is_narrow:
        return managed, desire(moodle, policy, rules, managed, scope)
    if values := values_in_doubt(managed, moodle):
        managed = records.known_by(managed, values=values)
    asked: set[str] = set()
    while True:
        desired = desire(moodle, policy, rules, managed, scope)
        usernames, names = given_names(desired, managed)
        if asked >= usernames | names:
            return managed, desired
        managed = records.known_by(managed, usernames=usernames, names=names)
        asked |= usernames | names


def _evidence(
    seen: Comparison, scope: Scope, limits: Limits, source: Source, approved: Collection[str]
) -> Evidence:
    """Moodle's log is asked only where so many rows are gone that it matters."""
    eligibility = seen.desired.eligibility
    gone = [
        one for one in removals_of_missing_rows(seen.plan, eligibility) if one.key not in approved
    ]
    logged = None
    if len(gone) < limits.from_count or scope.users is not None:
        gone = []
    else:
        since = seen.moodle.read_at - LOOK_BACK_SECONDS
        logged = source.taken_out({one.user_id for one in gone}, since)
    return weigh_evidence(seen.plan, gone, logged, seen.desired, seen.managed, scope, limits)


def people_in_scope(managed: Managed, scope: Scope) -> Collection[int]:
    """People the scope is about although they may be in no group of it any more."""
    if scope.users is not None:
        return scope.users
    if scope.courses is None:
        return managed.accounts.keys()
    return {
        user_id
        for group_id, channel in managed.channels.items()
        if channel.course_id in scope.courses
        for user_id in managed.members.get(group_id, {})
    }


def _read_remote(
    remote: Remote, desired: Desired, managed: Managed, scope: Scope, full_check: bool
) -> RemoteState:
    concerned = concerned_groups(desired, managed, scope)
    in_scope = {
        group_id: managed.channels[group_id]
        for group_id in sorted(concerned & managed.channels.keys())
        if scope.has_course(managed.channels[group_id].course_id)
    }
    wanted = {
        channel.name
        for group_id, channel in desired.channels.items()
        if group_id not in managed.channels and scope.users is None
    }
    unsure = {group_id for group_id, _ in managed.unfinished_members}  # to be looked into
    rooms = {
        channel.room_id: None if group_id in unsure else channel.users_count
        for group_id, channel in in_scope.items()
    }
    return remote.read(
        known_counts=rooms,
        wanted_names=wanted,
        full_check=tuple(rooms) if full_check else (),
        linked_accounts=[link.account_id for link in managed.accounts.values()],
        needed_accounts=[
            link.account_id
            for user_id, link in managed.accounts.items()
            if desired.accounts.is_wanted(user_id)
        ],
        needed_rooms=[
            channel.room_id
            for group_id, channel in in_scope.items()
            if group_id in desired.channels
        ],
        only=_needs(desired, managed, scope, concerned),
    )


def _needs(
    desired: Desired, managed: Managed, scope: Scope, groups: frozenset[int]
) -> Needs | None:
    """None where the lists are the better way."""
    if scope == EVERYTHING:
        return None
    needs = needs_of(desired, managed, scope, groups)
    return needs if reads_one_by_one(needs, managed) else None
