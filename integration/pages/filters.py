"""Filters of the admin's lists that Unfold does not have."""

from datetime import datetime, time
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from unfold.contrib.filters.admin import RangeDateFilter


class Days(RangeDateFilter):
    """A time, chosen by days where the person is; both days count. Nonsense does not narrow."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = self._day("from"), self._day("to")
        if first is not None:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": first})
        if last is not None:
            end = datetime.combine(last, time.max, last.tzinfo)
            queryset = queryset.filter(**{f"{self.parameter_name}__lte": end})
        return queryset

    def _day(self, end: str) -> datetime | None:
        text = self.used_parameters.get(f"{self.parameter_name}_{end}") or ""
        try:
            day = parse_date(text)
            return timezone.make_aware(datetime.combine(day, time())) if day else None
        except (ValueError, OverflowError):
            return None
