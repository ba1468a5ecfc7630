"""Five hundred odd names, as groups and as people, on every server and in both modes of names.

Whatever Moodle calls them: the channel and the account are there, or one row says why not.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from demo.standin import StandIn
from demo.standin.dialects import DIALECTS
from integration.models import Conflict, IntegrationSettings, SyncOperation, SyncRun
from tests.support.odd_strings import ODD_STRINGS
from tests.support.site import BOT, Site
from tests.support.small_moodle import STUDENT, SmallMoodle

pytestmark = [
    pytest.mark.django_db(databases=["default", "moodle"]),
    pytest.mark.usefixtures("no_pauses"),
]
COURSE = 10
# In every run of the suite, with one string in four, a name among them that no server takes; all
# with all are slow.
SOON = (("3.11", "plain", 4), ("9.0", "free", 4))
COMBINATIONS = [
    *SOON,
    *(
        pytest.param(like, mode, 1, marks=pytest.mark.slow)
        for like in DIALECTS
        for mode in ("plain", "free")
    ),
]


def fill(moodle: SmallMoodle, strings: Sequence[str]) -> None:
    """Group 2000 + n and its only member 1000 + n are called by the n-th string."""
    moodle.course(COURSE)
    for number, text in enumerate(strings):
        user_id = moodle.person(
            1000 + number,
            username=f"u{number}",
            firstname=text,
            lastname="",
            email=f"u{number}@x.invalid",
        )
        moodle.group(2000 + number, COURSE, text, [user_id])
    moodle.enrol(COURSE, range(1000, 1000 + len(strings)))


def has_a_row(number: int) -> bool:
    """Whether somebody can read why the group or person is not there."""
    user_id, group_id = 1000 + number, 2000 + number
    rows = SyncOperation.objects.exclude(error="")
    return (
        rows.filter(moodle_user_id=user_id).exists()
        or rows.filter(moodle_group_id=group_id).exists()
        or Conflict.objects.filter(moodle_user_id=user_id).exists()
        or Conflict.objects.filter(moodle_group_id=group_id).exists()
    )


@pytest.mark.parametrize(("like", "mode", "every"), COMBINATIONS)
def test_every_odd_name_is_there_or_one_row_says_why(
    like: str, mode: str, every: int, settings: Any, note: Callable[[str], None]
) -> None:
    assert len(ODD_STRINGS) >= 500
    strings = ODD_STRINGS[every // 2 :: every]
    fill(SmallMoodle(), strings)
    with StandIn(like=like) as chat:
        chat.configure(UI_Allow_room_names_with_special_chars=mode == "free")
        site = Site(chat, settings)
        site.choose([COURSE], [STUDENT])
        IntegrationSettings.load()
        IntegrationSettings.objects.update(name_template="{group}")
        finished = site.run().run
        assert finished.status in (SyncRun.Status.DONE, SyncRun.Status.FAILED), finished.message
        counts = found(site)
        there = pairs(site)
        silent = [n for n in range(len(strings)) if (2000 + n, f"u{n}") not in there]
        unsaid = [strings[number] for number in silent if not has_a_row(number)]
        assert unsaid == []
        names = [room["name"] for room in site.rooms()]
        assert len(set(names)) == len(names)
        again = site.run().run
        assert sum(again.planned.values()) <= 2 * len(silent), again.planned
    note(
        f"odd names on {like}, {mode}: {counts['channels']} of {len(strings)} channels and "
        f"{counts['accounts']} accounts are there, {len(silent)} with a row that says why"
    )


def pairs(site: Site) -> set[tuple[int, str]]:
    return {
        (room["customFields"]["moodle_group"], name)
        for room in site.rooms()
        for name in room["members"]
        if name != BOT
    }


def found(site: Site) -> Counter[str]:
    accounts = sum(one["username"].startswith("u") for one in site.chat.state()["users"])
    return Counter(channels=len(site.rooms()), accounts=accounts)
