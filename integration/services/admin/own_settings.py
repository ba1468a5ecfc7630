"""The settings of a category or a course of its own: what is inherited from where, and storing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext

from integration.domain.course_policies import CoursePolicy, resolve
from integration.domain.errors import ConfigurationError
from integration.domain.levels import Level, LevelKind, OwnSettings, fields_of
from integration.models import IntegratedCategory, LevelSettings
from integration.services.admin import moodle_search, previews, why_levels
from integration.services.admin.previews import NamePreview
from integration.services.ledger.level_settings import as_value, own_settings
from integration.services.ledger.managed import integrated_courses
from integration.services.ledger.policy import load_policy
from integration.services.moodle.reader import MoodleReader

FOUND = 200  # categories on one page


@dataclass(frozen=True, slots=True)
class Place:
    """One category or course. `above`: the ids of the categories it inherits from, from the top.

    `title` has the names of the categories above it.
    """

    level: Level
    above: tuple[int, ...]
    title: str


@dataclass(frozen=True, slots=True)
class Inherited:
    """One setting as it would be without a value of its own: the value, and where it is from."""

    value: Any
    in_words: str
    origin: str


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that the page of one level shows. `own` has the names of its own settings."""

    place: Place
    inherited: Mapping[str, Inherited]
    own: OwnSettings
    effective: CoursePolicy


@dataclass(frozen=True, slots=True)
class CategoryLine:
    """A category in the list. `own` is what it has of its own, in words; `joins`: its new courses
    join by themselves.
    """

    number: int
    name: str
    own: tuple[str, ...]
    joins: bool = False


def place_of(kind: LevelKind, number: int) -> Place | None:
    """None where Moodle has no such category or course. SyncError where Moodle cannot be read."""
    reader = MoodleReader()
    names = reader.categories()
    if kind is LevelKind.CATEGORY:
        path = reader.category_paths().get(number)
        if path is None:
            return None
        title = names.get(number) or str(number)
        return Place(Level(kind, number, title.rpartition(" / ")[2]), path[:-1], title)
    course = reader.courses([number]).get(number)
    if course is None:
        return None
    category = names.get(course.categories[-1], "") if course.categories else ""
    title = " / ".join(filter(None, [category, course.fullname]))
    return Place(Level(kind, number, course.shortname), course.categories, title)


def see(place: Place) -> Seen:
    """What the level has and what it would inherit. SyncError where Moodle cannot be read."""
    role_names = MoodleReader().roles()
    site = load_policy(role_names)
    level = place.level
    own = next((one for one in site.own if one.level.key == level.key), OwnSettings(level))
    is_course = level.kind is LevelKind.COURSE
    above = resolve(site, place.above, None)
    path = place.above if is_course else (*place.above, level.number)
    found = {
        name: Inherited(
            getattr(above.policy, name),
            why_levels.value_in_words(name, getattr(above.policy, name), role_names),
            _origin(above.origin(name)),
        )
        for name in fields_of(level.kind)
    }
    return Seen(place, found, own, resolve(site, path, level.number if is_course else None))


def _origin(level: Level) -> str:
    """ "as the site", "from the category “Science”"."""
    if level.kind is LevelKind.SITE:
        return gettext("as the site")
    return gettext("from %(level)s") % {"level": why_levels.level_in_words(level)}


def store(place: Place, columns: Mapping[str, Any]) -> bool:
    """Store what the level has of its own; columns that are not named are inherited from now on.

    Says whether anything changed. ValidationError where the sync could not use it.
    """
    level = place.level
    with transaction.atomic():
        rows = LevelSettings.objects.select_for_update()
        row = rows.filter(level=level.kind, moodle_id=level.number).first()
        if row is None and not columns:
            return False
        row = row or LevelSettings(level=level.kind, moodle_id=level.number)
        before = as_value(row)
        for field in LevelSettings._meta.concrete_fields:
            if field.name not in ("id", "level", "moodle_id", "name"):
                setattr(row, field.name, columns.get(field.name))
        row.name = level.name
        row.full_clean()
        row.save()
    return as_value(row).values != before.values


def categories(search: str = "") -> tuple[list[CategoryLine], bool]:
    """The first categories with every word of `search` in their names, and whether there are more.

    Those with settings of their own, and those whose new courses join, come first.
    """
    own = {
        one.level.number: tuple(why_levels.own_in_words(one))
        for one in own_settings()
        if one.level.kind is LevelKind.CATEGORY
    }
    rows = IntegratedCategory.objects.filter(enabled=True)
    joining = set(rows.values_list("category_id", flat=True))
    words = search.casefold().split()
    lines = [
        CategoryLine(number, name, own.get(number, ()), number in joining)
        for number, name in moodle_search.categories()
        if all(word in name.casefold() for word in words)
    ]
    lines.sort(key=lambda line: not (line.own or line.joins))  # by name within
    return lines[:FOUND], len(lines) > FOUND


def courses_with_own() -> list[tuple[OwnSettings, tuple[str, ...]]]:
    """Courses that have settings of their own, and these in words."""
    return [
        (one, tuple(why_levels.own_in_words(one)))
        for one in own_settings()
        if one.level.kind is LevelKind.COURSE
    ]


def example_names(place: Place, template: str) -> NamePreview:
    """What the groups of the integrated courses of this level would be called."""
    reader = MoodleReader()
    inside = _courses_of(place.level, reader)
    groups, _more = moodle_search.groups_of_integrated(previews.GROUPS)
    ours = [pair for pair in groups if pair[1].course_id in inside]
    if not ours:
        raise ConfigurationError(gettext("No integrated course here has a group yet."))
    return previews.names_of(template, ours, see(place).effective.policy.patterns)


def _courses_of(level: Level, reader: MoodleReader) -> set[int]:
    """The integrated courses of the level."""
    if level.kind is LevelKind.COURSE:
        return {level.number}
    found = reader.courses(integrated_courses())
    return {number for number, course in found.items() if level.number in course.categories}
