"""Something was restored or replaced: docs/operations.md, "When something was restored"."""

import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from demo.standin.state.storage import dump, load
from integration.models import (
    AccountLink,
    AuditEntry,
    ChannelLink,
    Conflict,
    IntegrationSettings,
    ManagedMembership,
    SyncRun,
)
from integration.services.admin import identity_decisions
from tests.support.school import GROUPS, School, a_school
from tests.support.site import chat_content
from tests.support.small_moodle import MADE
from tests.support.term import ledger_content

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])


@pytest.fixture
def school(school: School) -> School:
    school.set(limit_percent=100)
    return school


def claim(*args: str) -> str:
    out = StringIO()
    call_command("claim", *args, stdout=out)
    return out.getvalue()


def forget_since_the_copy(school: School) -> None:
    """The copy is from before channel 112 and its people, and before 1000 joined 102."""
    ChannelLink.objects.filter(moodle_group_id=112).delete()
    AccountLink.objects.filter(moodle_user_id__in=range(1105, 1110)).delete()
    ManagedMembership.objects.filter(
        channel__moodle_group_id=102, account__moodle_user_id=1000
    ).delete()


@pytest.fixture
def restored(school: School) -> School:
    """A ledger of yesterday, a Rocket.Chat and a Moodle of today."""
    school.moodle.join(102, [1000])
    school.run()
    forget_since_the_copy(school)
    return school


# ── Our own ledger ───────────────────────────────────────────────────────────────────────────────


def test_a_look_at_what_could_be_claimed_changes_nothing(restored: School) -> None:
    before = ledger_content(), chat_content(restored.chat)
    said = claim()
    assert "1 rooms, 5 accounts and 6 memberships would be claimed" in said
    assert (ledger_content(), chat_content(restored.chat)) == before


def test_after_an_older_ledger_what_is_provably_ours_is_ours_again(restored: School) -> None:
    claim("--apply", "--reason", "database restored from Tuesday")
    assert ChannelLink.objects.get(moodle_group_id=112).created
    assert AccountLink.objects.get(moodle_user_id=1105).created
    run = restored.run()
    assert (run.status, run.applied) == (SyncRun.Status.DONE, {})
    restored.moodle.leave(102, [1000])
    restored.moodle.change_person(1105, suspended=1)
    restored.run()
    assert "person1000" not in restored.members(102)
    assert not restored.users()["person1105"]
    assert AuditEntry.objects.get(action="claim").reason == "database restored from Tuesday"


def test_a_lost_ledger_is_found_again_whole(school: School) -> None:
    before = ledger_content()
    AccountLink.objects.all().delete()
    ChannelLink.objects.all().delete()
    claim("--apply", "--reason", "the links were lost")
    school.run(full_check=True)
    after = ledger_content()
    assert after["channels"] == before["channels"]
    assert after["members"] == before["members"]
    teachers = {1050, 1150}  # in no group: nothing proves that their accounts are ours
    ours = [row for row in before["accounts"] if row[0] not in teachers]
    assert [row for row in after["accounts"] if row[0] not in teachers] == ours


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"verified": False}, "its address is not verified"),
        ({"email": "other@example.invalid"}, "it has another address"),
    ],
)
def test_an_account_without_proof_is_not_claimed(
    restored: School, change: dict[str, Any], why: str
) -> None:
    world = restored.chat.application.world
    with world.lock:
        user = world.user_named("person1105")
        assert user
        for name, value in change.items():
            setattr(user, name, value)
        world.touch_user(user)
    assert re.search(f"account person1105: {why}", claim())
    claim("--apply", "--reason", "restored")
    assert not AccountLink.objects.filter(moodle_user_id=1105).exists()


def test_a_room_whose_group_may_be_another_now_is_not_claimed(restored: School) -> None:
    restored.moodle.change_group(112, name="Something else")
    assert "it may be another group now" in claim("--apply", "--reason", "restored")
    assert not ChannelLink.objects.filter(moodle_group_id=112).exists()


def test_who_may_be_there_by_hand_is_not_claimed(restored: School) -> None:
    restored.moodle.leave(102, [1000])
    assert "may have been added by hand, and stays" in claim("--apply", "--reason", "restored")
    restored.run(full_check=True)
    assert "person1000" in restored.members(102)


