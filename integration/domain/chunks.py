"""Long lists in pieces: for queries and requests that take only so many values at once. Pure."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Pieces of `size` items, the last one perhaps shorter; none where there are no items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
