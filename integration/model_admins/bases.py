"""What the lists of rcsync have in common."""

from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin

from integration.forms import RowForm
from integration.pages.odd_input import TakesOddInput
from integration.services.admin.paging import BoundedPaginator


class ReadOnly(TakesOddInput, ModelAdmin):
    """Rows that only rcsync itself writes."""

    list_filter_sheet = True
    actions_on_top = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class HugeTable(ReadOnly):
    """Of millions of rows, and without actions on all of them, which would tell a cut number."""

    paginator = BoundedPaginator
    show_full_result_count = False  # it would count the whole table for every search


class EditableList(TakesOddInput, ModelAdmin):
    """Rows that are edited in their list."""

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, form=RowForm, **kwargs)