def test_claiming_needs_a_reason_and_no_run_under_way(restored: School) -> None:
    with pytest.raises(CommandError, match="reason"):
        claim("--apply")
    SyncRun.objects.update(status=SyncRun.Status.RUNNING)
    with pytest.raises(CommandError, match="in progress"):
        claim("--apply", "--reason", "restored")
    assert not ChannelLink.objects.filter(moodle_group_id=112).exists()


# ── A yearly clone of Moodle, with an empty ledger ───────────────────────────────────────────────


@pytest.fixture(params=["6.5", "8.8"])
def clone(settings: Any, request: pytest.FixtureRequest) -> Iterator[School]:
    """The new installation; the old one's rooms are there."""
    with a_school(settings, like=request.param) as school:
        school.set(limit_percent=100)
        AccountLink.objects.all().delete()
        ChannelLink.objects.all().delete()
        IntegrationSettings.objects.update(installation="new", server_id="")
        yield school


def old_installation(school: School) -> str:
    return str(school.site.room_of(101)["customFields"]["rcsync"])


def test_a_clone_leaves_the_rooms_of_last_year_alone_and_says_whose_they_are(
    clone: School,
) -> None:
    before = chat_content(clone.chat)
    clone.run()
    assert chat_content(clone.chat) == before
    assert Conflict.objects.filter(kind="foreign_mark").count() == len(GROUPS)
    assert f"4 rooms are marked by installation {old_installation(clone)}" in claim()


def test_a_clone_may_take_the_place_of_the_installation_that_is_gone(clone: School) -> None:
    before, old = chat_content(clone.chat), old_installation(clone)
    claim("--apply", "--reason", "the old server is switched off", "--installation", old)
    assert clone.run().applied.keys() <= {"adopt_account"}  # the teachers'
    assert chat_content(clone.chat) == before
    assert ChannelLink.objects.filter(created=True).count() == len(GROUPS)
    assert IntegrationSettings.load().installation == old


def test_an_installation_with_channels_takes_nobodys_place(school: School) -> None:
    with pytest.raises(CommandError, match="channels of its own"):
        claim("--apply", "--reason", "why", "--installation", "other")


# ── Moodle restored from yesterday ───────────────────────────────────────────────────────────────


def test_moodle_of_yesterday_a_number_of_today_given_out_again_is_a_question(
    school: School,
) -> None:
    school.moodle.group(113, 11, "Made today", range(1100, 1103))
    school.run()
    room_id = school.site.room_of(113)["id"]
    school.moodle.delete_group(113)
    school.run()
    assert school.site.room_of(113)["archived"]
    school.moodle.group(113, 11, "Another group", [1105])
    school.moodle.change_group(113, timecreated=MADE + 5_000_000)
    school.run()
    assert school.site.room_of(113)["archived"]
    identity_decisions.declare_other(Conflict.objects.get(kind="group_changed"))
    school.run()
    assert ChannelLink.objects.get(moodle_group_id=113).room_id != room_id


# ── Rocket.Chat restored from yesterday ──────────────────────────────────────────────────────────


def test_a_rocketchat_of_yesterday_is_brought_up_to_today(school: School) -> None:
    yesterday = dump(school.chat.application.world)
    school.moodle.group(113, 11, "Made today", range(1100, 1103))
    school.moodle.enrol(10, school.moodle.people(1900, 1))
    school.moodle.join(101, [1900])
    school.moodle.leave(102, [1005])
    copied_at = timezone.now()
    school.run()
    today = chat_content(school.chat)
    world = load(yesterday, school.chat.world.dialect)
    school.chat.application.world = school.chat.world = world
    assert school.run(full_check=True).status == SyncRun.Status.DONE
    assert "person1005" in school.members(102)  # nothing proves that nobody put them in
    moment = copied_at.isoformat()
    assert "1 memberships" in claim("--apply", "--reason", "restored", "--chat-restored", moment)
    assert school.run().status == SyncRun.Status.DONE
    assert chat_content(school.chat) == today
