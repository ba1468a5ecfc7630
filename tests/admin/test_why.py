"""Why somebody is in a channel, and deciding conflicts."""

from typing import Any

import pytest
import requests
from django.test import Client

from integration.models import AccountLink, ChannelLink, Conflict, GroupRegexFilter, SyncRun
from tests.support.site import Site, moodle_rows

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


def somebody(course: str = "CS101", group: str = "Seminar group 1") -> tuple[int, str, str, int]:
    """(user id, username, e-mail, group id) of a member."""
    return moodle_rows(
        "SELECT u.id, u.username, u.email, g.id FROM mdl_user u "
        "JOIN mdl_groups_members m ON m.userid = u.id JOIN mdl_groups g ON g.id = m.groupid "
        f"JOIN mdl_course c ON c.id = g.courseid WHERE c.shortname = '{course}' AND "
        f"g.name = '{group}' "
        "ORDER BY u.id LIMIT 1"
    )[0]


def msg(page: Any) -> str:
    reason = page.context["reason"]
    steps = [sentence.text for step in reason.steps for sentence in step.sentences]
    return "\n".join([reason.verdict.text, *steps])


def test_a_member_is_explained_from_enrolment_to_channel(viewer: Client, chosen: Site) -> None:
    chosen.apply()
    user, username, _email, _group = somebody()
    text = msg(viewer.get(f"/admin/why/person/{user}/"))
    for part in (
        "Is in CS101-Seminar-group-1, CS101-Seminar-group-5, as it should be.",
        "The account is usable",
        "enrolment method manual",
        "student, given in the course. Included, as member",
        "matches the include pattern .*",
        f"Linked to {username}",
        "added by rcsync",
        "nothing to change here",
    ):
        assert part in text, part


def test_what_keeps_somebody_out_is_named_and_the_next_operation_too(
    viewer: Client, chosen: Site
) -> None:
    chosen.apply()
    GroupRegexFilter.objects.update(pattern="^none$")
    user = somebody()[0]
    text = msg(viewer.get(f"/admin/why/person/{user}/"))
    assert "CS101-Seminar-group-5 without a reason in Moodle, and stays there." in text
    assert "no include pattern matches the name" in text


def test_a_channel_is_explained_with_everybody_in_the_group(viewer: Client, chosen: Site) -> None:
    group = somebody()[3]
    page = viewer.get(f"/admin/why/channel/{group}/")
    text = msg(page)
    assert "The next sync creates the channel CS101-Seminar-group-1" in text
    assert "create channel CS101-Seminar-group-1" in text
    assert len(page.context["reason"].members) > 5


def test_without_rocketchat_moodles_side_is_still_told(
    viewer: Client, chosen: Site, settings: Any
) -> None:
    settings.ROCKETCHAT = settings.ROCKETCHAT | {"url": "http://127.0.0.1:9"}
    page = viewer.get(f"/admin/why/person/{somebody()[0]}/")
    assert "Rocket.Chat did not answer" in page.content.decode()
    assert "matches the include pattern" in msg(page)


def test_nobody_of_that_id_is_said_plainly(viewer: Client, chosen: Site) -> None:
    for kind in ("person", "channel"):
        page = viewer.get(f"/admin/why/{kind}/999999/")
        assert page.status_code == 200
        assert "999999" in page.content.decode()


def test_search_finds_people_and_groups_of_integrated_courses_only(
    viewer: Client, chosen: Site
) -> None:
    user, username, _email, _group = somebody()
    found = viewer.get("/admin/why/", {"search": username}).context["found"]
    assert ("person", user) in [(item.kind, item.number) for item in found]
    groups = viewer.get("/admin/why/", {"search": "Seminar"}).context["found"]
    assert {item.note for item in groups if item.kind == "channel"} == {"CS101"}


def test_one_person_is_synced_alone(operator: Client, chosen: Site) -> None:
    chosen.apply()
    user = somebody()[0]
    operator.post(f"/admin/why/person/{user}/sync/")
    run = SyncRun.objects.latest("pk")
    assert (run.status, run.scope["users"]) == ("done", [user])


