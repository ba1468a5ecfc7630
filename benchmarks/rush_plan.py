"""The changes of a rush, and what they cost at least. Pure."""

import math
import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

PROMISED_SECONDS = 10.0
USUAL_RATE = 3000 / 10  # changes a minute of the rush that is promised
NEW, LEAVING = 0.1, 0.1  # of the changes; the rest are people who join one more group
BURST, BURST_SECONDS = 15, 5.0  # half of the joins: a teacher enrols a list
TOGETHER = 0.5

JOIN, LEAVE, NEWCOMER = "join", "leave", "newcomer"
Pair = tuple[int, int]  # Moodle group id, Moodle user id


class Change(NamedTuple):
    """`at`: seconds after the beginning. The user of a newcomer is 0 until there is one."""

    at: float
    kind: str
    group: int
    user: int


def schedule(
    rng: random.Random,
    count: int,
    seconds: float,
    groups: Sequence[int],
    members: Collection[Pair],
    people: Sequence[int],
) -> list[Change]:
    """`count` changes in these groups, in the order of their moments; nobody changes twice.

    `members` are in the groups and may leave; `people` are those who may join, not in any of them.
    """
    leaving, new = round(count * LEAVING), round(count * NEW)
    joins = count - leaving - new
    joiners = rng.sample(list(people), joins)
    leavers = rng.sample(sorted(members), leaving)
    changes = [Change(rng.random() * seconds, LEAVE, *pair) for pair in leavers]
    changes += [Change(rng.random() * seconds, NEWCOMER, rng.choice(groups), 0) for _ in range(new)]
    together = round(joins * TOGETHER)
    for place in range(0, together, BURST):
        begin, group = rng.random() * max(0.0, seconds - BURST_SECONDS), rng.choice(groups)
        for user in joiners[place : min(place + BURST, together)]:
            changes.append(Change(begin + rng.random() * BURST_SECONDS, JOIN, group, user))
    for user in joiners[together:]:
        changes.append(Change(rng.random() * seconds, JOIN, rng.choice(groups), user))
    return sorted(changes)


def fewest_writes(changes: Iterable[Change], patience: float = PROMISED_SECONDS) -> int:
    """Requests that Rocket.Chat's API needs at least, when each change has its effect in time.

    One for each new account, one for each person who is taken out of a room, and for a room one
    invite for all who joined within `patience` seconds.
    """
    writes, joins = 0, defaultdict(list)
    for change in changes:
        writes += change.kind in (NEWCOMER, LEAVE)
        if change.kind != LEAVE:
            joins[change.group].append(change.at)
    return writes + sum(_invites(sorted(moments), patience) for moments in joins.values())


def _invites(moments: Sequence[float], patience: float) -> int:
    """The latest moment that still is in time for the first serves all up to it."""
    invites, until = 0, -math.inf
    for moment in moments:
        if moment > until:
            invites, until = invites + 1, moment + patience
    return invites


def seconds_of_effects(
    done: Mapping[Pair, float], effects: Iterable[tuple[Pair, float]]
) -> tuple[list[float], int]:
    """From each change to its effect, sorted, and how many had none.

    `done` are the moments of the changes, `effects` those of operations, by group and person.
    """
    first: dict[Pair, float] = {}
    for pair, moment in effects:
        if pair in done and moment >= done[pair]:
            first[pair] = min(moment, first.get(pair, moment))
    return sorted(first[pair] - done[pair] for pair in first), len(done) - len(first)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the sorted values that is not exceeded by this share of them."""
    return values[max(0, math.ceil(len(values) * share) - 1)] if values else math.inf


def looks_with_changes(changes: Iterable[Change], every: float) -> int:
    """How many looks at the log find something, one each `every` seconds."""
    return len({int(change.at / every) for change in changes})
