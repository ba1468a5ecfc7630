"""Stored moments of what has happened, read with a clock that may have been wrong.

A machine whose clock was ahead leaves moments in the future. Such a moment says nothing: a beat is
no sign of life, a look did not take place, and a lease never holds longer than its length from now.
Days and hours that are meant to be ahead (schedules, due dates) are not read through this module.
"""

from datetime import datetime, timedelta

from django.db.models import Q

CLOCK_SKEW = timedelta(seconds=60)  # by which the clocks of two machines may differ


def passed(moment: datetime | None, now: datetime) -> datetime | None:
    """The moment, None where it lies in the future."""
    return moment if moment is not None and moment <= now + CLOCK_SKEW else None


def within(field: str, period: timedelta, now: datetime) -> Q:
    """`field` lies in the last `period`."""
    return Q(**{f"{field}__gte": now - period, f"{field}__lte": now + CLOCK_SKEW})


def not_within(field: str, period: timedelta, now: datetime) -> Q:
    """`field` is older than `period`, or says nothing."""
    return Q(**{f"{field}__lt": now - period}) | Q(**{f"{field}__gt": now + CLOCK_SKEW})


def run_out(field: str, length: timedelta, now: datetime) -> Q:
    """A lease of this length that ends at `field` has ended, or was taken by a wrong clock."""
    return Q(**{f"{field}__lt": now}) | Q(**{f"{field}__gt": now + length + CLOCK_SKEW})
