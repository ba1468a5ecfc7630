"""The settings of categories and courses, read from our table as values."""

from typing import Any

from integration.domain.levels import Level, LevelKind, OwnSettings, fields_of
from integration.domain.patterns import Pattern
from integration.domain.state import Ending, RoomRole
from integration.models import LevelSettings
from integration.tables.levels import lines

PLAIN = (
    "name_template",
    "topic_template",
    "description_template",
    "announcement_template",
    "private_channels",
    "whole_course",
    "course_name_template",
)
"""Columns that are stored as the policy has them."""


def own_settings() -> tuple[OwnSettings, ...]:
    """Of every level that has any, in a fixed order."""
    found = (as_value(row) for row in LevelSettings.objects.order_by("level", "moodle_id"))
    return tuple(own for own in found if own.values)


def as_value(row: LevelSettings) -> OwnSettings:
    """Columns that are NULL are not in it."""
    level = Level(LevelKind(row.level), row.moodle_id, row.name)
    values: dict[str, Any] = {name: getattr(row, name) for name in PLAIN}
    for name in fields_of(level.kind):
        if name.startswith("on_"):
            values[name] = getattr(row, name)
    own = {name: _decided(name, value) for name, value in values.items() if value is not None}
    if row.include_patterns is not None:
        own["patterns"] = _patterns(row)
    if row.roles is not None:
        own["roles"] = {int(role): RoomRole(room) for role, room in row.roles.items()}
    return OwnSettings(level, own)


def _decided(name: str, value: Any) -> Any:
    """ "" of an ending means that the channels go on as before."""
    if not name.startswith("on_"):
        return value
    return Ending(value) if value else None


def _patterns(row: LevelSettings) -> tuple[Pattern, ...]:
    return (
        *(Pattern(line) for line in lines(row.include_patterns)),
        *(Pattern(line, exclude=True) for line in lines(row.exclude_patterns)),
    )
