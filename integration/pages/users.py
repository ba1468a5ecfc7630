"""Who may change whom: nobody gets more rights than a superuser gives."""

from typing import Any

from django.http import HttpRequest


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
