"""How long Python's threads compute before they let another one."""

import sys

import pytest

from integration.services.sync.workers import SWITCH_INTERVAL_SECONDS, short_switch_interval


def test_turns_are_short_inside_and_as_before_afterwards() -> None:
    usual = sys.getswitchinterval()
    with short_switch_interval():
        assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL_SECONDS)
    assert sys.getswitchinterval() == usual


def test_turns_stay_short_until_the_last_run_of_the_process_ends() -> None:
    usual = sys.getswitchinterval()
    first, second = short_switch_interval(), short_switch_interval()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL_SECONDS)
    second.__exit__(None, None, None)
    assert sys.getswitchinterval() == usual


def test_an_error_ends_short_turns() -> None:
    usual = sys.getswitchinterval()
    with pytest.raises(ValueError, match="a bug"), short_switch_interval():
        raise ValueError("a bug")
    assert sys.getswitchinterval() == usual
