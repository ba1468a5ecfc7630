"""Long lists in pieces."""

import pytest

from integration.domain.chunks import chunks


@pytest.mark.parametrize(
    ("items", "pieces"),
    [
        ("", []),
        ("ab", ["ab"]),
        ("abc", ["abc"]),
        ("abcd", ["abc", "d"]),
        ("abcdef", ["abc", "def"]),
    ],
)
def test_every_item_is_in_one_piece_and_in_its_order(items: str, pieces: list[str]) -> None:
    assert list(chunks(items, 3)) == pieces
