"""Columns and actions of the lists of accounts and channels."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from integration.models import AccountLink, ChannelLink
from integration.pages import access, cells
from integration.services.admin import links
from integration.services.in_course.permalinks import Permalinks


class _Linked:
    """Shared by both lists; the addresses are looked up once for each list."""

    request: Any

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("integration.delete_channellink"))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        self.__dict__.pop("places", None)
        self.__dict__.pop("permalinks", None)
        return super().changelist_view(request, extra_context)  # type: ignore[misc]

    @cached_property
    def places(self) -> links.ExternalLinks:
        return links.places()

    @cached_property
    def permalinks(self) -> Permalinks:
        return Permalinks()


class AccountActions(_Linked):
    actions = ("stop_managing",)

    @admin.action(description=_("Stop managing …"), permissions=["stop"])
    def stop_managing(
        self, request: HttpRequest, queryset: QuerySet[AccountLink]
    ) -> HttpResponse | None:
        return _stop(request, queryset, links.stop_managing_accounts)

    @display(description=_("Moodle"))
    def in_moodle(self, row: AccountLink) -> SafeString | str:
        return _link(self.places.moodle_user(row.moodle_user_id), str(row.moodle_user_id))

    @display(description=_("Rocket.Chat"))
    def in_rocketchat(self, row: AccountLink) -> SafeString | str:
        return _link(self.places.account(row.rocketchat_user_id), row.rocketchat_user_id)

    @display(description=_("origin"), ordering="created")
    def origin(self, row: AccountLink) -> str:
        return gettext("created by rcsync") if row.created else gettext("adopted")

    @display(description=_("channels"), ordering="member_number")
    def member_count(self, row: Any) -> int:
        return row.member_number or 0

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

    @display(description=_("Moodle"))
    def in_moodle(self, row: ChannelLink) -> SafeString | str:
        url = self.places.moodle_group(row.moodle_course_id, row.moodle_group_id)
        return _link(url, gettext("group %(n)d") % {"n": row.moodle_group_id})

    @display(description=_("Rocket.Chat"))
    def in_rocketchat(self, row: ChannelLink) -> SafeString | str:
        return _link(self.places.room(row.room_id), row.room_id)

    @display(description=_("members"), ordering="member_number")
    def member_count(self, row: Any) -> int:
        return row.member_number or 0

    @display(description=_("differences at the last full check"), ordering="drift")
    def drift(self, row: Any) -> SafeString | str:
        if row.drift is None:
            return "–"
        return cells.badge(row.drift, "warn" if row.drift else "good")

    @display(description=_("link for the course"))
    def permalink(self, row: ChannelLink) -> SafeString | str:
        try:
            return cells.copy_link(self.permalinks.of_channel(row))
        except ImproperlyConfigured:  # the doctor says what is wrong with the key
            return "–"

    @display(description=_("why?"))
    def why(self, row: ChannelLink) -> SafeString:
        return _why("channel", row.moodle_group_id)


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


def _link(url: str, text: str) -> SafeString | str:
    if not url:
        return text
    return format_html(
        '<a class="rc-link" href="{}" rel="noopener" target="_blank">{}</a>', url, text
    )


def _why(kind: str, number: int) -> SafeString:
    return format_html(
        '<a class="rc-link" href="{}">{}</a>',
        reverse("rcsync:why_of", args=[kind, number]),
        gettext("why?"),
    )
