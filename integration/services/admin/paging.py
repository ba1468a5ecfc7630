"""Pages of rows of which there may be millions."""

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

MOST_COUNTED = 10_000  # rows; nobody turns a hundred pages


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # Django knows no arguments
    """Counts and turns pages up to MOST_COUNTED rows: both cost the same over any table then.

    Whoever looks for what lies behind narrows the list by a search or a filter.
    """

    template_name = "integration/pagination.html"  # Unfold shows the pages of a list with it

    @cached_property
    def _rows_up_to_one_more(self) -> int:
        rows: Any = self.object_list
        if not hasattr(rows, "query"):
            return len(rows)
        return int(rows.order_by()[: MOST_COUNTED + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self._rows_up_to_one_more, MOST_COUNTED)

    @property
    def is_cut(self) -> bool:
        """There are more rows than the pages show."""
        return self._rows_up_to_one_more > MOST_COUNTED
