"""Settings of a category or a course of its own, which go before what the site says. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class LevelKind(StrEnum):
    """Where a setting can be made, from the widest to the nearest."""

    SITE = "site"
    CATEGORY = "category"
    COURSE = "course"


class Level(NamedTuple):
    """One place at which settings are made. Identity: `kind` and `number`, a Moodle id (0: the
    site). `name` is what people call it.
    """

    kind: LevelKind
    number: int = 0
    name: str = ""

    @property
    def key(self) -> tuple[LevelKind, int]:
        return self.kind, self.number


SITE = Level(LevelKind.SITE)

FOR_COURSES = ("on_course_deleted", "on_course_removed")
"""Only site and course can say these: a course that is gone has no category any more."""

FOR_ALL = (
    "name_template",
    "topic_template",
    "description_template",
    "announcement_template",
    "private_channels",
    "whole_course",
    "course_name_template",
    "patterns",
    "roles",
    "on_group_deleted",
    "on_pattern_unmatched",
    "on_group_hidden",
    "on_course_hidden",
    "on_course_ended",
    "on_course_not_begun",
    "on_category_hidden",
)
"""Fields of Policy that a category or a course can have of its own."""


def fields_of(kind: LevelKind) -> tuple[str, ...]:
    """Fields of Policy that a level of this kind can have of its own."""
    return FOR_ALL if kind is LevelKind.CATEGORY else (*FOR_ALL, *FOR_COURSES)


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """What one category or course has of its own: field of Policy -> value.

    A field that is not in `values` is inherited; None is a value where the field may be None.
    ValueError for a field that such a level cannot have.
    """

    level: Level
    values: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = set(self.values) - set(fields_of(self.level.kind))
        if unknown:
            raise ValueError(f"a {self.level.kind} has no {', '.join(sorted(unknown))} of its own")
