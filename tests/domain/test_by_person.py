"""`ByPerson` is a dict that is not changed any more, and smaller."""

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.domain.by_person import ByPerson

IDS = st.integers(min_value=-(2**62), max_value=2**62) | st.integers(1, 50)


@given(values=st.dictionaries(IDS, st.sampled_from(["a", "b", "c", (1, 2)])), asked=IDS)
def test_it_answers_as_a_dict_does(values: dict[int, Any], asked: int) -> None:
    small = ByPerson(values)
    assert small == values
    assert len(small) == len(values)
    assert list(small) == sorted(values)
    assert dict(small.items()) == values
    assert list(small.values()) == [values[user] for user in sorted(values)]
    assert (asked in small, small.get(asked)) == (asked in values, values.get(asked))
    assert None not in small
    assert small.keys() & {asked} == values.keys() & {asked}
    assert small == ByPerson(dict(reversed(values.items())))
    assert repr(small) == repr(dict(sorted(values.items())))


@pytest.mark.parametrize("different", [2, 256, 257, 1000])
def test_it_takes_any_number_of_different_values(different: int) -> None:
    values = {user: f"value {user % different}" for user in range(2000)}
    assert dict(ByPerson(values).items()) == values


def test_another_value_or_another_person_makes_it_unequal() -> None:
    assert ByPerson({1: "a", 2: "b"}) != ByPerson({1: "a", 2: "a"})
    assert ByPerson({1: "a"}) != ByPerson({2: "a"})


def test_a_group_takes_a_third_of_what_a_dict_takes() -> None:
    values = dict.fromkeys(range(1, 31), "member")
    small = ByPerson(values)
    parts = [sys.getsizeof(getattr(small, part)) for part in ByPerson.__slots__]
    assert sys.getsizeof(small) + sum(parts) <= sys.getsizeof(values) / 3
