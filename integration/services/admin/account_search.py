"""Accounts and memberships by words: every step reads an index or the table of channels, and ends
at a number of rows, so that a search costs the same over any number of people.

Names, usernames and addresses of rcsync's own tables are found by how they begin. What is in the
middle of a name only Moodle's search finds (`moodle_search.people_ids`).
"""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet

from integration.domain.numbers import whole_number
from integration.models import AccountLink, ChannelLink, IntegratedCourse, ManagedMembership

MOST_CHANNELS = 500  # whose members are looked at
MOST_ANCHORS = 5  # words of which each may be the one that an account is found by
BEGINNINGS = ("username", "moodle_username", "moodle_email")


def found(words: Sequence[str], most: int) -> set[int]:
    """Primary keys of accounts that have every word in their own columns, or every word in one of
    their channels, or some words here and the others there. At most `most` for each of these ways.
    """
    members = ManagedMembership.objects.filter(channel__in=_channels(words)).order_by()
    keys = set(members.values_list("account", flat=True)[:most])
    for anchor, others in _anchors(words):
        rows = AccountLink.objects.filter(own(anchor)).order_by()
        for word in others:
            rows = rows.filter(own(word) | Exists(_memberships_named(word)))
        keys.update(rows.values_list("pk", flat=True)[:most])
    return keys


def called(words: Sequence[str], most: int) -> "QuerySet[AccountLink]":
    """Accounts, at most `most`, that have every word in their own columns."""
    return AccountLink.objects.filter(*(own(word) for word in words)).order_by()[:most]


def memberships_found(words: Sequence[str], most: int) -> set[int]:
    """Primary keys of memberships that have every word in the account or in the channel's name.

    At most `most` of the channels, and as many for each word that an account is found by.
    """
    channels = ChannelLink.objects.order_by()
    for word in words:
        channels = channels.filter(name__icontains=word)
    rows = ManagedMembership.objects.order_by()
    some = list(channels.values_list("pk", flat=True)[:MOST_CHANNELS])
    keys = set(rows.filter(channel__in=some).values_list("pk", flat=True)[:most])
    for anchor, others in _anchors(words):
        accounts = AccountLink.objects.filter(own(anchor)).order_by()
        fitting = rows.filter(account__in=list(accounts.values_list("pk", flat=True)[:most]))
        for word in others:
            fitting = fitting.filter(own(word, "account__") | Q(channel__name__icontains=word))
        keys.update(fitting.values_list("pk", flat=True)[:most])
    return keys


def own(word: str, prefix: str = "") -> Q:
    """A username or address begins with the word, or it is the Moodle id."""
    number = whole_number(word)
    condition = Q() if number is None else Q(**{f"{prefix}moodle_user_id": number})
    for text in _spellings(word):
        for column in BEGINNINGS:
            condition |= Q(**{f"{prefix}{column}__begins": text})
    return condition


def _spellings(word: str) -> set[str]:
    """For databases that tell upper from lower case, of all letters or of those beyond ASCII."""
    spellings = {word, word.lower()}
    return spellings if word.isascii() else spellings | {word.upper(), word.capitalize()}


def channel_has(word: str) -> Q:
    """In the name of the channel, its group or its course."""
    courses = IntegratedCourse.objects.filter(course_has(word)).order_by()
    return (
        Q(name__icontains=word)
        | Q(group_name__icontains=word)
        | Q(moodle_course_id__in=courses.values("course_id"))
    )


def course_has(word: str) -> Q:
    return Q(shortname__icontains=word) | Q(fullname__icontains=word)


def _anchors(words: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Each word with the others."""
    distinct = list(dict.fromkeys(words))
    return [
        (word, [other for other in distinct if other != word]) for word in distinct[:MOST_ANCHORS]
    ]


def _channels(words: Sequence[str]) -> list[int]:
    """Those that have every word."""
    rows = ChannelLink.objects.order_by()
    for word in words:
        rows = rows.filter(channel_has(word))
    return list(rows.values_list("pk", flat=True)[:MOST_CHANNELS])


def _memberships_named(word: str) -> "QuerySet[ManagedMembership]":
    """Of the account of the query around it, in channels that have the word."""
    channels = ChannelLink.objects.filter(channel_has(word)).order_by()
    return ManagedMembership.objects.filter(
        account=OuterRef("pk"), channel__in=channels.values("pk")
    ).order_by()
