"""Whose account should be how. Pure.

There are as many as people, so each is made when it is asked for and kept by nobody.
"""

from array import array
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from integration.domain.messages import msg
from integration.domain.policy import Cause, Deactivation, Policy
from integration.domain.state import Managed, NameRules, Person, Scope
from integration.services.sync import names
from integration.services.sync.channel_names import free_names
from integration.services.sync.eligibility import Eligibility, unusable_because

ENROLLED = msg("has an active enrolment in an integrated course")  # said of nearly everybody


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


class DesiredAccounts(Mapping[int, DesiredAccount]):
    """By user id, in their order: of everybody in `wanted`, and of linked people whom Moodle knows.

    New usernames are given once, when this is made: two people never get the same.
    """

    def __init__(
        self,
        wanted: set[int],
        policy: Policy,
        rules: NameRules,
        managed: Managed,
        eligibility: Eligibility,
        scope: Scope,
    ) -> None:
        self._people = eligibility.moodle.people
        self._links = managed.accounts
        self._policy, self._eligibility, self._scope = policy, eligibility, scope
        self._clean = names.cleaner(policy.plain_names, eligibility.moodle.language)
        linked = (user_id for user_id in self._links if user_id in self._people)
        self._unwanted = {user_id for user_id in linked if user_id not in wanted}
        found = filter(scope.has_user, chain(wanted, self._unwanted))
        self._order = array("q", sorted(found))
        self._given = self._new_usernames(rules)

    def _new_usernames(self, rules: NameRules) -> dict[int, str]:
        new = [user_id for user_id in self._order if user_id not in self._links]
        if not new:
            return {}
        is_free = free_names(rules, (link.username for link in self._links.values()))
        return {user_id: _username(self._people[user_id], rules, is_free) for user_id in new}

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[int]:
        return iter(self._order)

    def __contains__(self, user_id: Any) -> bool:
        linked = user_id in self._links and user_id in self._people
        return user_id in self._given or (linked and self._scope.has_user(user_id))

    def is_wanted(self, user_id: int) -> bool:
        """Whether the person is to have an account."""
        return user_id in self and user_id not in self._unwanted

    def __getitem__(self, user_id: int) -> DesiredAccount:
        if user_id not in self:
            raise KeyError(user_id)
        person, known = self._people[user_id], self._links.get(user_id)
        active, reason = self._activity(person)
        return DesiredAccount(
            person.user_id,  # one number for all who keep it
            known.username if known else self._given[user_id],
            names.display_name(person, self._clean),
            person.email.strip(),
            active,
            self._eligibility.is_usable(user_id),
            user_id not in self._unwanted,
            reason,
        )

    def _activity(self, person: Person) -> tuple[bool | None, str]:
        """Whether the account is to be active, and why. None where that takes a look at courses
        that were not read.
        """
        policy, eligibility = self._policy, self._eligibility
        active_somewhere = eligibility.is_active_somewhere(person.user_id)
        if active_somewhere and not (
            policy.deactivates_without_role and eligibility.lacks_role(person.user_id)
        ):
            return True, ENROLLED
        if reason := unusable_because(person):
            cause = Cause.DELETED if person.deleted else Cause.SUSPENDED
            kept = policy.deactivation is Deactivation.NEVER or cause in policy.accounts_kept
            return kept, reason
        if not active_somewhere:
            return (
                policy.deactivation is not Deactivation.ENROLMENT,
                msg("has no active enrolment in any integrated course"),
            )
        if self._scope.reads_every_role:
            return False, msg("holds no included role in any integrated course")
        return None, msg("may hold an included role in another course")


def _username(person: Person, rules: NameRules, is_free: Callable[[str], bool]) -> str:
    return names.unique(
        names.username(person, rules),
        "user",
        person.user_id,
        is_free,
        names.MAX_USERNAME,
        names.separator_of(rules.username_pattern),
    )
