"""What became of a plan: one Outcome per operation, and the report of the whole run.

A first sync has hundreds of thousands of operations that were simply done: those are counted, and
only what the end of a run asks about is kept.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from integration.domain.operations import AddMembers, Deactivate, Operation
from integration.domain.outcomes import Result, RunCause, RunStatus
from integration.domain.room_texts import NO_TEXTS, RoomTexts
from integration.domain.state import Course
from integration.services.sync.differences import Remaining
from integration.services.sync.grace import Waiting
from integration.services.sync.guard import Blocks, Breach
from integration.services.sync.plan import Plan
from integration.services.sync.sizes import Size


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened to one operation. The first block is what the server gave back, the second what
    it refused.

    `users_count` is the room's count after the call where the server tells it, `texts` those that
    a new channel got; `dropped` are people (Moodle user ids) whom the operation named and the
    server, or an earlier failure, left out.
    """

    operation: Operation
    result: Result
    account_id: str = ""
    username: str = ""
    room_id: str = ""
    users_count: int | None = None
    texts: RoomTexts = NO_TEXTS
    dropped: tuple[int, ...] = ()
    refused: tuple["Outcome", ...] = ()
    """Of a list of people, one for each whom the server refused; they are in `dropped` too."""

    error: str = ""
    hint: str = ""
    endpoint: str = ""
    status: int = 0
    code: str = ""
    answer: str = ""
    in_doubt: bool = False  # failed, and may have had its effect all the same
    transient: bool = False  # failed, and the same call may work later

    @property
    def is_kept(self) -> bool:
        """Whether the end of a run asks about it: it was not simply done, or has to be seen."""
        return (
            self.result is not Result.DONE
            or bool(self.dropped)
            or self.operation.seen_later
            or isinstance(self.operation, AddMembers | Deactivate)  # second_look.py
        )


@dataclass(slots=True)
class Tally:
    """How many operations ended how, by kind and by course, and people left out, by course."""

    by_kind: Counter[tuple[str, Result]] = field(default_factory=Counter)
    by_course: Counter[tuple[int | None, Result]] = field(default_factory=Counter)
    left_out: Counter[int | None] = field(default_factory=Counter)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            operation, course = outcome.operation, outcome.operation.about.course_id
            self.by_kind[operation.kind, outcome.result] += 1
            self.by_course[course, outcome.result] += 1
            if outcome.dropped:
                self.left_out[course] += len(outcome.dropped)


@dataclass(frozen=True, slots=True)
class RunReport:
    """The result of one run. `outcomes` are those that are kept, `tally` counts all."""

    plan: Plan
    status: RunStatus
    outcomes: tuple[Outcome, ...] = ()
    tally: Tally = field(default_factory=Tally)
    breaches: tuple[Breach, ...] = ()
    stopped_because: str = ""
    held: tuple[Operation, ...] = ()  # waits for a person
    waiting: tuple[Waiting, ...] = ()  # waits for its day
    sizes: Mapping[int, Size] = field(default_factory=dict)  # what Moodle told of each course
    remaining: Remaining = field(default_factory=Remaining)  # stays different although it was seen
    cause: RunCause = RunCause.NONE  # of a run that was stopped
    courses: Mapping[int, Course] = field(default_factory=dict)  # those that were read, by id

    @property
    def applied(self) -> Mapping[str, int]:
        """Number of done operations by kind."""
        kinds = self.tally.by_kind.items()
        return {kind: number for (kind, result), number in kinds if result is Result.DONE}

    @property
    def tried(self) -> bool:
        """Whether anything was to be carried out."""
        return bool(self.tally.by_kind)

    @property
    def doubtful(self) -> bool:
        """Moodle or the server may not be the right one: what was found says nothing."""
        return any(breach.blocks is Blocks.EVERYTHING for breach in self.breaches)

    @property
    def failed(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.result is Result.FAILED)
