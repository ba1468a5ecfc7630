"""Input that no button sends: an address with a number that no row can have, a choice that is no
number. It is no fault of ours, so it never ends as an error 500.

Three guards: `Number` for addresses, `TakesOddInput` for the admin's lists and forms, and
`domain.numbers` for fields of our own pages.
"""

import re
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db import DataError
from django.http import HttpRequest, HttpResponse, QueryDict

from integration.domain.numbers import MOST_DIGITS, whole_number

TOO_MUCH = (OverflowError, ValueError, DataError)  # what a database makes of an impossible value
ACTION = "_selected_action"
EDITED = re.compile(r"form-\d+-id")


class Number:
    """A path converter: an id that a row can have. For everything else there is no page."""

    regex = f"[0-9]{{1,{MOST_DIGITS}}}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


class GroupOrPerson(Number):
    """An id of "Why?": of a person, of a group, or with a minus of a whole course."""

    regex = f"-?{Number.regex}"


class PlainLookups(ChangeList):
    """A list that answers impossible filters as Django answers unknown ones: by showing all. Django
    hides the links of columns that are not in `sortable_by`, and sorts by them all the same where
    the address says so; this list does not.
    """

    def get_ordering_field(self, field_name: Any) -> Any:
        allowed = self.sortable_by is None or field_name in self.sortable_by
        return super().get_ordering_field(field_name) if allowed else None

    def get_queryset(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().get_queryset(*args, **kwargs)
        except TOO_MUCH as error:
            raise IncorrectLookupParameters(error) from error

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except TOO_MUCH as error:
            raise IncorrectLookupParameters(error) from error
        if getattr(self.paginator, "is_cut", False):
            self.full_result_count = self.result_count  # so that the heading names no number


def _possible(posted: QueryDict) -> QueryDict:
    data = posted.copy()
    for name in posted:
        if name == ACTION:
            data.setlist(name, [key for key in data.getlist(name) if whole_number(key)])
        elif EDITED.fullmatch(name) and whole_number(str(data[name])) is None:
            data[name] = "0"  # the key of no row
    return data


class TakesOddInput:
    """Mixed into every ModelAdmin."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PlainLookups

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """None, which is "does not exist", for what cannot be the key of a row."""
        if whole_number(object_id) is None:
            return None
        return super().get_object(request, object_id, from_field or None)  # type: ignore[misc]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Rows that cannot exist are neither ticked nor changed."""
        if request.method == "POST":
            request.POST = _possible(request.POST)  # type: ignore[assignment]
        return super().changelist_view(request, extra_context)  # type: ignore[misc]
