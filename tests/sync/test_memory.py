"""What planning keeps in memory of a person, counted by tracemalloc."""

import tracemalloc

from integration.domain.state import EVERYTHING, NameRules
from integration.services.sync.desired import desire
from tests.support.builders import (
    OURS,
    Case,
    account,
    channel_link,
    group,
    link,
    managed,
    moodle,
    person,
    policy,
    remote,
    room,
)

PEOPLE = 3_000
SIZE = 30  # of a group
MOST = 600  # bytes a person


def in_step() -> Case:
    """Everybody in one of a hundred groups of twenty courses, and all of it in Rocket.Chat."""
    groups = {
        number: range(1000 + number * SIZE, 1000 + (number + 1) * SIZE)
        for number in range(100, 100 + PEOPLE // SIZE)
    }
    people = [user_id for members in groups.values() for user_id in members]
    return Case(
        moodle(*(group(n, f"Group-{n}", groups[n], course_id=2 + n % 20) for n in groups)),
        remote(
            *(account(f"a{user_id}", f"user{user_id}") for user_id in people),
            *(room(f"r{number}", users_count=SIZE + 1) for number in groups),
        ),
        managed(
            *(link(user_id) for user_id in people),
            *(channel_link(n, users_count=SIZE + 1, course_id=2 + n % 20) for n in groups),
            members={number: dict.fromkeys(groups[number], OURS) for number in groups},
        ),
    )


def test_planning_keeps_little_of_a_person_with_whom_nothing_changes() -> None:
    case = in_step()
    case.plan()  # what is made once, such as compiled patterns
    tracemalloc.start()
    try:
        plan = case.plan()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert plan.operations == ()
    assert peak / PEOPLE < MOST


def test_a_username_is_given_once_however_often_the_account_is_asked_for() -> None:
    newcomers = [
        person(number, username="anna", email=f"{number}@uni.invalid") for number in (7, 8)
    ]
    state = moodle(group(10, "A", [7, 8, 9]), people=newcomers)
    accounts = desire(state, policy(), NameRules(), managed(link(9)), EVERYTHING).accounts
    names = {user_id: one.username for user_id, one in accounts.items()}
    assert names == {7: "anna", 8: "anna-8", 9: "user9"}
    assert names == {user_id: accounts[user_id].username for user_id in reversed(list(accounts))}
    assert 10 not in accounts
    assert accounts.get(10) is None
    assert not accounts.is_wanted(10)