def test_a_viewer_may_ask_and_not_sync(viewer: Client, chosen: Site) -> None:
    assert viewer.post(f"/admin/why/person/{somebody()[0]}/sync/").status_code == 403


# --- conflicts ------------------------------------------------------------------------------------


@pytest.fixture
def conflict(chosen: Site) -> Conflict:
    """Somebody else has the username in Rocket.Chat."""
    _user, username, _email, _group = somebody()
    url = f"{chosen.chat.url}/api/v1"
    bot = {"user": "rcsync-bot", "password": "rcsync-bot"}
    data = requests.post(f"{url}/login", json=bot, timeout=5).json()["data"]
    headers = {"X-User-Id": data["userId"], "X-Auth-Token": data["authToken"]}
    body = {
        "username": username,
        "email": "else@campus.invalid",
        "name": "E",
        "password": "x-9-Long!",
    }
    made = requests.post(f"{url}/users.create", json=body, headers=headers, timeout=5)
    assert made.ok, made.text
    chosen.apply()
    return Conflict.objects.get(kind="username_taken", status="open")


def decide(client: Client, conflict: Conflict, decision: str) -> Conflict:
    client.post(f"/admin/conflict/{conflict.pk}/decide/", {"decision": decision})
    conflict.refresh_from_db()
    return conflict


def test_the_inbox_opens_with_what_is_to_be_decided(operator: Client, conflict: Conflict) -> None:
    page = operator.get("/admin/integration/conflict/", follow=True)
    rows = list(page.context["cl"].result_list)
    assert conflict in rows
    assert {row.status for row in rows} == {"open"}


def test_linking_stores_the_pair_and_the_next_sync_uses_it(
    operator: Client, conflict: Conflict, chosen: Site
) -> None:
    assert decide(operator, conflict, "link").status == "solved"
    link = AccountLink.objects.get(moodle_user_id=conflict.moodle_user_id or 0)
    assert (link.rocketchat_user_id, link.created) == (conflict.remote_id, False)
    chosen.apply()
    assert not chosen.run(kind="preview").run.planned


def test_ignored_stays_out_of_the_inbox_and_can_come_back(
    operator: Client, conflict: Conflict, chosen: Site
) -> None:
    assert decide(operator, conflict, "ignore").status == "ignored"
    chosen.apply()
    conflict.refresh_from_db()
    assert conflict.status == "ignored"
    assert decide(operator, conflict, "reopen").status == "open"


def test_trying_again_closes_what_was_repaired_and_keeps_what_was_not(
    operator: Client, conflict: Conflict, chosen: Site
) -> None:
    operator.post(f"/admin/conflict/{conflict.pk}/retry/")
    conflict.refresh_from_db()
    assert conflict.status == "open"
    AccountLink.objects.create(
        moodle_user_id=conflict.moodle_user_id or 0,
        rocketchat_user_id=conflict.remote_id,
        username="x",
    )
    operator.post(f"/admin/conflict/{conflict.pk}/retry/")
    conflict.refresh_from_db()
    assert conflict.status == "solved"


def test_a_viewer_sees_a_conflict_and_decides_nothing(viewer: Client, conflict: Conflict) -> None:
    page = viewer.get(f"/admin/integration/conflict/{conflict.pk}/change/")
    assert "else@campus.invalid" in page.content.decode()
    assert "Same person" not in page.content.decode()
    viewer.post(f"/admin/conflict/{conflict.pk}/decide/", {"decision": "ignore"})
    conflict.refresh_from_db()
    assert conflict.status == "open"


def test_stop_managing_a_channel_forgets_it_and_leaves_it(
    administrator: Client, chosen: Site
) -> None:
    chosen.apply()
    rooms = len(chosen.rooms())
    channel = ChannelLink.objects.first()
    assert channel is not None
    url = "/admin/integration/channellink/"
    data = {"action": "stop_managing", "_selected_action": [channel.pk]}
    assert b"Nothing changes in Rocket.Chat now" in administrator.post(url, data).content
    administrator.post(url, data | {"confirmed": "yes"})
    assert not ChannelLink.objects.filter(pk=channel.pk).exists()
    assert len(chosen.rooms()) == rooms
