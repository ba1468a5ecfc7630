"""Lists that several runs of one pass share, so that the server makes each of them once."""

from typing import Protocol

from integration.domain.remote_lists import RemoteLists, Shared


class SharedLists(Protocol):
    """Where a run finds the lists that another run of its pass read, and leaves its own.

    After a `recall` that answers None the caller reads, and then calls `keep` or `give_up`: others
    wait for it.
    """

    def recall(self, refused: int | None) -> Shared | None:
        """What is stored and recent, unless it is the reading `refused`; waits for a run that is
        reading. None: read.
        """
        ...

    def keep(self, lists: RemoteLists) -> None: ...

    def give_up(self) -> None:
        """The reading failed: somebody else may try."""
        ...
