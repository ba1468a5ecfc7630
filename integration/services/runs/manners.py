"""When a big run may start: the quiet hours, for runs that nobody is waiting for. Pure."""

from dataclasses import dataclass
from datetime import time

from integration.domain.errors import Busy
from integration.domain.messages import said


class Postponed(Busy):
    """Nothing is wrong: it is not the hour for so big a run. It is tried again by itself."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begin` to `end`, over midnight too. Runs of `big_run` changes or more keep to them."""

    big_run: int
    begin: time | None = None
    end: time | None = None

    def check(self, changes: int, now: time) -> None:
        """Postponed when so many changes have to wait at this hour."""
        if changes >= self.big_run and not self.allow(now):
            raise Postponed(
                said(
                    "A run with {changes} changes waits for the quiet hours, {hours}.",
                    changes=f"{changes:,}",
                    hours=self.in_words(),
                ),
                hint=said("It is tried again by itself. Start it by hand to have it now."),
            )

    def allow(self, now: time) -> bool:
        if self.begin is None or self.end is None or self.begin == self.end:
            return True
        if self.begin < self.end:
            return self.begin <= now < self.end
        return now >= self.begin or now < self.end

    def in_words(self) -> str:
        return said("{begin} to {end}", begin=f"{self.begin:%H:%M}", end=f"{self.end:%H:%M}")
