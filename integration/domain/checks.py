"""What a check of the doctor found. Values only."""

from dataclasses import dataclass
from enum import StrEnum


class CheckStatus(StrEnum):
    OK = "ok"
    WARNING = "warning"  # works, but something is missing or slow
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor: what was looked at, what was found, and how to repair it ("" when all
    is well).
    """

    name: str
    status: CheckStatus
    found: str
    fix: str = ""
