"""The journeys of an administrator, clicked in a real browser against a stand-in Rocket.Chat."""

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from integration.models import (
    Conflict,
    GroupRegexFilter,
    IncludedRole,
    SyncRun,
)
from integration.services.admin import start_run
from tests.support.admin_client import MAY_VIEW, person
from tests.support.browser import PHONE, Browser, main_pages, resize
from tests.support.site import Site, moodle_rows

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "moodle"]),
    pytest.mark.usefixtures("transactional_db"),
]

COURSES = "/admin/integration/integratedcourse/"


@pytest.fixture
def admin_user(transactional_db: None) -> User:
    return User.objects.create_superuser("admin", password="admin")


@pytest.fixture
def desk(browser: Browser, admin_user: User) -> Browser:
    """The browser, signed in as administrator."""
    browser.sign_in(admin_user)
    return browser


def tick_all_and(browser: Browser, action: str) -> None:
    browser.go(COURSES)
    browser.click(browser.find("#action-toggle"))
    browser.choose("select[name=action]", action)
    browser.driver.execute_script("document.getElementById('changelist-form').requestSubmit()")


def newest() -> SyncRun:
    return SyncRun.objects.latest("pk")


def test_from_an_empty_installation_to_the_first_sync_by_clicking_alone(
    desk: Browser, site: Site
) -> None:
    desk.go("/admin/")
    desk.sees("1 of 8 done")
    desk.press("Open settings")
    desk.sees("The connection works")
    desk.go("/admin/")
    desk.sees("2 of 8 done")
    desk.press("Choose roles")
    for role, _name in moodle_rows(
        "SELECT id, shortname FROM mdl_role WHERE shortname = 'student'"
    ):
        desk.click(desk.find(f"#role{role}"))
    desk.press("Save")
    desk.sees("1 role is included")
    desk.go("/admin/")
    desk.press("Add a pattern")
    desk.type("pattern", "Seminar")
    desk.sees("gets a channel")
    desk.click(desk.find("button[name=_save]"))
    desk.sees("was added successfully")
    desk.go("/admin/")
    desk.press("Add courses")
    desk.type("search", "CS101")
    desk.press("Search Moodle")
    desk.sees("1 course")
    desk.click(desk.find("input[name=course]"))
    desk.press("Add ticked courses")
    desk.sees("1 course added")
    desk.go("/admin/")
    desk.press("Preview everything")
    desk.sees("Apply exactly this")
    desk.press("Apply exactly this")
    desk.sees("No failures")
    assert newest().status == SyncRun.Status.DONE
    assert {room["name"] for room in site.rooms()} == {
        f"CS101-Seminar-group-{n}" for n in range(1, 6)
    }


def test_a_plan_is_looked_at_and_then_done_exactly(desk: Browser, chosen: Site) -> None:
    tick_all_and(desk, "preview_selected")
    desk.sees("What would be done")
    assert not chosen.rooms()
    plan = newest()
    desk.choose("select[name=kind]", "create_channel")
    desk.press("Filter")
    desk.sees("Show all")
    listed = desk.find("section[aria-labelledby=operations] tbody").text
    assert "create channel" in listed
    assert "create account" not in listed
    desk.press("Apply exactly this")
    desk.sees("No failures")
    assert newest().applied == plan.planned


