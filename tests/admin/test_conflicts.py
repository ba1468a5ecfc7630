"""The inbox of conflicts: linking to what a person chooses, and what is refused."""

from typing import Any

import pytest
from django.test import Client

from integration.models import AccountLink, AuditEntry, ChannelLink, Conflict, IntegrationSettings
from integration.services.admin import link_targets
from tests.support.site import BOT, Site, moodle_rows

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


def somebody() -> tuple[int, str, int]:
    """Id, username and group of a person who is in a group of a chosen course."""
    user_id, username, group_id = moodle_rows(
        "SELECT u.id, u.username, g.id FROM mdl_user u "
        "JOIN mdl_groups_members m ON m.userid = u.id JOIN mdl_groups g ON g.id = m.groupid "
        "JOIN mdl_course c ON c.id = g.courseid WHERE c.shortname = 'MA110' ORDER BY u.id LIMIT 1"
    )[0]
    return int(user_id), str(username), int(group_id)


def in_chat(site: Site, username: str, **values: Any) -> str:
    """Somebody in Rocket.Chat who has nothing to do with rcsync; the id."""
    world = site.chat.application.world
    with world.lock:
        email = values.pop("email", f"{username}@else.invalid")
        return str(world.add_user(username, name=f"{username} Else", email=email, **values).id)


def room_in_chat(site: Site, name: str) -> str:
    world = site.chat.application.world
    with world.lock:
        bot = world.user_named(BOT)
        assert bot is not None
        return str(world.add_room(name, bot).id)


@pytest.fixture
def conflict(chosen: Site) -> Conflict:
    """Somebody else has the username in Rocket.Chat."""
    in_chat(chosen, somebody()[1])
    chosen.apply()
    return Conflict.objects.get(kind="username_taken", status="open")


@pytest.fixture
def name_conflict(chosen: Site) -> Conflict:
    """Somebody else's room has the name that a channel is to get."""
    group = somebody()[2]
    chosen.apply()
    link = ChannelLink.objects.get(moodle_group_id=group)
    link.delete()
    world = chosen.chat.application.world
    with world.lock:  # as if it had been made by hand
        room = world.rooms[link.room_id]
        room.custom_fields = {}
        room.creator_id = "somebody"
        world.touch_room(room)
    chosen.run()
    return Conflict.objects.get(kind="channel_name_taken", status="open")


def search(client: Client, conflict: Conflict, words: str) -> Any:
    return client.get(f"/admin/conflict/{conflict.pk}/choose/", {"search": words})


def link(client: Client, conflict: Conflict, remote_id: str) -> str:
    url = f"/admin/conflict/{conflict.pk}/link/"
    html = client.post(url, {"remote_id": remote_id}, follow=True).content.decode()
    conflict.refresh_from_db()
    return html


@pytest.mark.parametrize("words", ["old.acc", "OLD.ACCOUNT@", "account else"])
def test_an_account_is_found_by_username_address_and_name(
    operator: Client, conflict: Conflict, chosen: Site, words: str
) -> None:
    account_id = in_chat(chosen, "old.account", active=False)
    page = search(operator, conflict, words)
    html = page.content.decode()
    assert [one.remote_id for one in page.context["found"].found] == [account_id]
    for text in ("old.account", "old.account Else", "old.account@else.invalid", "deactivated"):
        assert text in html, text


def test_what_was_chosen_is_shown_and_confirmed_before_it_is_stored(
    operator: Client, conflict: Conflict, chosen: Site
) -> None:
    account_id = in_chat(chosen, "old.account")
    url = f"/admin/conflict/{conflict.pk}/choose/"
    html = operator.get(url, {"choose": account_id}).content.decode()
    assert "old.account@else.invalid" in html
    assert "Same person: link both" in html
    assert not AccountLink.objects.filter(rocketchat_user_id=account_id).exists()
    link(operator, conflict, account_id)
    assert conflict.status == "solved"
    stored = AccountLink.objects.get(moodle_user_id=conflict.moodle_user_id or 0)
    assert (stored.rocketchat_user_id, stored.username, stored.created) == (
        account_id,
        "old.account",
        False,
    )
    entry = AuditEntry.objects.get(action="link_conflict")
    assert (entry.actor, entry.moodle_user_id) == ("operator", conflict.moodle_user_id)
    assert entry.after == {"linked_to": account_id, "name": "old.account"}
    chosen.apply()
    assert "old.account" in chosen.room_of(somebody()[2])["members"]


def test_an_account_of_somebody_else_is_refused(
    operator: Client, conflict: Conflict, chosen: Site
) -> None:
    other = AccountLink.objects.exclude(moodle_user_id=conflict.moodle_user_id or 0).first()
    assert other is not None
    shown = search(operator, conflict, other.username).context["found"].found[0]
    assert str(other.moodle_user_id) in shown.problem
    assert "already" in link(operator, conflict, other.rocketchat_user_id)
    assert conflict.status == "open"
    assert AccountLink.objects.filter(rocketchat_user_id=other.rocketchat_user_id).count() == 1


