"""What rcsync manages: accounts, channels and memberships. Written by runs alone."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from integration.model_admins.bases import HugeTable, ReadOnly
from integration.models import AccountLink, ChannelLink, ManagedMembership
from integration.pages import links
from integration.services.admin import lists


@admin.register(AccountLink)
class AccountLinkAdmin(links.AccountActions, ReadOnly):
    list_display = (
        "username",
        "in_moodle",
        "in_rocketchat",
        "origin",
        "deactivated",
        "member_count",
        "why",
    )
    list_filter = ("created", "deactivated")
    search_fields = ("username", "moodle_user_id", "rocketchat_user_id")
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccountLink]:
        return lists.accounts(super().get_queryset(request))


@admin.register(ChannelLink)
class ChannelLinkAdmin(links.ChannelActions, ReadOnly):
    list_display = (
        "name",
        "in_moodle",
        "in_rocketchat",
        "member_count",
        "drift",
        "ended",
        "permalink",
        "why",
    )
    readonly_fields = ("permalink",)
    list_filter = ("created", "ended")
    search_fields = ("name", "moodle_group_id", "room_id", "moodle_course_id")
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChannelLink]:
        return lists.channels(super().get_queryset(request))


@admin.register(ManagedMembership)
class ManagedMembershipAdmin(HugeTable):
    list_display = ("account", "channel", "room_role", "ours")
    list_filter = ("room_role", "ours")
    search_fields = ("account__username", "channel__name")
    list_select_related = ("account", "channel")
    list_per_page = 50