def test_a_plan_that_has_changed_meanwhile_is_refused_with_the_reason(
    desk: Browser, chosen: Site
) -> None:
    tick_all_and(desk, "preview_selected")
    desk.sees("Apply exactly this")
    GroupRegexFilter.objects.create(pattern=".", kind="exclude")
    desk.press("Apply exactly this")
    desk.sees("The plan has changed since it was shown")
    assert not chosen.rooms()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run takes too long to wait for."""
    monkeypatch.setattr(start_run, "PATIENCE_SECONDS", 0.0)


@pytest.mark.usefixtures("hasty")
def test_a_slow_sync_shows_its_progress_and_then_its_result(desk: Browser, chosen: Site) -> None:
    chosen.chat.configure(latency_ms=150)
    tick_all_and(desk, "sync_selected")
    desk.sees("Carrying out the plan")
    desk.wait(lambda: int(desk.find("[data-show=done]").text) > 0, "the count never moved")
    desk.wait(lambda: desk.find("[data-show=eta]").text != "–", "there was never an estimate")
    desk.sees("Planned and done", patience=60)
    assert newest().status == SyncRun.Status.DONE


@pytest.mark.usefixtures("hasty")
def test_a_sync_is_cancelled_and_the_next_one_goes_on(desk: Browser, chosen: Site) -> None:
    chosen.chat.configure(latency_ms=300)
    tick_all_and(desk, "sync_selected")
    desk.sees("Carrying out the plan")
    desk.press("Cancel")
    desk.sees("Stopped", patience=60)
    run = newest()
    assert run.status == SyncRun.Status.STOPPED
    assert sum(run.applied.values()) < sum(run.planned.values())
    chosen.chat.configure(latency_ms=0)
    desk.press("Retry what failed")
    desk.sees("No failures" if newest().status == "done" else "Planned and done")
    desk.wait(lambda: newest().status == SyncRun.Status.DONE, "the retry never ended")
    assert not chosen.run(kind="preview").run.planned


def test_the_cause_of_a_failure_is_read_repaired_and_retried(desk: Browser, chosen: Site) -> None:
    chosen.chat.configure(permissions={"create-user": []})
    tick_all_and(desk, "sync_selected")
    desk.sees("Failures:")
    desk.choose("select[name=status]", "failed")
    desk.press("Filter")
    desk.sees("create-user")
    failed = newest()
    assert failed.failed_count > 0
    chosen.chat.configure(permissions={"create-user": ["admin"]})
    desk.press("Retry what failed")
    desk.sees("No failures")
    assert newest().status == SyncRun.Status.DONE
    assert newest().applied["create_account"] == failed.planned["create_account"]


def test_a_conflict_is_seen_linked_and_solved(desk: Browser, chosen: Site) -> None:
    email, username = moodle_rows(
        "SELECT u.email, u.username FROM mdl_user u JOIN mdl_groups_members m ON m.userid = u.id "
        "JOIN mdl_groups g ON g.id = m.groupid JOIN mdl_course c ON c.id = g.courseid "
        "WHERE c.shortname = 'MA110' ORDER BY u.id LIMIT 1"
    )[0]
    account(chosen, username, "somebody.else@campus.invalid")
    tick_all_and(desk, "sync_selected")
    desk.go("/admin/")
    desk.press("Open the conflicts")
    conflict = Conflict.objects.get(kind="username_taken")
    desk.click(desk.find(f"a[href*='/conflict/{conflict.pk}/change']"))
    desk.sees("somebody.else@campus.invalid")
    assert email in desk.words()
    desk.press("Same person: link both")
    desk.sees("Linked.")
    conflict.refresh_from_db()
    assert conflict.status == Conflict.Status.SOLVED
    chosen.apply()
    assert chosen.run(kind="preview").run.planned == {}


def account(site: Site, username: str, email: str) -> None:
    """Somebody in Rocket.Chat whom rcsync has not made."""
    import requests

    answer = requests.post(
        f"{site.chat.url}/api/v1/login",
        json={"user": "rcsync-bot", "password": "rcsync-bot"},
        timeout=5,
    ).json()["data"]
    headers = {"X-User-Id": answer["userId"], "X-Auth-Token": answer["authToken"]}
    body = {"username": username, "email": email, "name": username, "password": "x-9-Long-enough"}
    made = requests.post(
        f"{site.chat.url}/api/v1/users.create", json=body, headers=headers, timeout=5
    )
    assert made.status_code == 200, made.text


def test_a_pattern_is_judged_while_it_is_typed(desk: Browser, chosen: Site) -> None:
    desk.go("/admin/integration/groupregexfilter/add/")
    desk.type("pattern", "(")
    desk.sees("is not valid")
    desk.type("pattern", "^(a|aa)+$")
    desk.sees("million steps")
    desk.click(desk.find("button[name=_save]"))
    desk.sees("Nothing was saved. Correct:")
    assert GroupRegexFilter.objects.count() == 1


def test_names_are_shown_while_the_template_is_typed(desk: Browser, chosen: Site) -> None:
    desk.go("/admin/integration/integrationsettings/1/change/")
    desk.type("name_template", "moodle_{course}_{group}")
    desk.sees("moodle_CS101_Seminar-group-1")
    names = [cell.text for cell in desk.all("[data-preview=names] tbody code")]
    assert "moodle_CS101_Seminar-group-1" in names
    assert len(names) == len(set(names)) == 5
    desk.type("name_template", "all-the-same")
    desk.sees("groups would get the same name as another one")
    collisions = [cell.text for cell in desk.all("[data-preview=names] tbody .rc-warn")]
    assert collisions[0] == "all-the-same"
    assert len(collisions) == len(set(collisions)) > 1, "each gets the id of its group behind it"


def test_a_viewer_sees_runs_and_finds_nothing_that_syncs(browser: Browser, chosen: Site) -> None:
    chosen.run(kind="preview", keep_plan=True)
    browser.sign_in(person("viewer", MAY_VIEW))
    browser.go(f"/admin/integration/syncrun/{newest().pk}/change/")
    browser.sees("What would be done")
    for text in ("Apply exactly this", "Plan again"):
        assert text not in browser.words()
    browser.go("/admin/")
    assert "Preview everything" not in browser.words()
    browser.go(COURSES)
    browser.sees("CS101")
    assert not browser.all("option[value=sync_selected]")


def test_why_tells_the_chain_and_syncs_just_this_person(desk: Browser, chosen: Site) -> None:
    chosen.apply()
    username = moodle_rows(
        "SELECT u.username FROM mdl_user u JOIN mdl_groups_members m ON m.userid = u.id "
        "JOIN mdl_groups g ON g.id = m.groupid JOIN mdl_course c ON c.id = g.courseid "
        "WHERE c.shortname = 'CS101' AND g.name LIKE 'Seminar%' ORDER BY u.id LIMIT 1"
    )[0][0]
    desk.go("/admin/why/")
    desk.type("search", username)
    desk.press("Search")
    desk.click(desk.find("#content-main table a"))
    desk.sees("Is in CS101-Seminar")
    for text in ("Active.", "student", "matches the include pattern", "Linked to"):
        assert text in desk.words(), text
    desk.press("Sync just this person")
    desk.sees("Nothing to change for these people")


@pytest.mark.parametrize(
    "language",
    [
        pytest.param(code, marks=() if code == "de" else pytest.mark.slow)  # has the longest words
        for code, _name in settings.LANGUAGES
    ],
)
def test_every_page_fits_a_phone_in_every_language(
    desk: Browser, chosen: Site, language: str
) -> None:
    chosen.apply()
    resize(desk.driver, PHONE)
    by_language(desk, language)
    wide = []
    for page in (*main_pages(), "/admin/why/"):
        desk.go(page)
        desk.find("#content-main")
        assert desk.find("html").get_attribute("lang") == language
        wide += [f"{page}: {desk.too_wide()}"] if desk.too_wide() > 0 else []
    assert not wide


def test_roles_are_chosen_with_the_keyboard_alone(desk: Browser, chosen: Site) -> None:
    desk.go("/admin/choose-roles/")
    box = desk.find("input[name=role]")
    desk.driver.execute_script("arguments[0].focus()", box)
    box.send_keys(" ")
    assert box.is_selected()
    button = desk.button("Save")
    button.send_keys("\n")
    desk.sees("included")
    assert IncludedRole.objects.filter(enabled=True).exists()


def by_language(browser: Browser, code: str) -> None:
    browser.driver.add_cookie({"name": "django_language", "value": code})


@pytest.mark.parametrize(
    ("code", "text"), [("de", "Synchrone Kurse"), ("fr", "Cours à jour"), ("es", "Cursos al día")]
)
def test_the_start_page_speaks_the_language_of_the_person(
    desk: Browser, chosen: Site, code: str, text: Any
) -> None:
    desk.go("/admin/")
    assert text not in desk.words()
    by_language(desk, code)
    desk.go("/admin/")
    desk.sees(text)
    assert desk.find("html").get_attribute("lang") == code
    assert "Courses in step" not in desk.words()
