"""The doctor's checks for a page, grouped by side and with the bad ones first."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

from integration.services import checkup
from integration.services.moodle_doctor import check_moodle
from integration.services.state import Check, CheckStatus

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
        _checked("Rocket.Chat", _possible("Rocket.Chat", checkup.check_chat)),
        _checked(
            "rcsync",
            [*checkup.check_own_tables(), *_possible("Choices", checkup.check_choices)],
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
