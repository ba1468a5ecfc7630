"""The forms of the admin: secrets that are written and never read, live previews, Moodle's
roles.
"""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from integration.domain import patterns
from integration.domain.addresses import origin
from integration.domain.errors import ConfigurationError, SyncError
from integration.domain.messages import msg
from integration.fields import SecretField
from integration.models import GroupRegexFilter, IntegratedCourse, IntegrationSettings
from integration.services.admin import moodle_search
from integration.services.sync import names
from integration.translation import in_words

SHOWN_END = 3  # characters of a token that tell it from another one
MOST_PASTED = 10_000  # characters
LONG_ENOUGH = 20  # a shorter secret shows none of its characters
VARIABLES = {
    "rocketchat_url": "url",
    "rocketchat_user_id": "user_id",
    "rocketchat_auth_token": "auth_token",
    "rocketchat_username": "username",
    "rocketchat_password": "password",
}
SECRETS = ("rocketchat_auth_token", "rocketchat_password")


def check_template(template: str, *, is_name: bool) -> None:
    """ValidationError with what is wrong with a naming template, or that of another text."""
    try:
        names.check_template(template, is_name=is_name)
    except ConfigurationError as error:
        raise forms.ValidationError(in_words(error)) from None


def check_course_template(template: str) -> None:
    """The same of the template by which channels of whole courses are named."""
    try:
        names.check_course_template(template)
    except ConfigurationError as error:
        raise forms.ValidationError(in_words(error)) from None


