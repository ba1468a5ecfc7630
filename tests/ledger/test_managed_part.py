"""The part of the ledger that an event is about, and the links that are asked for by value."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integration.domain.state import Managed, Scope, SiteCounts
from integration.models import (
    AccountLink,
    ChannelLink,
    IntegratedCourse,
    ManagedMembership,
    PendingEnding,
    SyncOperation,
    SyncRun,
)
from integration.services.ledger import managed_part
from integration.services.ledger.managed import NO_RUN, known_by, load_managed

pytestmark = pytest.mark.django_db

ANNA, BEN, CLEO = 1, 2, 3
ONE = Scope(courses=frozenset({2}), users=frozenset({ANNA}))


def person(user_id: int, name: str, **columns: Any) -> AccountLink:
    return AccountLink.objects.create(
        moodle_user_id=user_id, rocketchat_user_id=f"u{user_id}", username=name, **columns
    )


def channel(group_id: int, course_id: int, name: str) -> ChannelLink:
    return ChannelLink.objects.create(
        moodle_group_id=group_id, moodle_course_id=course_id, room_id=f"r{group_id}", name=name
    )


@pytest.fixture(autouse=True)
def _site() -> None:
    """Anna and Ben in a channel of course 2, Anna also in one of course 3."""
    anna = person(ANNA, "anna", moodle_timecreated=5, moodle_email="a@x.org")
    ben = person(BEN, "Ben", moodle_timecreated=6, moodle_idnumber="17")
    first, other = channel(10, 2, "Übung 1"), channel(20, 3, "Other")
    for room, account in ((first, anna), (first, ben), (other, anna)):
        ManagedMembership.objects.create(channel=room, account=account)
    for course_id in (2, 3):
        IntegratedCourse.objects.create(course_id=course_id, known_timecreated=course_id)


def part(scope: Scope = ONE) -> Managed:
    return load_managed(scope, NO_RUN, part=True)


def test_a_part_has_the_people_the_channels_of_the_courses_and_how_much_else_there_is() -> None:
    managed = part()
    assert (set(managed.accounts), set(managed.channels), set(managed.courses)) == (
        {ANNA},
        {10},
        {2},
    )
    assert {group: set(people) for group, people in managed.members.items()} == {10: {ANNA}}
    assert managed.counts == SiteCounts(2, 2)


def test_for_somebody_without_an_account_anybody_is_known() -> None:
    assert set(part(Scope(frozenset({2}), frozenset({CLEO}))).accounts) == {ANNA}


def test_a_run_about_channels_knows_nobody() -> None:
    assert not part(Scope(frozenset({2}), frozenset(), frozenset({10}))).accounts


@pytest.mark.parametrize(
    ("asked", "people", "groups"),
    [
        ({"accounts": ["u2"]}, {BEN}, set()),
        ({"usernames": ["bEN"]}, {BEN}, set()),
        ({"values": ["17"]}, {BEN}, set()),
        ({"values": ["a@x.org"]}, {ANNA}, set()),
        ({"rooms": ["r20"]}, set(), {20}),
        ({"names": ["OTHER"]}, set(), {20}),
        ({"names": ["übung 1"]}, set(), {10, 20}),  # on SQLite all are read
        ({"names": ["Oth_r", "Oth%"]}, set(), set()),
        ({"accounts": ["u2"], "rooms": ["r10", "gone"], "usernames": ["nobody"]}, {BEN}, {10}),
        ({}, set(), set()),
    ],
)
def test_links_are_known_by_what_they_have(
    asked: dict[str, list[str]], people: set[int], groups: set[int]
) -> None:
    managed = known_by(Managed(), **asked)
    assert set(managed.accounts) == people
    assert groups <= set(managed.channels) <= groups | {10, 20} if groups else not managed.channels


def test_many_ids_are_one_statement_for_all_links() -> None:
    many = [f"u{number}" for number in range(managed_part.MANY + 1)]
    with CaptureQueriesContext(connection) as queries:
        assert set(known_by(Managed(), accounts=many).accounts) == {ANNA, BEN}
    assert len(queries) == 1


def test_nothing_is_asked_without_a_name() -> None:
    managed = part()
    with CaptureQueriesContext(connection) as queries:
        assert known_by(managed, usernames=(), names=(), values=()) == managed
    assert len(queries) == 0


def test_what_is_known_stays_as_it_was_read() -> None:
    managed = part()
    AccountLink.objects.filter(moodle_user_id=ANNA).update(username="renamed")
    assert known_by(managed, accounts=["u1"]).accounts[ANNA].username == "anna"


def test_limits_are_measured_by_the_whole_site() -> None:
    managed = managed_part.counted(part())
    assert managed.site == SiteCounts(2, 2, 3)
    assert managed.ours_in == {2: 2}


def test_what_waits_and_what_is_unconfirmed_is_read_of_the_people_and_courses_alone() -> None:
    run = SyncRun.objects.create(kind="apply", trigger="event")
    places = [  # user, group, course
        *((ANNA, None, None), (ANNA, 10, 2), (None, 10, 2)),
        *((BEN, None, None), (BEN, 10, 2), (ANNA, 20, 3), (None, 20, 3)),
    ]
    for number, (user, group, course) in enumerate(places):
        ids = {"moodle_user_id": user, "moodle_group_id": group, "moodle_course_id": course}
        PendingEnding.objects.create(key=str(number), kind="x", since=1, due=2, **ids)
        SyncOperation.objects.create(run=run, position=number, unconfirmed=True, **ids)
    assert set(part().pending) == {"0", "1", "2"}
    rows = SyncOperation.objects.filter(managed_part.about(ONE), unconfirmed=True)
    assert set(rows.values_list("position", flat=True)) == {0, 1, 2}
