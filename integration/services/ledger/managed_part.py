"""The part of the ledger that an event is about, and links that are asked for by value.

The statements are the same few however large the site is, and each goes by an index.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import TypeVar

from django.db import connection
from django.db.models import Count, Model, Q, QuerySet

from integration.domain.state import Managed, Scope, SiteCounts
from integration.models import AccountLink, ChannelLink, ManagedMembership

Link = TypeVar("Link", bound=Model)
COUNTED = 10_000  # links: of more it does not matter here how many there are
MANY = 500  # ids: from more on all links are read


def accounts_in(scope: Scope) -> QuerySet[AccountLink]:
    """The people's accounts. Anybody's where they have none: by one that is known it is seen that
    the bot is shown addresses.
    """
    theirs = AccountLink.objects.filter(moodle_user_id__in=scope.users or ())
    if scope.users and not theirs.exists():
        first = AccountLink.objects.order_by("pk").values_list("pk", flat=True)[:1]
        return AccountLink.objects.filter(pk__in=list(first))
    return theirs


def channels_in(scope: Scope) -> QuerySet[ChannelLink]:
    """Those of its courses."""
    return ChannelLink.objects.filter(moodle_course_id__in=scope.courses or ())


def about(scope: Scope) -> Q:
    """Rows about the people's accounts, about them in the courses, or about nobody there."""
    theirs, nobodys = Q(moodle_user_id__in=scope.users or ()), Q(moodle_user_id__isnull=True)
    here, accounts = Q(moodle_course_id__in=scope.courses or ()), Q(moodle_course_id__isnull=True)
    return (here & (theirs | nobodys)) | (accounts & theirs)


def counts_up_to_many() -> SiteCounts:
    return SiteCounts(
        AccountLink.objects.order_by()[:COUNTED].count(),
        ChannelLink.objects.order_by()[:COUNTED].count(),
    )


def counted(managed: Managed) -> Managed:
    """See ports.Records."""
    ours = ManagedMembership.objects.filter(ours=True)
    courses = {link.course_id for link in managed.channels.values()}
    here = ours.filter(channel__moodle_course_id__in=courses).order_by()
    return replace(
        managed,
        site=SiteCounts(AccountLink.objects.count(), ChannelLink.objects.count(), ours.count()),
        ours_in=dict(here.values_list("channel__moodle_course_id").annotate(number=Count("pk"))),
    )


def accounts_by(
    ids: Collection[str], usernames: Collection[str], values: Collection[str]
) -> QuerySet[AccountLink] | None:
    """None where nothing is asked for."""
    if len(ids) > MANY or _needs_all(usernames):
        return AccountLink.objects.all()
    conditions = [Q(username__iexact=name) for name in usernames]
    conditions += [Q(rocketchat_user_id__in=ids)] if ids else []
    conditions += [Q(moodle_email__in=values) | Q(moodle_idnumber__in=values)] if values else []
    return _those(AccountLink.objects.all(), conditions)


def channels_by(ids: Collection[str], names: Collection[str]) -> QuerySet[ChannelLink] | None:
    """None where nothing is asked for."""
    if len(ids) > MANY or _needs_all(names):
        return ChannelLink.objects.all()
    conditions = [Q(name__iexact=name) for name in names]
    conditions += [Q(room_id__in=ids)] if ids else []
    return _those(ChannelLink.objects.all(), conditions)


def _needs_all(names: Iterable[str]) -> bool:
    """SQLite knows the case of ASCII letters only."""
    return connection.vendor == "sqlite" and not all(name.isascii() for name in names)


def _those(rows: QuerySet[Link], conditions: Collection[Q]) -> QuerySet[Link] | None:
    return rows.filter(reduce(or_, conditions)) if conditions else None
