"""Pages of lists (contract, section 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from demo.standin.web import mongo_query
from demo.standin.web.call import Call, Reply, to_json

T = TypeVar("T")


def window(call: Call) -> tuple[int, int]:
    """`offset` and `count` of a call; a count of 0 means everything.

    A count over the limit is clamped in silence, its sign is ignored; 0 is only obeyed where the
    site allows it.
    """
    settings = call.world.settings
    default = settings["API_Default_Count"]
    count = _number(call.parameter("count").removeprefix("-"), default)
    count = min(count, settings["API_Upper_Count_Limit"])
    if count == 0 and not settings["API_Allow_Infinite_Count"]:
        count = default
    return _number(call.parameter("offset"), 0), count


def _number(text: str, default: int) -> int:
    return int(text) if text.isdecimal() else default


def cut(items: Sequence[T], offset: int, count: int) -> Sequence[T]:
    """The wanted part of a list."""
    return items[offset : offset + count] if count else items[offset:]


def page(call: Call, key: str, items: Sequence[T], view: Callable[[T], bytes]) -> Reply:
    """The wanted part of a list, each item already written as JSON."""
    offset, count = window(call)
    shown = [view(item) for item in cut(items, offset, count)]
    ending = to_json({"count": len(shown), "offset": offset, "total": len(items), "success": True})
    return Reply(200, b'{"%b":[%b],%b' % (key.encode(), b",".join(shown), ending[1:]))


def chosen_documents(call: Call, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The documents that satisfy the call's `query`, for servers that obey it."""
    query = mongo_query.parsed(call.parameter("query"), "query")
    return [document for document in documents if mongo_query.matches(document, query)]


def sort_order(call: Call, default: str) -> list[tuple[str, bool]]:
    """The call's `sort` as (field, descending) pairs, most significant first."""
    given = mongo_query.parsed(call.parameter("sort"), "sort")
    return [(name, direction in (-1, "-1")) for name, direction in given.items()] or [
        (default, False)
    ]
