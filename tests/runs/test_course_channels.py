"""Channels of whole courses on real Moodles: their members are those that Moodle itself names."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from demo.standin import StandIn
from integration.domain.state import Scope
from integration.management.operator import Operator
from integration.models import ChannelLink, Conflict, IntegrationSettings, SyncRun
from integration.services.admin import why
from integration.services.in_course.permalinks import Permalinks
from integration.services.runs import runner, undo_orders
from integration.services.sync.course_groups import course_group_id
from tests.support.real_moodle import ALL_ROLES, COURSES, STUDENT, RealMoodle, assert_in_step
from tests.support.site import Site, moodle_rows

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "moodle"]),
    pytest.mark.mysql,  # by a fixture that is asked for by its name
]

USABLE = (
    "SELECT id FROM mdl_user WHERE deleted = 0 AND suspended = 0 AND confirmed = 1 "
    "AND auth <> 'nologin' AND username <> 'guest'"
)
WITHOUT_MNET = " AND auth <> 'mnet'"  # Moodle 5.0 and newer
BIO = course_group_id(2)


@pytest.fixture(params=["small", "m51"])
def real(
    request: pytest.FixtureRequest,
    shared: Path,
    moodle_alias: Callable[..., AbstractContextManager[Any]],
) -> Iterator[RealMoodle]:
    moodle = RealMoodle(request.getfixturevalue("mariadb"), shared, request.param)
    with moodle_alias(moodle.url):
        yield moodle


@pytest.fixture
def site(real: RealMoodle, settings: Any) -> Iterator[Site]:
    with StandIn(like="8.8") as chat:
        yield Site(chat, settings)


def switch(on: bool, **values: Any) -> None:
    IntegrationSettings.load()
    IntegrationSettings.objects.update(whole_course=on, **values)


def expected(real: RealMoodle, state: str, role: str | None) -> dict[int, set[int]]:
    """Moodle's own get_enrolled_users with onlyactive, with a role in the course's contexts and an
    account that works, less who is in a conflict.
    """
    sql = USABLE + (WITHOUT_MNET if real.name == "m51" else "")
    usable = {number for (number,) in moodle_rows(sql)}
    open_ones = Conflict.objects.filter(status=Conflict.Status.OPEN)
    usable -= set(open_ones.values_list("moodle_user_id", flat=True))
    return {
        course_group_id(course["id"]): {
            user
            for user in course["active"]
            if user in usable and _holds(course["roles"].get(str(user), ()), role)
        }
        for course in real.truth(state)["courses"]
    }


def _holds(held: list[Any], role: str | None) -> bool:
    """`held`: (short name, context level, component). None: every role is included, also the one
    that Moodle gives everybody without a row.
    """
    return role is None or role in {name for name, *_ in held}


def of_courses(site: Site) -> dict[int, set[int]]:
    return {group: people for group, people in site.channel_members().items() if group < 0}


@pytest.mark.parametrize(("roles", "role"), [(ALL_ROLES, None), ([STUDENT], "student")])
def test_everybody_who_is_effectively_enrolled_with_the_role_is_in_it(
    site: Site, real: RealMoodle, roles: Any, role: str | None, note: Callable[[str], None]
) -> None:
    switch(True)
    site.choose(COURSES, roles)
    site.apply()
    first = of_courses(site)
    assert first == expected(real, "", role)
    assert sum(map(len, first.values())) > 30
    assert_in_step(site)
    real.move_on()
    site.apply()
    assert of_courses(site) == expected(real, "t1", role)
    assert_in_step(site)
    note(f"course channels {real.name}, role {role}: {len(first)} channels, 0 wrong at T0 and T1")


@pytest.mark.parametrize("real", ["small"], indirect=True)
def test_a_run_for_one_person_takes_them_out_and_brings_them_in(
    site: Site, real: RealMoodle
) -> None:
    switch(True)
    site.choose(COURSES, [STUDENT])
    site.apply()
    person = min(of_courses(site)[BIO])
    for status in (1, 0):
        real.server.sql(
            f"UPDATE mdl_user_enrolments SET status = {status} WHERE userid = {person} AND "
            "enrolid IN (SELECT id FROM mdl_enrol WHERE courseid = 2)",
            real.database,
        )
        site.apply(Scope(users=frozenset({person})))
        assert (person in of_courses(site)[BIO]) == (status == 0)


@pytest.mark.parametrize("real", ["small"], indirect=True)
def test_why_and_the_permanent_link_know_it(site: Site, settings: Any) -> None:
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["*"], False
    switch(True)
    site.choose(COURSES, [STUDENT])
    site.apply()
    reason = why.why_channel(BIO)
    text = "\n".join(one.text for step in reason.steps for one in step.sentences)
    assert "The whole of BIO101: by the settings, the whole course should have a channel." in text
    assert "as it should be" in reason.verdict.text
    link = ChannelLink.objects.get(moodle_group_id=BIO)
    answer = Client().get(Permalinks().of_channel(link))
    assert answer.status_code == 302
    assert "BIO101" in answer.headers["Location"]


@pytest.mark.parametrize("real", ["small"], indirect=True)
def test_switched_off_they_are_kept_and_a_run_that_made_them_can_be_undone(site: Site) -> None:
    site.choose(COURSES, [STUDENT])
    site.apply()
    groups = site.channel_members()
    switch(True)
    run = site.apply().run
    assert len(of_courses(site)) == len(COURSES)
    switch(False)
    site.apply()
    assert len(of_courses(site)) == len(COURSES), "kept, as where no pattern matches"
    order = undo_orders.undo(run, Operator("anna"), "only a trial", force=True)
    undone = runner.execute(order).run
    assert undone.status == SyncRun.Status.DONE, undone.message
    assert site.channel_members() == groups
    assert {room["archived"] for room in site.rooms() if room["name"] == "BIO101"} == {True}
