"""How operations and runs end."""

from enum import StrEnum


class Result(StrEnum):
    DONE = "done"
    FAILED = "failed"  # the server refused it, or its effect is unknown
    SKIPPED = "skipped"  # could not be tried because something it needs failed
    NOT_TRIED = "not_tried"  # the run was stopped before it


class RunStatus(StrEnum):
    """How a run ended, seen from the line."""

    PLANNED = "planned"  # a preview: nothing was written
    DONE = "done"
    FAILED = "failed"  # some operation failed; the others were done
    STOPPED = "stopped"  # ended early: cancelled, our credentials refused, or the server is down
    QUARANTINED = "quarantined"  # over a limit of the safety guard: something waits for a person
