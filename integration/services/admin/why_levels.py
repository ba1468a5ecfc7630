"""Which level decided a setting of a course, in words: for "Why?" and the pages of own settings."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext, gettext_lazy

from integration.domain.course_policies import CoursePolicies, CoursePolicy
from integration.domain.levels import SITE, Level, LevelKind, OwnSettings
from integration.domain.operations import ROLES
from integration.domain.state import Ending
from integration.models import IntegrationSettings
from integration.tables.choices import ENDINGS
from integration.translation import local

PATTERNS, ROLES_FIELD = "patterns", "roles"
LABELS = {PATTERNS: gettext_lazy("patterns"), ROLES_FIELD: gettext_lazy("included roles")}


def level_in_words(level: Level) -> str:
    """ "the category “Science”", "the course BIO101", "the site"."""
    if level.kind is LevelKind.SITE:
        return gettext("the site")
    name = level.name or str(level.number)
    if level.kind is LevelKind.CATEGORY:
        return gettext("the category “%(name)s”") % {"name": name}
    return gettext("the course %(name)s") % {"name": name}


def decided_by(policies: CoursePolicies, course_id: int, field: str) -> list[str]:
    """A sentence that names the level, none where no category or course has settings of its own."""
    if not policies.site.own:
        return []
    values = {
        "what": label_of(field),
        "level": level_in_words(policies.resolved(course_id).origin(field)),
    }
    return [gettext("Decided by the %(what)s of %(level)s.") % values]


def sentences(found: CoursePolicy) -> list[str]:
    """One for each setting that does not come from the site."""
    text = gettext("%(what)s: %(value)s, set for %(level)s.")
    return [
        text
        % {
            "what": label_of(field),
            "value": value_in_words(field, getattr(found.policy, field)),
            "level": level_in_words(level),
        }
        for field, level in found.origins.items()
        if level is not SITE
    ]


def own_in_words(own: OwnSettings) -> list[str]:
    """What a level has of its own: "channel name: {group}"."""
    return [
        f"{label_of(name)}: {value_in_words(name, value)}" for name, value in own.values.items()
    ]


def label_of(field: str) -> str:
    """What the setting is called on its page."""
    if field in LABELS:
        return str(LABELS[field])
    return str(IntegrationSettings._meta.get_field(field).verbose_name)  # type: ignore[union-attr]


def value_in_words(field: str, value: Any, role_names: Mapping[int, str] | None = None) -> str:
    """The value of a field of Policy, as a page shows it."""
    if field == PATTERNS:
        return ", ".join(f"{'−' if one.exclude else '+'} {one.text}" for one in value) or "—"
    if field == ROLES_FIELD:
        names = role_names or {}
        shown = (f"{names.get(role, role)} → {local(ROLES[room])}" for role, room in value.items())
        return ", ".join(shown) or "—"
    if field.startswith("on_"):
        return str(dict(ENDINGS)[Ending(value)]) if value else gettext("Go on as before")
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    return str(value) or "—"
