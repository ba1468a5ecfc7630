"""Who may use rcsync."""

from collections.abc import Sequence

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet, prefetch_related_objects
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm

from integration.model_admins.bases import CsvList
from integration.pages.odd_input import TakesOddInput
from integration.pages.users import (
    NewUserWithRole,
    PermissionsInWords,
    PicksRole,
    SuperusersAmongThemselves,
    UserColumns,
    UserWithRole,
    permission_in_words,
)

admin.site.unregister(User)
admin.site.unregister(Group)
# Groups are those of Moodle here; makemigrations leaves texts aside.
Group._meta.verbose_name, Group._meta.verbose_name_plural = _("user group"), _("user groups")


@admin.register(User)
class UserAdmin(
    UserColumns,
    PicksRole,
    SuperusersAmongThemselves,
    PermissionsInWords,
    CsvList,
    TakesOddInput,
    DjangoUserAdmin,
    ModelAdmin,
):
    form = UserWithRole
    add_form = NewUserWithRole
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "full_name", "email", "role", "status", "last_login")
    csv_columns = (
        "username",
        "email",
        "first_name",
        "last_name",
        "role",
        "is_superuser",
        "is_staff",
        "is_active",
        "last_login",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")


@admin.register(Group)
class GroupAdmin(PermissionsInWords, CsvList, TakesOddInput, DjangoGroupAdmin, ModelAdmin):
    csv_columns = ("name", "users", "permissions_in_words")

    def fill(self, rows: Sequence[Group]) -> None:
        prefetch_related_objects(rows, "user_set", "permissions__content_type")

    @display(description=_("users"))
    def users(self, row: Group) -> str:
        return "; ".join(sorted(user.username for user in row.user_set.all()))

    @display(description=_("permissions"))
    def permissions_in_words(self, row: Group) -> str:
        return "; ".join(permission_in_words(one) for one in row.permissions.all())