class SettingsForm(forms.ModelForm):
    """The site's settings. Where the environment sets a value, the field shows that and cannot be
    changed.
    """

    clear_rocketchat_auth_token = forms.BooleanField(
        label=_("Remove the stored token"), required=False, widget=UnfoldBooleanWidget
    )
    clear_rocketchat_password = forms.BooleanField(
        label=_("Remove the stored password"), required=False, widget=UnfoldBooleanWidget
    )

    class Meta:
        model = IntegrationSettings
        fields = "__all__"  # noqa: DJ007  # the admin's fieldsets name them
        widgets = {"protected_usernames": UnfoldAdminTextareaWidget(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, key in VARIABLES.items():
            if name not in self.fields:  # somebody who may only look
                continue
            if name in SECRETS:
                self._hide(name)
            if settings.ROCKETCHAT[key]:
                self._fix(name, settings.ROCKETCHAT[key])

    def _hide(self, name: str) -> None:
        """An empty password field; what is stored is described, never sent."""
        stored = getattr(self.instance, name)
        old = self.fields[name]
        self.fields[name] = forms.CharField(
            label=old.label,
            required=False,
            help_text=described(stored),
            widget=UnfoldAdminPasswordWidget(
                attrs={"autocomplete": "new-password", "spellcheck": "false"}, render_value=False
            ),
        )
        self.initial[name] = ""

    def _fix(self, name: str, value: str) -> None:
        secret = name in SECRETS
        self.fields[name].disabled = True
        self.fields[name].help_text = _(
            "Set by the environment variable %(name)s, which takes precedence over this page."
        ) % {"name": f"ROCKETCHAT_{VARIABLES[name].upper()}"}
        if secret:
            self.fields[name].widget.attrs["placeholder"] = _("set by the environment")
        else:
            self.initial[name] = value  # shown, and not stored: see clean()

    def clean_name_template(self) -> str:
        check_template(self.cleaned_data["name_template"], is_name=True)
        return str(self.cleaned_data["name_template"])

    def clean_course_name_template(self) -> str:
        check_course_template(self.cleaned_data["course_name_template"])
        return str(self.cleaned_data["course_name_template"])

    def clean_topic_template(self) -> str:
        return self._checked_text("topic_template")

    def clean_description_template(self) -> str:
        return self._checked_text("description_template")

    def clean_announcement_template(self) -> str:
        return self._checked_text("announcement_template")

    def _checked_text(self, name: str) -> str:
        template = str(self.cleaned_data[name])
        check_template(template, is_name=False)
        return template

    def clean(self) -> dict[str, Any]:
        """An empty secret keeps what is stored; only the tick removes it. A new one is for the
        address on the same page.
        """
        cleaned = super().clean() or {}
        for name in VARIABLES:
            if name in self.fields and self.fields[name].disabled:
                cleaned[name] = getattr(self.instance, name)
        for name in SECRETS:
            if name not in self.fields:
                continue
            if cleaned.get(f"clear_{name}"):
                cleaned[name] = ""
            elif not cleaned.get(name):
                cleaned[name] = getattr(self.instance, name)
                self._check_server(name, cleaned)
            else:
                self._bind(name, cleaned)
                self._check_storable(name, cleaned[name])
        return cleaned

    def _check_server(self, name: str, cleaned: dict[str, Any]) -> None:
        """Another address: what was entered for the old one is not sent there."""
        address = origin(cleaned.get("rocketchat_url", ""))
        entered_for = self.instance.server_of_secret(name)
        moved = "rocketchat_url" in self.changed_data and entered_for != address
        if moved and address and cleaned[name]:
            text = _(
                "It was entered for %(server)s and is not sent to another address. Enter it again "
                "for the new one, or remove it."
            )
            self.add_error(name, text % {"server": entered_for or "–"})

    def _bind(self, name: str, cleaned: dict[str, Any]) -> None:
        url = settings.ROCKETCHAT["url"] or cleaned.get("rocketchat_url", "")
        self.instance.set_secret(name, cleaned[name], url)
        if not url and "rocketchat_url" not in self.errors:
            text = _("Enter the address too: it is sent there and nowhere else.")
            self.add_error("rocketchat_url", text)

    def _check_storable(self, name: str, value: str) -> None:
        """Without a key nothing can be encrypted; better said here than when it is saved."""
        try:
            SecretField().get_prep_value(value)
        except ImproperlyConfigured as error:
            self.add_error(name, str(error))


def useless_ticks(row: IntegrationSettings) -> set[str]:
    """The ticks that would remove nothing: no such secret is stored here."""
    return {f"clear_{name}" for name in SECRETS if not getattr(row, name)}


def described(secret: str) -> Any:
    """What may be said about a stored secret."""
    if not secret:
        return _("Not set.")
    if len(secret) < LONG_ENOUGH:
        return _("Set. Leave empty to keep it.")
    return _("Set, ends in …%(end)s. Leave empty to keep it.") % {"end": secret[-SHOWN_END:]}


TYPED_AS_IT_IS = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}


class PatternForm(forms.ModelForm):
    """One pattern, or several pasted at once into a new one; the page shows what they choose."""

    class Meta:
        model = GroupRegexFilter
        fields = ("pattern", "kind", "enabled")

    others: tuple[str, ...] = ()  # the patterns of the further lines

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "pattern" not in self.fields:
            return
        old, is_new = self.fields["pattern"], self.instance.pk is None
        widget = UnfoldAdminTextareaWidget if is_new else UnfoldAdminTextInputWidget
        attrs: dict[str, Any] = {**TYPED_AS_IT_IS, **({"rows": 3} if is_new else {})}
        hint = _("Several lines make several patterns.") if is_new else ""
        self.fields["pattern"] = forms.CharField(
            label=old.label,
            help_text=format_lazy("{} {}", old.help_text, hint),
            max_length=MOST_PASTED,
            strip=False,
            widget=widget(attrs=attrs),
        )

    def clean_pattern(self) -> str:
        """The first line; the others are in `others`. Each error names its line."""
        text = self.cleaned_data["pattern"]
        lines = (patterns.lines_of(text) or [text]) if self.instance.pk is None else [text]
        taken: list[str] = []
        wrong: list[str] = []
        for number, line in enumerate(lines, 1):
            try:
                pattern = patterns.understood(line)
                self._check_new(pattern, taken)
            except SyncError as error:
                words = in_words(error)
                where = _("Line %(n)d: %(error)s") % {"n": number, "error": words}
                wrong.append(where if len(lines) > 1 else words)
            else:
                taken.append(pattern)
        if wrong:
            raise forms.ValidationError(wrong)
        self.others = tuple(taken[1:])
        return taken[0]

    def _check_new(self, pattern: str, taken: list[str]) -> None:
        same = GroupRegexFilter.objects.filter(pattern=pattern).exclude(pk=self.instance.pk)
        there = next((row for row in same if row.pattern == pattern), None)
        if there is not None:
            raise ConfigurationError(
                msg(
                    "The pattern {pattern} exists already, as: {kind}.",
                    pattern=repr(pattern),
                    kind=str(there.get_kind_display()),
                )
            )
        if pattern in taken:
            raise ConfigurationError(
                msg("The pattern {pattern} is entered twice.", pattern=repr(pattern))
            )


class CourseForm(forms.ModelForm):
    """A course entered by its id; Moodle says whether it exists and what it is called."""

    class Meta:
        model = IntegratedCourse
        fields = "__all__"  # noqa: DJ007  # the admin's fields name them

    unchecked = False  # Moodle could not be read

    def clean_course_id(self) -> int:
        number: int = self.cleaned_data["course_id"]
        try:
            course = moodle_search.course_named(number)
        except SyncError:
            self.unchecked = True
            return number
        if course is None:
            raise forms.ValidationError(
                _("Moodle has no course with the id %(id)d."), params={"id": number}
            )
        self.instance.shortname, self.instance.fullname = course
        return number


class RowForm(forms.ModelForm):
    """A row of a list that is edited in place: each field says to a screen reader what it is of."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if not field.widget.is_hidden:
                field.widget.attrs["aria-label"] = f"{field.label}: {self.instance}"

    def add_error(self, field: str | None, error: Any) -> None:
        """What is wrong with a column that the list does not edit is said about the whole row."""
        named = getattr(error, "error_dict", {})
        if any(name not in self.fields for name in named):
            error = forms.ValidationError([text for texts in named.values() for text in texts])
        super().add_error(field, error)
