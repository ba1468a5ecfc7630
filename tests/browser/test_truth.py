"""Pages that say what is so while it changes, clicked in a real browser."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from integration.models import GroupRegexFilter, IntegratedCourse, IntegrationSettings, SyncRun
from tests.support.browser import Browser
from tests.support.site import Site

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "moodle"]),
    pytest.mark.usefixtures("transactional_db"),
]

SETTINGS = "/admin/integration/integrationsettings/1/change/"


@pytest.fixture
def desk(browser: Browser, transactional_db: None) -> Browser:
    browser.sign_in(User.objects.create_superuser("admin", password="admin"))
    return browser


def test_the_badge_of_a_live_run_follows_it_to_its_end(desk: Browser, chosen: Site) -> None:
    run = SyncRun.objects.create(kind="apply", trigger="admin", status="queued", attempts=1)
    rows = SyncRun.objects.filter(pk=run.pk)
    badge = f"[data-run-status='{run.pk}']"
    desk.go(f"/admin/integration/syncrun/{run.pk}/change/")
    assert desk.find(badge).text == "Waiting"
    rows.update(status="running", planned={"archive": 59}, done_count=40, alive_at=timezone.now())
    desk.wait(lambda: desk.find(badge).text == "Running", "the badge stayed behind")
    assert desk.find("[data-show=done]").text == "40"
    rows.update(status="done", applied={"archive": 59}, finished_at=timezone.now())
    desk.wait(lambda: desk.find(badge).text == "Done", "the end was not shown")


def test_the_list_of_courses_shows_a_run_and_then_the_state_without_a_reload(
    desk: Browser, chosen: Site
) -> None:
    chosen.apply()
    run = SyncRun.objects.create(kind="apply", trigger="admin", status="running")
    IntegratedCourse.objects.filter(shortname="CS101").update(
        lease_owner=f"run {run.pk}", lease_expires=timezone.now() + timedelta(minutes=2)
    )
    desk.go("/admin/integration/integratedcourse/")
    desk.sees("running")
    desk.driver.execute_script("window.notReloaded = true")
    IntegratedCourse.objects.update(lease_owner="", lease_expires=None)
    SyncRun.objects.filter(pk=run.pk).update(status="done", finished_at=timezone.now())
    desk.wait(lambda: "running" not in desk.find("#result_list").text, "it runs for ever")
    assert desk.find("#result_list").text.count("In step") == 2
    assert desk.driver.execute_script("return window.notReloaded")


@pytest.fixture
def by_hand(site: Site, settings: Any) -> Site:
    """The connection is entered in the admin, not in the environment."""
    settings.ROCKETCHAT = dict.fromkeys(settings.ROCKETCHAT, "")
    return site


def enter(desk: Browser, **fields: str) -> None:
    desk.go(SETTINGS)
    for name, text in fields.items():
        desk.type(name, text)
    desk.click(desk.find("button[name=_save]"))


def test_the_connection_is_tested_when_it_is_saved_and_only_then_ticked(
    desk: Browser, by_hand: Site
) -> None:
    login = {"rocketchat_username": "rcsync-bot", "rocketchat_password": "wrong"}
    enter(desk, rocketchat_url=by_hand.chat.url, **login)
    desk.sees("refuses the bot's username and password")
    desk.go("/admin/")
    desk.sees("1 of 8 done")
    assert "refuses the bot's username and password" in desk.words()
    enter(desk, rocketchat_password="rcsync-bot")
    desk.sees("The connection works")
    desk.go("/admin/")
    desk.sees("2 of 8 done")
    by_hand.chat.configure(permissions={"create-user": []})
    desk.go(SETTINGS)
    desk.press("Test again")
    desk.sees("rcsync cannot create accounts")
    desk.go("/admin/")
    desk.sees("1 of 8 done")


def test_a_wrong_address_is_told_beside_its_field(desk: Browser, by_hand: Site) -> None:
    login = {"rocketchat_username": "rcsync-bot", "rocketchat_password": "rcsync-bot"}
    enter(desk, rocketchat_url=by_hand.chat.url.replace("http://", "https://"), **login)
    desk.sees(f"Write {by_hand.chat.url}", patience=6)


def test_a_slow_server_is_waited_for_and_that_is_said(desk: Browser, by_hand: Site) -> None:
    by_hand.chat.configure(latency_ms=6000)
    login = {"rocketchat_username": "rcsync-bot", "rocketchat_password": "rcsync-bot"}
    enter(desk, rocketchat_url=by_hand.chat.url, **login)
    desk.sees("Still waiting for an answer")
    by_hand.chat.configure(latency_ms=0)
    desk.sees("The connection works", patience=40)


def test_after_the_session_ended_a_click_leads_back_to_its_page(
    desk: Browser, chosen: Site
) -> None:
    chosen.run(kind="preview", keep_plan=True)
    plan = SyncRun.objects.latest("pk")
    page = f"/admin/integration/syncrun/{plan.pk}/change/"
    desk.go(page)
    desk.driver.delete_cookie("sessionid")
    desk.press("Apply exactly this")
    desk.type("username", "admin")
    desk.type("password", "admin")
    desk.find("[name=password]").submit()
    desk.sees("nothing was done")
    assert desk.driver.current_url.endswith(page)
    assert SyncRun.objects.latest("pk") == plan
    desk.press("Apply exactly this")
    desk.sees("No failures")


def test_a_run_that_waits_is_found_from_the_start_page_and_decided(
    desk: Browser, chosen: Site
) -> None:
    chosen.apply()
    GroupRegexFilter.objects.update(pattern="no such group")
    IntegrationSettings.objects.update(on_pattern_unmatched="archive")
    run = chosen.run().run
    desk.go("/admin/")
    desk.sees(f"Run {run.pk} waits for your approval: {run.held_count} channels")
    desk.press("Review and decide")
    desk.type("reason", "the term is over")
    desk.press("Approve and carry out")
    desk.sees("No failures")
    desk.go("/admin/")
    assert "waits for your approval" not in desk.words()


def test_an_undo_over_the_limits_asks_before_it_passes_them(desk: Browser, chosen: Site) -> None:
    done = chosen.apply().run
    IntegrationSettings.objects.update(limit_percent=30)
    desk.go(f"/admin/integration/syncrun/{done.pk}/change/")
    desk.press("Undo this run")
    desk.sees("This plan exceeds a limit")
    desk.type("reason", "a try")
    desk.press("Undo exactly this")
    desk.sees("wait for a decision")
    assert not any(room["archived"] for room in chosen.rooms())
    desk.go(f"/admin/integration/syncrun/{done.pk}/change/")
    desk.press("Undo this run")
    desk.type("reason", "now really")
    desk.click(desk.find("[name=force]"))
    desk.press("Undo exactly this")
    desk.sees("Limit passed on purpose by admin")
    assert all(room["archived"] for room in chosen.rooms())
