"""How operations and runs end."""

from enum import StrEnum
from typing import NamedTuple

from integration.domain.state import RemoteChannel


class Result(StrEnum):
    DONE = "done"
    FAILED = "failed"  # the server refused it, or its effect is unknown
    SKIPPED = "skipped"  # could not be tried because something it needs failed
    NOT_TRIED = "not_tried"  # the run was stopped before it
    LEFT_ALONE = "left_alone"  # somebody in Rocket.Chat decided otherwise (a ban): no failure


class MadeChannel(NamedTuple):
    """A new room, and the usernames that a policy of the server left out of it (ABAC)."""

    channel: RemoteChannel
    left_out: frozenset[str] = frozenset()


class RunStatus(StrEnum):
    """How a run ended, seen from the line."""

    PLANNED = "planned"  # a preview: nothing was written
    DONE = "done"
    FAILED = "failed"  # some operation failed; the others were done
    STOPPED = "stopped"  # ended early: cancelled, our credentials refused, or the server is down
    QUARANTINED = "quarantined"  # over a limit of the safety guard: something waits for a person


class RunCause(StrEnum):
    """Why a run could not do all of its work. Stored, so that pages need not read its message."""

    NONE = ""
    CHAT_AWAY = "chat_away"  # Rocket.Chat does not answer, or not as Rocket.Chat does
    REFUSED = "refused"  # Rocket.Chat refuses our account, or what it needs
    MOODLE = "moodle"  # Moodle was not read completely
    SETTINGS = "settings"  # somebody has to change a setting first
    CRASH = "crash"  # its process died, or an error that nobody foresaw ended it
    STALE = "stale"  # the plan was not the one that was looked at any more
    BUSY = "busy"  # another run held the courses, or it was not the hour
    CANCELLED = "cancelled"


TELLS_NOTHING = frozenset({RunCause.STALE, RunCause.BUSY, RunCause.CANCELLED})
"""Such a run ended by a person's click or by the clock, or goes on in another run: the state of its
courses stays."""

AWAY = frozenset({RunCause.CHAT_AWAY, RunCause.MOODLE})
"""A server does not answer: the same run may go well as soon as it does."""
