"""Moodle's times as days that people read. Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

from integration.domain.messages import msg


def day_of(seconds: int, zone: str) -> str:
    """The date in the zone; the bare number where no calendar has it (the columns are bigints)."""
    try:
        return datetime.fromtimestamp(seconds, ZoneInfo(zone)).strftime("%Y-%m-%d")
    except (OverflowError, OSError, ValueError):
        return msg("second {n}", n=seconds)
