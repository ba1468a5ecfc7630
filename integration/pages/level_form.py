"""The form of one category's or course's own settings: a tick says what is its own."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from integration.domain import patterns
from integration.domain.errors import ConfigurationError
from integration.domain.numbers import whole_number
from integration.domain.patterns import Pattern
from integration.domain.state import RoomRole
from integration.forms import check_course_template, check_template
from integration.models import IntegrationSettings, LevelSettings
from integration.services.admin.own_settings import Seen
from integration.services.admin.why_levels import PATTERNS, ROLES_FIELD, label_of
from integration.tables.choices import ENDINGS, GO_ON, NOT_BEGUN
from integration.tables.levels import lines
from integration.translation import in_words

NO_END = (  # may go on as before
    *("on_course_hidden", "on_course_ended", "on_course_not_begun"),
    "on_category_hidden",
)
SWITCHES = {
    "private_channels": (
        ("yes", _("Private: only members see them")),
        ("no", _("Public: everybody can read them")),
    ),
    "whole_course": (("yes", _("Yes")), ("no", _("No"))),
}
COLUMNS = {PATTERNS: ("include_patterns", "exclude_patterns")}
"""The columns of a setting, where they are not one of the same name."""


class LevelForm(forms.Form):
    """Only what is ticked as the level's own is read from what was sent and checked; all other
    fields show what is inherited and cannot be changed.
    """

    include_patterns = forms.CharField(
        label=_("include patterns"),
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=_("One per line. They replace all inherited ones."),
    )
    exclude_patterns = forms.CharField(
        label=_("exclude patterns"),
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("One per line. Exclude takes precedence over include."),
    )

    def __init__(self, seen: Seen, data: QueryDict | None = None) -> None:
        self.seen = seen
        self.own = set(seen.own.values) if data is None else set(data.getlist("own"))
        self.own &= set(seen.inherited)
        super().__init__(data, initial=self._initial())
        for name in seen.inherited:
            if name not in (PATTERNS, ROLES_FIELD):
                self.fields[name] = _field(name)
            for column in self._columns(name):
                self.fields[column].disabled = name not in self.own
        self.roles = self._roles(data)

    def _columns(self, name: str) -> tuple[str, ...]:
        """None for the roles, which have a table of their own."""
        return () if name == ROLES_FIELD else COLUMNS.get(name, (name,))

    def _initial(self) -> dict[str, Any]:
        values = {name: one.value for name, one in self.seen.inherited.items()}
        values |= self.seen.own.values
        rows: list[Pattern] = list(values.pop(PATTERNS))
        found = {
            "include_patterns": "\n".join(row.text for row in rows if not row.exclude),
            "exclude_patterns": "\n".join(row.text for row in rows if row.exclude),
        }
        return found | {name: _as_text(value) for name, value in values.items()}

    def _roles(self, data: QueryDict | None) -> dict[int, str]:
        """Role id -> channel role: what was sent where it is the level's own, else what holds."""
        if data is None or ROLES_FIELD not in self.own:
            holds = self.seen.own.values.get(ROLES_FIELD, self.seen.inherited[ROLES_FIELD].value)
            return {number: str(role) for number, role in holds.items()}
        known = {role.value for role in RoomRole}
        found: dict[int, str] = {}
        for text in data.getlist("role"):
            room_role = data.get(f"room_role_{text}", "")
            if (number := whole_number(text)) is not None:
                found[number] = room_role if room_role in known else RoomRole.MEMBER.value
        return found

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if PATTERNS in self.own:
            for name in COLUMNS[PATTERNS]:
                self._check_patterns(name, cleaned.get(name, ""))
            if not lines(cleaned.get("include_patterns", "")):
                text = _("Enter at least one, for example .* for every group.")
                self.add_error("include_patterns", text)
        if ROLES_FIELD in self.own and not self.roles:
            text = _("Tick at least one role, or inherit the roles.")
            self.add_error(None, forms.ValidationError(text, code=ROLES_FIELD))
        return cleaned

    def _check_patterns(self, name: str, text: str) -> None:
        for line in lines(text):
            try:
                patterns.check(line)
            except ConfigurationError as error:
                self.add_error(name, in_words(error))

    def columns(self) -> dict[str, Any]:
        """Of a valid form: the columns that are the level's own, with their values."""
        names = [column for name in self.own for column in self._columns(name)]
        found: dict[str, Any] = {name: self.cleaned_data[name] for name in names}
        for name in SWITCHES.keys() & found.keys():
            found[name] = found[name] == "yes"
        if ROLES_FIELD in self.own:
            found["roles"] = {str(number): role for number, role in self.roles.items()}
        return found

    def rows(self) -> list[Mapping[str, Any]]:
        """For the template: each setting with its fields."""
        return [
            {
                "name": name,
                "label": label_of(name),
                "help": _help(name),
                "own": name in self.own,
                "inherited": one,
                "fields": [self[column] for column in self._columns(name)],
                "is_roles": name == ROLES_FIELD,
            }
            for name, one in self.seen.inherited.items()
        ]


def _field(name: str) -> forms.Field:
    label = label_of(name)
    if name in SWITCHES:
        switch = SWITCHES[name]
        return forms.ChoiceField(label=label, choices=switch, widget=UnfoldAdminSelectWidget)
    if name.startswith("on_"):
        required = name not in NO_END
        return forms.ChoiceField(
            label=label, choices=_endings(name), required=required, widget=UnfoldAdminSelectWidget
        )
    return forms.CharField(
        label=label,
        max_length=_length(name),
        required=name in ("name_template", "course_name_template"),
        validators=[_template_check(name)],
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


def _length(name: str) -> int | None:
    column = LevelSettings._meta.get_field(name)
    return getattr(column, "max_length", None)


def _endings(name: str) -> list[tuple[str, Any]]:
    if name == "on_course_not_begun":
        return NOT_BEGUN
    return [GO_ON, *ENDINGS] if name in NO_END else ENDINGS


def _template_check(name: str) -> Callable[[str], None]:
    if name == "course_name_template":
        return check_course_template
    return partial(check_template, is_name=name == "name_template")


def _as_text(value: Any) -> Any:
    """As a field shows it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else value


def _help(name: str) -> str:
    if name in (PATTERNS, ROLES_FIELD):
        return ""
    return str(IntegrationSettings._meta.get_field(name).help_text)  # type: ignore[union-attr]
