"""The doctor's checks for a page, grouped by side and with the bad ones first."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

from integration.domain.state import Check, CheckStatus
from integration.services.monitoring import diagnostics
from integration.services.moodle.doctor import check_moodle

RANK = {CheckStatus.FAILED: 0, CheckStatus.WARNING: 1, CheckStatus.OK: 2}


@dataclass(frozen=True, slots=True)
class Checked:
    """The checks of one side."""

    side: str
    checks: tuple[Check, ...]

    @property
    def worst(self) -> str:
        return min((check.status for check in self.checks), key=RANK.__getitem__).value

    @property
    def bad(self) -> int:
        return sum(check.status is not CheckStatus.OK for check in self.checks)


def check_everything() -> list[Checked]:
    """Each side on its own, so that one that fails hides nothing of the others."""
    return [
        _checked("Moodle", check_moodle()),
        _checked("Rocket.Chat", _possible("Rocket.Chat", diagnostics.check_chat)),
        _checked(
            "rcsync",
            [*diagnostics.check_own_tables(), *_possible("Choices", diagnostics.check_choices)],
        ),
    ]


def _possible(name: str, checks: Callable[[], list[Check]]) -> list[Check]:
    """Without readable settings the other checks are not possible; that is a finding too."""
    try:
        return checks()
    except ImproperlyConfigured as error:
        return [Check(name, CheckStatus.FAILED, str(error))]


def _checked(side: str, checks: Iterable[Check]) -> Checked:
    return Checked(side, tuple(sorted(checks, key=lambda check: RANK[check.status])))
