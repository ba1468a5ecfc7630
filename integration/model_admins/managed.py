"""What rcsync manages: accounts, channels and memberships. Written by runs alone."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integration.model_admins.bases import CsvList, HugeTable, ReadOnly
from integration.models import AccountLink, ChannelLink, ManagedMembership
from integration.pages import link_cells, link_pages, links


@admin.register(AccountLink)
class AccountLinkAdmin(links.AccountActions, CsvList, ReadOnly):
    list_display = ("person", "email", "state", "origin", "channel_count", "changed", "open", "why")
    list_filter = (links.ActiveFilter, links.OriginFilter)
    search_fields = ("username",)
    search_help_text = _("Name, username, e-mail, course or group")
    sortable_by = ("person", "email")  # by an index
    list_per_page = 50
    show_full_result_count = False

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        return link_pages.account(request, object_id)

    def csv_heading(self) -> tuple[str, ...]:
        return (
            gettext("Name"),
            gettext("Username"),
            gettext("E-mail"),
            gettext("Status"),
            gettext("Origin"),
            gettext("Channels"),
            gettext("Moodle user id"),
            gettext("Rocket.Chat user id"),
        )

    def csv_row(self, row: Any) -> Iterator[Any]:
        yield row.facts.person.name if row.facts.person else ""
        yield row.username
        yield row.facts.person.email if row.facts.person else row.moodle_email
        yield gettext("Deactivated") if row.deactivated else gettext("Active")
        yield link_cells.origin(row)
        yield row.facts.channels
        yield row.moodle_user_id
        yield row.rocketchat_user_id


@admin.register(ChannelLink)
class ChannelLinkAdmin(links.ChannelActions, CsvList, ReadOnly):
    list_display = ("channel", "course", "member_count", "state", "open", "permalink", "why")
    list_filter = ("ended", links.OriginFilter)
    search_fields = ("name",)
    search_help_text = _("Channel, group or course")
    list_per_page = 50
    show_full_result_count = False

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        return link_pages.channel(request, object_id)

    def csv_heading(self) -> tuple[str, ...]:
        return (
            gettext("Channel"),
            gettext("Group"),
            gettext("Course"),
            gettext("Members"),
            gettext("Status"),
            gettext("Origin"),
            gettext("Moodle course id"),
            gettext("Moodle group id"),
            gettext("Rocket.Chat room id"),
        )

    def csv_row(self, row: Any) -> Iterator[Any]:
        yield row.name
        yield row.group_name
        yield str(row.facts.course or "")
        yield row.facts.members
        yield str(link_cells.ENDED_LABELS.get(row.ended) or gettext("Open"))
        yield link_cells.origin(row)
        yield row.moodle_course_id
        yield row.moodle_group_id
        yield row.room_id


@admin.register(ManagedMembership)
class ManagedMembershipAdmin(links.MembershipSearch, CsvList, HugeTable):
    list_display = ("account", "channel", "room_role", "origin")
    list_filter = ("room_role", "ours")
    search_fields = ("account__username", "channel__name")
    search_help_text = _("Beginning of a username or address, name of a channel")
    sortable_by = ()  # no index has their order
    list_select_related = ()  # a join of the three tables may not be read in the order of the keys
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[ManagedMembership]:
        return super().get_queryset(request).prefetch_related("account", "channel")
