"""What the lists of rcsync have in common."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from html import unescape
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field, lookup_field
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from unfold.admin import ModelAdmin

from integration.forms import RowForm
from integration.pages.downloads import download
from integration.pages.odd_input import TakesOddInput
from integration.services.admin import exports
from integration.services.admin.paging import BoundedPaginator
from integration.services.ledger import reading


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


class CsvList:
    """Mixed into a ModelAdmin whose list is a download too, as it is searched and filtered: its
    columns, unless it names others in `csv_columns`, or says `csv_heading()` and `csv_row(row)`. It
    may fill rows, `csv_chunk` at a time, by `fill(rows)`.
    """

    csv_chunk = 500
    csv_columns: tuple[str, ...] = ()
    list_before_template = "integration/list_csv.html"

    def csv_heading(self) -> tuple[str, ...]:
        admin: Any = self
        labels = (str(label_for_field(name, admin.model, admin)) for name in self._csv_names())
        return tuple(str(capfirst(label)) for label in labels)

    def csv_row(self, row: Any) -> Iterator[Any]:
        for name in self._csv_names():
            yield self._csv_cell(row, name)

    def _csv_names(self) -> Sequence[str]:
        return self.csv_columns or self.list_display  # type: ignore[attr-defined]

    def _csv_cell(self, row: Any, name: str) -> str:
        admin: Any = self
        field, _attribute, value = lookup_field(name, row, admin)
        if field is not None and getattr(field, "choices", None):
            return str(getattr(row, f"get_{name}_display")())
        return _in_words(value)

    def get_urls(self) -> list[Any]:
        opts = self.opts  # type: ignore[attr-defined]
        name = f"{opts.app_label}_{opts.model_name}_csv"
        own = [path("csv/", self.admin_site.admin_view(self.csv_view), name=name)]  # type: ignore[attr-defined]
        return own + super().get_urls()  # type: ignore[misc]

    def csv_view(self, request: HttpRequest) -> HttpResponseBase:
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        try:
            rows = self.get_changelist_instance(request).queryset  # type: ignore[attr-defined]
        except IncorrectLookupParameters:
            return HttpResponseBadRequest(gettext("There is no such filter."))
        name = f"{self.opts.model_name}.csv"  # type: ignore[attr-defined]
        lines = exports.csv_lines(self.csv_heading(), self._csv_rows(rows))
        return download(name, lines)

    def fill(self, rows: Sequence[Any]) -> None:
        """What a row shows besides its own columns."""

    def _csv_rows(self, rows: QuerySet[Any]) -> Iterator[Iterable[Any]]:
        for chunk in reading.rows_in_order(rows, self.csv_chunk):
            self.fill(chunk)
            for row in chunk:
                yield self.csv_row(row)


def _in_words(value: Any) -> str:
    """What a column shows, as it stands in a file: without markup."""
    if isinstance(value, tuple):  # a badge: its code and its words
        value = value[-1]
    if value is None:
        return ""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(" ", "minutes")
    return unescape(strip_tags(value)) if isinstance(value, SafeString) else str(value)


class EditableList(CsvList, TakesOddInput, ModelAdmin):
    """Rows that are edited in their list."""

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, form=RowForm, **kwargs)
