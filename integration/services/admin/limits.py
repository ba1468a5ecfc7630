"""The limits that hold without any of one's own, and where each comes from."""

from typing import NamedTuple

from integration.domain.policy import Limits, Removal, Window
from integration.models import IntegrationSettings, RemovalLimit


class UsualLimit(NamedTuple):
    """`built_in`: not the percent of the settings, which is lower. `replaced`: an own limit holds
    instead.
    """

    what: str
    span: str
    percent: int
    built_in: bool
    replaced: bool


def usual_limits() -> list[UsualLimit]:
    """In the order of the list of own limits. Two queries."""
    percent = _setting("limit_percent")
    own = set(RemovalLimit.objects.values_list("what", "span"))
    limits = Limits(percent=percent)
    found = []
    for what in Removal:
        for span in Window:
            usual = limits.of(what, span).percent
            if usual is None:
                continue
            found.append(
                UsualLimit(
                    what=str(RemovalLimit.Removal(what).label),
                    span=str(RemovalLimit.Window(span).label),
                    percent=usual,
                    built_in=usual != percent,
                    replaced=(what, span) in own,
                )
            )
    return found


def from_count() -> int:
    """Fewer than this are never held."""
    return _setting("limit_from")


def _setting(column: str) -> int:
    """Without the stored secrets, which need not be readable here."""
    found = IntegrationSettings.objects.values_list(column, flat=True).first()
    return int(getattr(IntegrationSettings(), column) if found is None else found)
