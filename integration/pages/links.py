"""Columns and actions of the lists of accounts and channels."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from integration.models import AccountLink, ChannelLink, ManagedMembership
from integration.pages import access, cells, link_cells
from integration.services.admin import link_lists, links
from integration.services.in_course.permalinks import Permalinks


class _Linked:
    """Shared by both lists. What the rows of a page show is read when its rows are known, so no
    page is kept in the ModelAdmin, which many threads use.
    """

    fill: Any

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("integration.delete_channellink"))

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        rows = super().get_changelist_instance(request)  # type: ignore[misc]
        self.fill(rows.result_list)
        return rows


class AccountActions(_Linked):
    actions = ("stop_managing",)

    @admin.action(description=_("Stop managing …"), permissions=["stop"])
    def stop_managing(
        self, request: HttpRequest, queryset: QuerySet[AccountLink]
    ) -> HttpResponse | None:
        return _stop(request, queryset, links.stop_managing_accounts)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AccountLink], search_term: str
    ) -> tuple[QuerySet[AccountLink], bool]:
        found = link_lists.search_accounts(queryset, search_term)
        if not found.moodle_asked:
            text = gettext("Moodle cannot be read now, so real names were not searched.")
            messages.warning(request, text)
        if found.is_cut:
            tell_cut(request)
        return found.rows, False

    @staticmethod
    def fill(rows: Sequence[Any]) -> None:
        """With `facts` and `places`."""
        facts, places = link_lists.account_facts(rows), links.places()
        for row in rows:
            vars(row).update(facts=facts[row.pk], places=places)

    @display(description=_("person"), ordering="username", header=True)
    def person(self, row: Any) -> list[SafeString | str]:
        name = row.facts.person.name if row.facts.person else row.username
        return [cells.clipped(name), cells.clipped(row.username)]

    @display(description=_("e-mail"), ordering="moodle_email")
    def email(self, row: Any) -> str:
        return (row.facts.person.email if row.facts.person else row.moodle_email) or "–"

    @display(description=_("status"), ordering="deactivated")
    def state(self, row: Any) -> SafeString:
        return link_cells.account_badge(row)

    @display(description=_("origin"), ordering="created")
    def origin(self, row: AccountLink) -> str:
        return link_cells.origin(row)

    @display(description=_("channels"))
    def channel_count(self, row: Any) -> int:
        return int(row.facts.channels)

    @display(description=_("last change"))
    def changed(self, row: Any) -> SafeString | str:
        return cells.when(row.facts.changed) if row.facts.changed else "–"

    @display(description=_("open"))
    def open(self, row: Any) -> SafeString:
        return link_cells.icons(
            row.places.moodle_user(row.moodle_user_id),
            row.places.account(row.rocketchat_user_id),
        )

    @display(description=_("why?"))
    def why(self, row: AccountLink) -> SafeString:
        return _why("person", row.moodle_user_id)


class ChannelActions(_Linked):
    actions = ("stop_managing",)

    @admin.action(description=_("Stop managing …"), permissions=["stop"])
    def stop_managing(
        self, request: HttpRequest, queryset: QuerySet[ChannelLink]
    ) -> HttpResponse | None:
        return _stop(request, queryset, links.stop_managing_channels)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ChannelLink], search_term: str
    ) -> tuple[QuerySet[ChannelLink], bool]:
        return link_lists.search_channels(queryset, search_term), False

    @staticmethod
    def fill(rows: Sequence[Any]) -> None:
        """With `facts`, `places` and `permalinks`."""
        facts, places, permalinks = link_lists.channel_facts(rows), links.places(), Permalinks()
        for row in rows:
            vars(row).update(facts=facts[row.pk], places=places, permalinks=permalinks)

    @display(description=_("channel"), ordering="name", header=True)
    def channel(self, row: ChannelLink) -> list[SafeString | str]:
        return [cells.clipped(row.name), cells.clipped(row.group_name)]

    @display(description=_("course"), ordering="moodle_course_id")
    def course(self, row: Any) -> SafeString | str:
        return link_cells.course_link(row.facts.course, row.moodle_course_id)

    @display(description=_("members"))
    def member_count(self, row: Any) -> int:
        return int(row.facts.members)

    @display(description=_("status"), ordering="ended")
    def state(self, row: Any) -> SafeString:
        return link_cells.channel_badges(row, row.facts)

    @display(description=_("open"))
    def open(self, row: Any) -> SafeString:
        return link_cells.icons(
            row.places.moodle_group(row.moodle_course_id, row.moodle_group_id),
            row.places.room(row.room_id),
        )

    @display(description=_("link for the course"))
    def permalink(self, row: Any) -> SafeString | str:
        try:
            return cells.copy_link(row.permalinks.of_channel(row))
        except ImproperlyConfigured:  # the doctor says what is wrong with the key
            return "–"

    @display(description=_("why?"))
    def why(self, row: ChannelLink) -> SafeString:
        return _why("channel", row.moodle_group_id)


class MembershipSearch:
    """Of the list of memberships."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ManagedMembership], search_term: str
    ) -> tuple[QuerySet[ManagedMembership], bool]:
        rows, is_cut = link_lists.search_memberships(queryset, search_term)
        if is_cut:
            tell_cut(request)
        return rows, False

    @display(description=_("origin"))
    def origin(self, row: ManagedMembership) -> str:
        return gettext("by rcsync") if row.ours else gettext("by hand")


def tell_cut(request: HttpRequest) -> None:
    text = gettext(
        "More than %(n)d have these words; only some of them are listed. Search for more words."
    )
    messages.info(request, text % {"n": link_lists.MOST_PEOPLE})


class OriginFilter(admin.SimpleListFilter):
    """Whether rcsync made it."""

    title = _("origin")
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("made", _("created by rcsync")), ("adopted", _("adopted"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        made = {"made": True, "adopted": False}.get(self.value() or "")
        return queryset if made is None else queryset.filter(created=made)


class ActiveFilter(admin.SimpleListFilter):
    """Whether rcsync has deactivated the account."""

    title = _("status")
    parameter_name = "active"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Active")), ("no", _("Deactivated"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        active = {"yes": True, "no": False}.get(self.value() or "")
        return queryset if active is None else queryset.filter(deactivated=not active)


def _stop(request: HttpRequest, rows: QuerySet[Any], stop: Any) -> HttpResponse | None:
    """First says what it means, then does it. Nothing is sent to Rocket.Chat."""
    if "confirmed" not in request.POST:
        context = access.context(
            request,
            gettext("Stop managing"),
            opts=rows.model._meta,
            selected=rows[:200],
            number=rows.count(),
            is_channel=rows.model is ChannelLink,
        )
        return TemplateResponse(request, "integration/stop_links.html", context)
    number = stop(list(rows.values_list("pk", flat=True)))
    text = ngettext("%(n)d is no longer managed.", "%(n)d are no longer managed.", number)
    messages.success(request, text % {"n": number})
    return None


def _why(kind: str, number: int) -> SafeString:
    return format_html(
        '<a class="rc-link" href="{}">{}</a>',
        reverse("rcsync:why_of", args=[kind, number]),
        gettext("why?"),
    )
