"""Who may use rcsync."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm

from integration.pages.odd_input import TakesOddInput
from integration.pages.users import (
    NewUserWithRole,
    PermissionsInWords,
    PicksRole,
    SuperusersAmongThemselves,
    UserWithRole,
)

admin.site.unregister(User)
admin.site.unregister(Group)
# Groups are those of Moodle here; makemigrations leaves texts aside.
Group._meta.verbose_name, Group._meta.verbose_name_plural = _("user group"), _("user groups")


@admin.register(User)
class UserAdmin(
    PicksRole,
    SuperusersAmongThemselves,
    PermissionsInWords,
    TakesOddInput,
    DjangoUserAdmin,
    ModelAdmin,
):
    form = UserWithRole
    add_form = NewUserWithRole
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(PermissionsInWords, TakesOddInput, DjangoGroupAdmin, ModelAdmin):
    pass
