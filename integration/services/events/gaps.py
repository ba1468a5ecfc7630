"""Ids of the log that were passed over and may still appear. Pure.

Moodle writes its rows in batches at the end of a request: a row may be committed after rows with
higher ids were read. What is missing below the highest id is remembered for a while and asked for.
"""

from collections.abc import Iterable

Gap = tuple[int, int, int]  # first id, last id, unix seconds at which it was noticed

PATIENCE = 300  # seconds; a request of Moodle that takes longer is looked after by the full pass
MOST = 500


def after(gaps: Iterable[Gap], last_id: int, read: Iterable[int], now: int) -> list[Gap]:
    """The gaps when rows `read` came, in part late; `last_id` was the highest one before."""
    ids = sorted(read)
    late = [number for number in ids if number <= last_id]
    found = [piece for gap in gaps if gap[2] > now - PATIENCE for piece in _without(gap, late)]
    expected = last_id + 1
    for number in ids:
        if number > expected:
            found.append((expected, number - 1, now))
        expected = max(expected, number + 1)
    return found[-MOST:]


def _without(gap: Gap, ids: Iterable[int]) -> list[Gap]:
    first, last, since = gap
    pieces = []
    for number in ids:
        if first <= number <= last:
            if number > first:
                pieces.append((first, number - 1, since))
            first = number + 1
    if first <= last:
        pieces.append((first, last, since))
    return pieces
