"""People inside of rooms that were taken over who should not be there.

rcsync removes only whom it put into a channel. A person may say of others that the old plugin put
them there: then their membership is rcsync's, and the next plan removes them, through the guard.
"""

from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import Q

from integration.domain import reasons
from integration.domain.chunks import chunks
from integration.domain.messages import counted, msg
from integration.domain.state import EVERYTHING
from integration.models import ChannelLink, ManagedMembership
from integration.services.admin.both_sides import read_both_sides
from integration.services.ledger import audit_trail
from integration.services.ledger.managed import LookOnly
from integration.services.sync.plugin_rooms import WrongPerson, wrong_people

AT_ONCE = 200  # SQLite takes no expression that is deeper than 1000


def find() -> tuple[WrongPerson, ...]:
    """By group and person. SourceError, RocketChatError or ConfigurationError."""
    taken = set(ChannelLink.objects.filter(created=False).values_list("moodle_group_id", flat=True))
    if not taken:
        return ()
    managed = LookOnly().managed(EVERYTHING)
    sides = read_both_sides(managed, lambda remote: remote.read(known_counts={}, wanted_names=()))
    owners = {link.account_id: user_id for user_id, link in managed.accounts.items()}
    members = {group: rows for group, rows in managed.members.items() if group in taken}
    return wrong_people(sides.desired, sides.remote, owners, members, sides.policy)


def release(people: Collection[tuple[int, int]], reason: str) -> int:
    """The plugin put these (group id, user id) there; the answer is how many they are.

    Who is not among those found now, or is protected, stays. ConfigurationError where refused.
    """
    reasons.check(reason, msg("This needs a reason."), msg("Say in a sentence how you know."))
    found = [one for one in find() if (one.group_id, one.user_id) in people and not one.protected]
    if not found:
        return 0
    with transaction.atomic():
        for rows in chunks([(one.group_id, one.user_id) for one in found], AT_ONCE):
            ManagedMembership.objects.filter(_any_of(rows), ours=False).update(ours=True)
        audit_trail.record(
            "put_there_by_the_plugin",
            counted("{n} membership", "{n} memberships", len(found)),
            after={"people": [[one.group_id, one.user_id] for one in found]},
            reason=reason.strip(),
        )
    return len(found)


def _any_of(pairs: Sequence[tuple[int, int]]) -> Q:
    return Q(
        *(Q(channel__moodle_group_id=g, account__moodle_user_id=u) for g, u in pairs),
        _connector=Q.OR,
    )
