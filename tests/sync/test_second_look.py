"""What the end of a run looks at once more, and what it leaves to the next look at a channel."""

import pytest

from integration.domain.operations import RemoveMember
from integration.domain.state import MoodleState, Scope
from integration.services.sync.second_look import CHECKED
from tests.support.builders import group, moodle, operations, person, policy
from tests.support.fake_ledger import Line

ONE = Scope(courses=frozenset({2}), users=frozenset({1}))


def suspended() -> MoodleState:
    return moodle(
        group(10, "A", [1, 2]),
        group(11, "B", [1, 2]),
        people=[person(1, suspended=True), person(2)],
    )


@pytest.fixture
def site() -> Line:
    """Person 1 has just been suspended, and the event was carried out."""
    line = Line(moodle(group(10, "A", [1, 2]), group(11, "B", [1, 2])), policy())
    line.sync()
    line.moodle = suspended()
    line.chat.calls.clear()
    line.sync(ONE)
    return line


def unconfirmed(line: Line) -> list[str]:
    return [row.operation.kind for row in line.ledger.rows if row.unconfirmed]


def test_who_is_removed_and_deactivated_is_looked_at_by_a_later_run(site: Line) -> None:
    assert site.members(10) == site.members(11) == {2}
    assert unconfirmed(site) == ["remove_member", "remove_member"]
    assert not site.sync().plan.operations
    assert unconfirmed(site) == []


def test_who_is_removed_and_stays_active_is_looked_at_in_the_same_run() -> None:
    line = Line(moodle(group(10, "A", [1, 2]), group(11, "B", [1, 2])), policy())
    line.sync()
    line.moodle = moodle(group(10, "A", [2]), group(11, "B", [1, 2]))
    line.sync(ONE)
    assert unconfirmed(line) == []


def test_a_removal_of_somebody_deactivated_that_was_no_deed_is_made_by_the_next_run(
    site: Line,
) -> None:
    site.room(10).members.add(site.account(1))
    assert [one.group_id for one in operations(site.sync().plan, RemoveMember)] == [10]
    assert site.members(10) == {2}


def test_what_the_second_look_asks_about_is_kept_until_then() -> None:
    assert [kind.kind for kind in CHECKED if not kind.seen_later] == []
