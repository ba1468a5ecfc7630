"""A long list is read row by row, and never as a whole: the same as json.loads would give."""

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies

from integration.services.rocketchat.json_rows import ValueTooLong, object_with_rows

LONGEST = 1_000_000

LEAVES = (
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text()
) | strategies.floats(allow_nan=False)
VALUES = strategies.recursive(
    LEAVES,
    lambda inner: (
        strategies.lists(inner, max_size=4)
        | strategies.dictionaries(strategies.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = strategies.dictionaries(
    strategies.sampled_from(["users", "total", "a", ""]), VALUES, max_size=4
)


def read(content: bytes, sizes: list[int] | None = None) -> Any:
    parts = pieces(content, sizes or [len(content) or 1])
    return object_with_rows(parts, "users", lambda row: row, LONGEST)


def pieces(content: bytes, sizes: list[int]) -> Iterator[bytes]:
    """Of these sizes, again and again."""
    at = 0
    while at < len(content):
        for size in sizes:
            yield content[at : at + size]
            at += size


@given(OBJECTS, strategies.booleans(), strategies.lists(strategies.integers(1, 9), min_size=1))
def test_what_is_read_is_what_was_written_wherever_it_is_cut(
    value: dict[str, Any], ascii_only: bool, sizes: list[int]
) -> None:
    content = json.dumps(value, ensure_ascii=ascii_only, indent=ascii_only or None).encode()
    assert read(content, sizes) == value


@given(OBJECTS, strategies.data())
def test_what_was_cut_off_or_changed_is_read_as_the_whole_would_be(
    value: dict[str, Any], data: strategies.DataObject
) -> None:
    content = bytearray(json.dumps(value).encode())
    at = data.draw(strategies.integers(0, len(content) - 1))
    if data.draw(strategies.booleans()):
        del content[at:]
    else:
        content[at] = data.draw(strategies.sampled_from(b'{}[]",:0 x\xff'))
    try:
        whole = json.loads(bytes(content))
    except ValueError:
        whole = None
    assert read(bytes(content), [3]) == (whole if isinstance(whole, dict) else None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"7",
        b'{"users": [1, 2]',
        b'{"users": [1, 2,]}',
        b'{"users": [1 2]}',
        b'{"users": [1], }',
        b'{"users": [1]} x',
        b'{"users": [1]}{}',
        b"{7: 1}",
        b'{"users": "\xff"}',
        b'{"users": ' + b"[" * 100_000,
        b"<html>",
    ],
)
def test_what_is_no_object_is_none(content: bytes) -> None:
    assert read(content) is None


def test_rows_are_replaced_and_other_lists_are_not() -> None:
    content = b'{"users": [{"n": 1}, {"n": 2}], "rooms": [{"n": 3}]}'
    found = object_with_rows([content], "users", lambda row: row["n"], LONGEST)  # type: ignore[index]
    assert found == {"users": [1, 2], "rooms": [{"n": 3}]}


@pytest.mark.parametrize("shape", [b'{"users": ["%s"]}', b'{"users": "%s"}', b'{"%s": 1}'])
def test_a_value_that_is_too_long_ends_the_reading(shape: bytes) -> None:
    content = shape % (b"x" * 5_000)
    with pytest.raises(ValueTooLong):
        object_with_rows(pieces(content, [100]), "users", lambda row: row, 1_000)


def test_a_list_is_not_in_memory_while_it_is_read() -> None:
    """Neither its text nor its rows: what is kept of it, and a piece of its text."""
    row = json.dumps({"_id": "x" * 17, "name": "y" * 500, "emails": [{"address": "z" * 500}]})
    number, piece = 20_000, 64 * 1024

    def parts() -> Iterator[bytes]:
        yield b'{"users": ['
        for first in range(0, number, 50):
            yield b"," * bool(first) + ",".join([row] * 50).encode()
        yield b'], "total": 20000}'

    tracemalloc.start()
    try:
        found = object_with_rows(parts(), "users", lambda _row: True, LONGEST)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == {"users": [True] * number, "total": number}
    assert peak < 16 * piece < len(row) * number / 20
