"""How long events are collected before a run looks at what they name. Pure.

One event costs a run, and so do a hundred that one run looks at together: whoever is invited to a
room is invited in one request, and the lists of the server are read once. So a run waits for more
of them where many come, and not at all where one comes.
"""

LONGEST_SECONDS = 5.0  # from the first event on: effects are promised within 10 s
SECONDS_PER_EVENT = 0.5  # a run for one of them takes 0.3 to 2 s: docs/performance.md


def seconds_to_wait(backlog: int, since_first: float) -> float:
    """Until the run begins that looks at the events collected so far.

    `backlog` are the events that are not dealt with: those collected and those of runs under way.
    `since_first` are the seconds since the first collected one; a negative number comes from a
    clock that was wrong, and is no reason to wait.
    """
    if since_first < 0:
        return 0.0
    window = min(LONGEST_SECONDS, SECONDS_PER_EVENT * max(0, backlog - 1))
    return max(0.0, window - since_first)
