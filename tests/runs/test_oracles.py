"""Real Moodle databases against what Moodle's own functions say, at T0 and at T1.

Moodle 4.1, 4.5 and 5.1 on MariaDB and 5.1 on PostgreSQL, every role and students alone, on each
dialect of the stand-in. Each sample is tried on the newest dialect and each dialect on the sample
`small`; the other combinations are marked slow.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from demo.standin import StandIn
from demo.standin.dialects import DIALECTS as KNOWN
from integration.models import Conflict
from integration.services.admin import moodle_search
from tests.support.real_moodle import (
    ALL_ROLES,
    COURSES,
    SAMPLES,
    STUDENT,
    RealMoodle,
    assert_in_step,
    expected,
    memberships,
)
from tests.support.site import Site

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "moodle"]),
    pytest.mark.mysql,  # by a fixture that is asked for by its name
]

DIALECTS = tuple(KNOWN)
ROLES = {"all": (ALL_ROLES, None), "student": ([STUDENT], "student")}
COMBINATIONS = [
    pytest.param(
        sample,
        dialect,
        marks=() if sample == SAMPLES[0] or dialect == DIALECTS[-1] else pytest.mark.slow,
    )
    for sample in SAMPLES
    for dialect in DIALECTS
]


@pytest.fixture
def real(
    request: pytest.FixtureRequest,
    shared: Path,
    moodle_alias: Callable[..., AbstractContextManager[Any]],
) -> Iterator[RealMoodle]:
    """The sample that the test names."""
    name: str = request.param
    server = request.getfixturevalue("postgres" if "pg" in name else "mariadb")
    moodle = RealMoodle(server, shared, name)
    with moodle_alias(moodle.url):
        yield moodle


@pytest.mark.parametrize("roles", ROLES)
@pytest.mark.parametrize(("real", "dialect"), COMBINATIONS, indirect=["real"])
def test_channels_hold_exactly_the_effective_members(
    real: RealMoodle,
    dialect: str,
    roles: str,
    settings: Any,
    note: Callable[[str], None],
) -> None:
    chosen, role = ROLES[roles]
    with StandIn(like=dialect) as chat:
        site = Site(chat, settings)
        site.choose(COURSES, chosen)
        site.apply()
        first = site.channel_members()
        assert first == expected(real.truth(), role)
        assert memberships(first) > 60
        assert_in_step(site)

        real.move_on()
        site.apply()
        truth = real.truth("t1")
        second = site.channel_members()  # what Moodle hid since is archived
        assert second == expected(truth, role)
        assert_in_step(site)
    note(
        f"oracle {real.name} on {dialect}, roles {roles}: T0 {len(first)} channels with "
        f"{memberships(first)} members, T1 {len(second)} with {memberships(second)}, 0 wrong; "
        f"{Conflict.objects.filter(status=Conflict.Status.OPEN).count()} people in conflicts"
    )


@pytest.mark.parametrize("real", ["m41", "m51"], indirect=True)
def test_the_previews_read_groups_of_every_version(real: RealMoodle, settings: Any) -> None:
    settings.MOODLE_CONFIGURED = True
    groups, _more = moodle_search.groups_of_integrated(1000)
    seen = {group.group_id: group.visibility for group, _course in groups}
    assert seen == {
        group["id"]: group["visibility"]
        for course in real.truth()["courses"]
        for group in course["groups"]
    }
