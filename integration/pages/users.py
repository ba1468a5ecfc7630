"""Who may change whom, and the role of a user: nobody gets more rights than a superuser gives."""

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.forms import UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget

from integration.services.sign_in.people import ROLES

ROLE_CHOICES = (
    ("", _("No role: sees nothing")),
    ("viewer", _("Viewer: sees everything except secrets")),
    ("operator", _("Operator: also syncs, previews and decides conflicts")),
    ("administrator", _("Administrator: also settings, approvals, undo and users")),
)


WITH_PAGES = ("integration", "auth")  # apps whose tables are in the admin
STATUS_LABELS = {"on": "success", "off": "warning"}
ACTIONS = {"add": _("add"), "change": _("change"), "delete": _("delete"), "view": _("view")}


class RoleForm(forms.ModelForm):
    """The role stands for one of the groups viewer, operator and administrator."""

    role = forms.ChoiceField(
        label=_("Role in rcsync"),
        choices=ROLE_CHOICES,
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=_("With a role, the user may sign in here (staff status)."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial["role"] = role_of(self.instance)
        if "groups" in self.fields:
            self.fields["groups"].label = _("User groups")

    @property
    def new_role(self) -> str | None:
        """None: not asked for, or as before."""
        given = self.add_prefix("role") in self.data and "role" in self.changed_data
        return str(self.cleaned_data["role"]) if given else None


class UserWithRole(RoleForm, UserChangeForm):
    pass


class NewUserWithRole(RoleForm, UserCreationForm):
    pass


def role_of(user: User) -> str:
    """The one with the most rights, "" for none."""
    held = {group.name for group in user.groups.all()}
    return next((role for role in reversed(ROLES) if role in held), "")


def role_in_words(user: User) -> str:
    """ "Operator"; who may do everything needs no role."""
    role = role_of(user)
    if user.is_superuser and not role:
        return gettext("Superuser")
    return str(dict(ROLE_CHOICES)[role]).partition(":")[0].strip()


def give_role(user: User, role: str) -> None:
    """In place of the roles that the user has; "" takes them away. Other groups stay."""
    user.groups.remove(*Group.objects.filter(name__in=set(ROLES) - {role}))
    if role:
        user.groups.add(*Group.objects.filter(name=role))
        user.is_staff = True
        user.save(update_fields=["is_staff"])


class PicksRole:
    """Mixed into the ModelAdmin of users."""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        first, *rest = super().get_fieldsets(request, obj)  # type: ignore[misc]
        return [first, (_("Role"), {"fields": ("role",)}), *rest]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)  # type: ignore[misc]
        if form.new_role is not None:
            give_role(form.instance, form.new_role)


class UserColumns:
    """Of the list of users."""

    @display(description=_("name"), ordering="last_name")
    def full_name(self, row: User) -> str:
        return row.get_full_name() or "–"

    @display(description=_("role in rcsync"))
    def role(self, row: User) -> str:
        return role_in_words(row)

    @display(description=_("status"), ordering="is_active", label=STATUS_LABELS)
    def status(self, row: User) -> tuple[str, str]:
        return ("on", gettext("Active")) if row.is_active else ("off", gettext("Switched off"))


class PermissionsInWords:
    """Mixed into the ModelAdmins of users and groups. Django stores the names of permissions in
    English, and lists those of tables that have no page here.
    """

    class Media:
        js = ("integration/filter_boxes.js",)

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        field = super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]
        if field is not None and db_field.remote_field.model is Permission:
            field.queryset = field.queryset.filter(content_type__app_label__in=WITH_PAGES)
            field.label_from_instance = permission_in_words
        return field

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Without the rows that only connect two tables: they go with what they connect."""
        shown, counts, *rest = super().get_deleted_objects(objs, request)  # type: ignore[misc]
        through = [model._meta for model in _connecting()]
        counts = {
            name: number
            for name, number in counts.items()
            if name not in [meta.verbose_name_plural for meta in through]
        }
        beginnings = tuple(f"{capfirst(meta.verbose_name)}: " for meta in through)
        return (_without(shown, beginnings), counts, *rest)


def permission_in_words(permission: Permission) -> str:
    """ "Account: view"."""
    kind = permission.content_type.model_class()
    thing = kind._meta.verbose_name if kind else permission.content_type.model
    verb = ACTIONS.get(permission.codename.partition("_")[0])
    own = kind is None or permission.codename in dict(kind._meta.permissions)
    what = gettext(permission.name) if own or verb is None else verb
    return f"{capfirst(str(thing))}: {what}"


def _connecting() -> Iterator[type[Model]]:
    for model in apps.get_models(include_auto_created=True):
        if model._meta.auto_created:
            yield model


def _without(shown: Sequence[Any], beginnings: tuple[str, ...]) -> list[Any]:
    kept = [one for one in shown if not (isinstance(one, str) and one.startswith(beginnings))]
    parts = [_without(one, beginnings) if isinstance(one, list) else one for one in kept]
    return [one for one in parts if one != []]


class SuperusersAmongThemselves:
    """Mixed into the ModelAdmin of users. Others than superusers may neither make a superuser nor
    change one: with a superuser's password, address or name they would soon be one.
    """

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)  # type: ignore[misc]
        return fields if request.user.is_superuser else (*fields, "is_superuser")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_change_permission(request, obj)  # type: ignore[misc]
        return bool(allowed and _may_touch(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_delete_permission(request, obj)  # type: ignore[misc]
        return bool(allowed and _may_touch(request, obj))


def _may_touch(request: HttpRequest, user: Any) -> bool:
    return user is None or bool(request.user.is_superuser) or not user.is_superuser