@pytest.mark.parametrize("kind", ["bot", "admin", "ours", "protected"])
def test_bots_administrators_and_protected_accounts_are_refused(
    operator: Client, conflict: Conflict, chosen: Site, kind: str
) -> None:
    values: dict[str, dict[str, Any]] = {"bot": {"type": "bot"}, "admin": {"roles": ["admin"]}}
    username = BOT if kind == "ours" else "special"
    account_id = (
        chosen.chat.application.world.user_named(BOT).id  # type: ignore[union-attr]
        if kind == "ours"
        else in_chat(chosen, "special", **values.get(kind, {}))
    )
    if kind == "protected":
        IntegrationSettings.load()
        IntegrationSettings.objects.update(protected_usernames="Special")
    page = search(operator, conflict, username)
    assert "protected" in page.context["found"].found[0].problem
    assert b"Choose<" not in page.content
    assert "protected" in link(operator, conflict, account_id)
    assert conflict.status == "open"
    assert not AccountLink.objects.filter(rocketchat_user_id=account_id).exists()


def test_what_is_gone_meanwhile_is_refused(operator: Client, conflict: Conflict) -> None:
    for remote_id in ("no-such-account", ""):
        assert "does not exist in Rocket.Chat any more" in link(operator, conflict, remote_id)
    assert conflict.status == "open"


def test_a_server_that_does_not_answer_is_said_and_no_error_page(
    operator: Client, conflict: Conflict, settings: Any
) -> None:
    settings.ROCKETCHAT = settings.ROCKETCHAT | {"url": "http://127.0.0.1:9"}
    page = search(operator, conflict, "a")
    assert page.status_code == 200
    assert page.context["problem"]


def test_a_viewer_may_neither_search_accounts_nor_link(
    viewer: Client, conflict: Conflict, chosen: Site
) -> None:
    account_id = in_chat(chosen, "old.account")
    assert search(viewer, conflict, "old").status_code == 403
    url = f"/admin/conflict/{conflict.pk}/link/"
    assert viewer.post(url, {"remote_id": account_id}).status_code == 403
    page = viewer.get(f"/admin/integration/conflict/{conflict.pk}/change/")
    assert b"Link to another account" not in page.content
    assert not AccountLink.objects.filter(rocketchat_user_id=account_id).exists()


def test_a_decided_conflict_is_not_linked_again(
    operator: Client, conflict: Conflict, chosen: Site
) -> None:
    operator.post(f"/admin/conflict/{conflict.pk}/decide/", {"decision": "ignore"})
    account_id = in_chat(chosen, "old.account")
    assert search(operator, conflict, "old").status_code == 302
    assert "is decided" in link(operator, conflict, account_id)
    assert conflict.status == "ignored"


def test_that_the_bot_is_not_in_a_room_is_said_before_it_is_linked(
    name_conflict: Conflict, chosen: Site
) -> None:
    world = chosen.chat.application.world
    with world.lock:
        owner = world.add_user("somebody", name="Somebody", email="s@example.invalid")
        room_id = str(world.add_room("old-seminar", owner, "p").id)
    candidate, _ = link_targets.read_target(name_conflict, room_id)
    assert any("add it as an owner" in fact for fact in candidate.facts)


def test_a_group_is_linked_to_a_room_that_a_person_chose(
    operator: Client, name_conflict: Conflict, chosen: Site
) -> None:
    room_id = room_in_chat(chosen, "old-seminar")
    page = search(operator, name_conflict, "old-sem")
    assert [one.remote_id for one in page.context["found"].found] == [room_id]
    link(operator, name_conflict, room_id)
    assert name_conflict.status == "solved"
    stored = ChannelLink.objects.get(moodle_group_id=name_conflict.moodle_group_id or 0)
    assert (stored.room_id, stored.created) == (room_id, False)
    entry = AuditEntry.objects.get(action="link_conflict")
    assert entry.moodle_group_id == name_conflict.moodle_group_id


def test_a_room_of_another_group_and_the_main_room_are_refused(
    operator: Client, name_conflict: Conflict, chosen: Site
) -> None:
    other = ChannelLink.objects.exclude(moodle_group_id=name_conflict.moodle_group_id or 0)[0]
    assert "already" in link(operator, name_conflict, other.room_id)
    other.delete()  # its mark still tells whose it is
    assert "already" in link(operator, name_conflict, other.room_id)
    assert "everybody is in" in link(operator, name_conflict, "GENERAL")
    assert name_conflict.status == "open"


def test_a_taken_name_gets_advice_with_links_to_both_sides(
    operator: Client, name_conflict: Conflict
) -> None:
    IntegrationSettings.objects.update(moodle_url="https://moodle.example")
    html = operator.get(f"/admin/integration/conflict/{name_conflict.pk}/change/").content.decode()
    assert "moodle.example/group/group.php?courseid=" in html
    assert f"/admin/rooms/edit/{name_conflict.remote_id}" in html
    assert "Repaired: try again" in html


def test_a_taken_username_gets_advice_with_links_to_both_sides(
    operator: Client, conflict: Conflict
) -> None:
    IntegrationSettings.objects.update(moodle_url="https://moodle.example")
    html = operator.get(f"/admin/integration/conflict/{conflict.pk}/change/").content.decode()
    assert f"moodle.example/user/editadvanced.php?id={conflict.moodle_user_id}" in html
    assert f"/admin/users/info/{conflict.remote_id}" in html


@pytest.mark.parametrize(
    ("decision", "action"), [("link", "link"), ("ignore", "ignore"), ("reopen", "reopen")]
)
def test_every_decision_is_in_the_audit_trail(
    operator: Client, conflict: Conflict, decision: str, action: str
) -> None:
    operator.post(f"/admin/conflict/{conflict.pk}/decide/", {"decision": decision})
    entry = AuditEntry.objects.get(action=f"{action}_conflict")
    assert (entry.actor, entry.actor_kind) == ("operator", "person")
    assert entry.moodle_user_id == conflict.moodle_user_id
