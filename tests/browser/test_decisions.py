"""Undoing a run, linking a conflict by hand and ordering patterns, clicked in a real browser."""

import pytest
from django.contrib.auth.models import User

from integration.models import AccountLink, Conflict, SyncRun
from tests.support.browser import Browser
from tests.support.site import Site, moodle_rows

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "moodle"]),
    pytest.mark.usefixtures("transactional_db"),
]


@pytest.fixture
def desk(browser: Browser, transactional_db: None) -> Browser:
    """The browser, signed in as administrator."""
    browser.sign_in(User.objects.create_superuser("admin", password="admin"))
    return browser


def newest() -> SyncRun:
    return SyncRun.objects.latest("pk")


def test_a_run_is_looked_at_and_turned_back(desk: Browser, chosen: Site) -> None:
    done = chosen.apply().run
    desk.go(f"/admin/integration/syncrun/{done.pk}/change/?kind=create_channel")
    boxes = desk.all("input[name=operation]")
    assert len(boxes) == done.applied["create_channel"]
    desk.click(boxes[0])
    desk.press("Undo the ticked operations")
    desk.sees("Undo exactly this")
    assert newest().planned == {"archive": 1}
    assert not any(room["archived"] for room in chosen.rooms())
    desk.type("reason", "one channel too many")
    desk.press("Undo exactly this")
    desk.sees("No failures")
    assert [room["archived"] for room in chosen.rooms()].count(True) == 1
    desk.sees(f"undoes run {done.pk}")
    assert "one channel too many" in desk.words()
    desk.press(f"undoes run {done.pk}")
    desk.sees(f"undone in part by run {newest().pk}")


def test_a_conflict_is_linked_to_an_account_that_was_searched_for(
    desk: Browser, chosen: Site
) -> None:
    username = moodle_rows(
        "SELECT u.username FROM mdl_user u JOIN mdl_groups_members m ON m.userid = u.id "
        "JOIN mdl_groups g ON g.id = m.groupid JOIN mdl_course c ON c.id = g.courseid "
        "WHERE c.shortname = 'MA110' ORDER BY u.id LIMIT 1"
    )[0][0]
    world = chosen.chat.application.world
    with world.lock:
        world.add_user(username, name="Somebody Else", email="else@else.invalid")
        wanted = world.add_user("maiden.name", name="Old Name", email="old@else.invalid").id
    chosen.apply()
    conflict = Conflict.objects.get(kind="username_taken")
    desk.go(f"/admin/integration/conflict/{conflict.pk}/change/")
    desk.press("Link to another account")
    desk.type("search", "maiden")
    desk.press("Search Rocket.Chat")
    desk.sees("old@else.invalid")
    desk.press("Choose")
    desk.sees("You declare that this account belongs to that person")
    assert not AccountLink.objects.filter(rocketchat_user_id=wanted).exists()
    desk.press("Same person: link both")
    desk.sees("Linked.")
    linked = AccountLink.objects.get(rocketchat_user_id=wanted)
    assert linked.moodle_user_id == conflict.moodle_user_id
