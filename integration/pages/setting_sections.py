"""The settings in sections: an index, a search over all of them, each section saved on its own."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from integration.forms import SettingsForm
from integration.models import IntegrationSettings
from integration.pages.cells import Groups, complete
from integration.pages.setting_groups import SETTING_GROUPS

ALL = "all"
LONGEST_SEARCH = 100
Section = tuple[Any, dict[str, Any]]


class SettingHit(NamedTuple):
    """A setting that a search finds, and where it is."""

    label: str
    help: str
    section: str
    url: str


class SettingsInSections:
    """Mixed into the ModelAdmin of the settings. Without a section all of them are on one page."""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        groups = super().get_fieldsets(request, obj)  # type: ignore[misc]
        chosen = _chosen(request)
        return [group for group in groups if key_of(group) == chosen] or groups

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect(address(key_of(SETTING_GROUPS[0])))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Stay in the section that was saved."""
        response: HttpResponse = super().response_change(request, obj)  # type: ignore[misc]
        chosen = _chosen(request)
        return redirect(address(chosen)) if chosen and response.status_code == 302 else response

    def sections_context(self, request: HttpRequest) -> dict[str, Any]:
        """For the index above the form."""
        search = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
        chosen = _chosen(request) or ALL
        sections = [(key_of(group), group[0]) for group in _all()]
        return {
            "sections": [
                (title, address(key), key == chosen)
                for key, title in [*sections, (ALL, _("All settings"))]
            ],
            "search": search,
            "found": list(_found(search)) if search else [],
        }


def address(section: str) -> str:
    page = reverse("admin:integration_integrationsettings_change", args=[1])
    return page if section == ALL else f"{page}?section={section}"


def key_of(group: Section) -> str:
    """A section is called after its first setting, which no language changes."""
    return str(group[1]["fields"][0])


def _chosen(request: HttpRequest) -> str:
    wanted = request.GET.get("section", "")
    return wanted if wanted in {key_of(group) for group in _all()} else ""


def _all() -> Groups:
    return complete(SETTING_GROUPS)


def _found(search: str) -> Iterator[SettingHit]:
    """Settings whose name, explanation or section holds every word."""
    words = search.casefold().split()
    for group in _all():
        title, options = group
        for name in options["fields"]:
            label, text = _words_of(name)
            told = f"{label} {text} {title}".casefold()
            if all(word in told for word in words):
                yield SettingHit(label, text, str(title), f"{address(key_of(group))}#id_{name}")


def _words_of(name: str) -> tuple[str, str]:
    declared = SettingsForm.declared_fields.get(name)
    if declared is not None:
        return str(declared.label), str(declared.help_text)
    field = IntegrationSettings._meta.get_field(name)
    label = str(getattr(field, "verbose_name", name))
    return label[:1].upper() + label[1:], str(getattr(field, "help_text", ""))
