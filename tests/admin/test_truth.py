"""What the pages say is so: each of these was seen to be said wrongly once."""

import re
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client

from integration.models import (
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    IntegrationSettings,
    SyncRun,
)
from integration.services.monitoring import digest
from integration.services.monitoring.course_states import CourseState
from tests.support.site import Site, moodle_rows
from tests.support.states import states

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

NOBODY = "http://127.0.0.1:9"
COURSES = "/admin/integration/integratedcourse/"
GREEN = "Rocket.Chat is in step with Moodle."


def newest() -> SyncRun:
    return SyncRun.objects.latest("pk")


def html(client: Client, url: str) -> str:
    answer = client.get(url, follow=True)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def run_page(client: Client, run: SyncRun) -> str:
    return html(client, f"/admin/integration/syncrun/{run.pk}/change/")


def everything_waits(site: Site) -> SyncRun:
    """A sync that would archive every channel."""
    site.apply()
    GroupRegexFilter.objects.update(pattern="no such group")
    row = IntegrationSettings.load()
    row.on_pattern_unmatched = "archive"
    row.save()
    run = site.run().run
    assert run.status == SyncRun.Status.QUARANTINED
    return run


def test_a_second_click_on_a_plan_turns_no_course_red(administrator: Client, chosen: Site) -> None:
    chosen.run(kind="preview", keep_plan=True)
    plan = newest()
    administrator.post(f"/admin/run/{plan.pk}/apply/")
    assert set(states().values()) == {CourseState.IN_STEP}
    administrator.post(f"/admin/run/{plan.pk}/apply/")
    assert newest().status == SyncRun.Status.ERROR
    assert set(states().values()) == {CourseState.IN_STEP}
    assert "rc-badge rc-bad" not in html(administrator, COURSES)


def test_a_refused_plan_offers_to_plan_again_and_not_to_sync(
    administrator: Client, chosen: Site
) -> None:
    chosen.run(kind="preview", keep_plan=True)
    plan = newest()
    GroupRegexFilter.objects.create(pattern=".", kind="exclude")
    page = administrator.post(f"/admin/run/{plan.pk}/apply/", follow=True).content.decode()
    assert "The plan was not carried out" in page
    assert "Plan again" in page
    assert "Sync once more" not in page
    administrator.post(f"/admin/run/{newest().pk}/again/")
    assert newest().kind == SyncRun.Kind.PREVIEW
    assert not chosen.rooms()


def test_a_run_that_waits_is_the_first_line_and_in_the_menu(
    administrator: Client, chosen: Site
) -> None:
    run = everything_waits(chosen)
    page = html(administrator, "/admin/")
    line = f"Run {run.pk} waits for your approval: {run.held_count} channels"
    assert line in page
    assert page.index(line) < page.index("Courses in step")
    assert "retry" not in page.split("What to do next")[-1].split("</section>")[0]
    page = html(administrator, "/admin/why/")
    assert "Waits for approval" in page
    assert f'href="/admin/integration/syncrun/{run.pk}/change/"' in page


def marked(page: str) -> list[str]:
    """The entries of the menu that are marked as where one is."""
    entries = re.findall(r'<a href="[^"]*" class="([^"]*)">(.*?)</a>', page)
    texts = [
        re.findall(r"<span>([^<]+)</span>", text) for kind, text in entries if " active" in kind
    ]
    return [text for found in texts for text in found]


def test_one_entry_of_the_menu_is_marked_and_it_is_the_one_that_fits(
    administrator: Client, chosen: Site
) -> None:
    done = chosen.apply().run
    assert marked(run_page(administrator, done)) == ["Runs"]
    run = everything_waits(chosen)
    assert marked(run_page(administrator, run)) == ["Waits for approval"]
    assert marked(run_page(administrator, done)) == ["Runs"]
    rows = "/admin/integration/syncrun/"
    assert marked(html(administrator, rows)) == ["Runs"]
    assert marked(html(administrator, f"{rows}?status__exact=quarantined")) == [
        "Waits for approval"
    ]
    SyncRun.objects.create(kind="apply", trigger="admin", status="quarantined")
    assert marked(run_page(administrator, run)) == ["Waits for approval"], "one of two"
    assert marked(html(administrator, rows)) == ["Runs"]
    for address in ("/admin/", "/admin/failures/", "/admin/groups/", "/admin/auth/user/"):
        assert len(marked(html(administrator, address))) == 1, address


def test_who_may_not_approve_reads_that_a_run_waits_and_is_not_asked(
    viewer: Client, chosen: Site
) -> None:
    run = everything_waits(chosen)
    page = html(viewer, "/admin/")
    assert "your approval" not in page
    assert "Review and decide" not in page
    first = page.split("rc-first")[1].split("</div>")[0]
    assert f'href="/admin/integration/syncrun/{run.pk}/change/"' in first
    assert "Waits for approval" in first


def test_a_waiting_run_has_one_box_with_one_primary_action_in_the_words_of_the_web(
    administrator: Client, chosen: Site
) -> None:
    run = everything_waits(chosen)
    page = run_page(administrator, run).split('id="content-main"')[1]
    assert page.count('rc-button rc-primary"') == 1
    assert "Approve and carry out" in page
    assert "Retry what failed" not in page
    assert "./rcsync" not in page
    administrator.post(f"/admin/run/{run.pk}/decide/", {"decision": "reject", "reason": "not yet"})
    run.refresh_from_db()
    page = run_page(administrator, run).split('id="content-main"')[1]
    assert "Rejected by admin on" in page
    assert "Retry what failed" not in page
    assert page.count('rc-button rc-primary"') == 1
    assert "Plan again" in page


def test_green_is_only_what_is_equal(administrator: Client, chosen: Site) -> None:
    chosen.apply()
    chosen.run(kind="preview")
    assert GREEN in run_page(administrator, newest())
    GroupRegexFilter.objects.create(pattern="^Seminar", kind="exclude")
    chosen.run(kind="preview")
    page = run_page(administrator, newest())
    assert GREEN not in page
    assert "5 channels: matches the exclude pattern ^Seminar" in page
    GroupRegexFilter.objects.filter(kind="exclude").delete()
    IncludedRole.objects.update(enabled=False)
    chosen.run(kind="preview")
    page = run_page(administrator, newest())
    assert GREEN not in page
    assert "No role is included" in page
    assert "No role is chosen" in html(administrator, "/admin/")


def test_a_course_that_does_not_exist_is_refused_when_it_is_entered(
    administrator: Client, chosen: Site, settings: Any
) -> None:
    add = f"{COURSES}add/?by_hand"
    answer = administrator.post(add, {"course_id": "999999", "background_sync": "on"})
    assert "Moodle has no course with the id 999999." in answer.content.decode()
    home = moodle_rows("SELECT id FROM mdl_course WHERE category = 0")[0][0]
    assert administrator.post(add, {"course_id": str(home)}).status_code == 200
    assert IntegratedCourse.objects.count() == 2
    number, name = moodle_rows(
        "SELECT id, shortname FROM mdl_course WHERE category > 0 AND shortname NOT IN "
        "('CS101', 'MA110') ORDER BY id LIMIT 1"
    )[0]
    administrator.post(add, {"course_id": str(number), "background_sync": "on"})
    assert IntegratedCourse.objects.get(course_id=number).shortname == name
    settings.MOODLE_CONFIGURED = False
    page = administrator.post(add, {"course_id": "777"}, follow=True).content.decode()
    assert "is not checked" in page
    assert IntegratedCourse.objects.filter(course_id=777).exists()


def test_a_server_that_is_down_is_said_with_its_time(
    administrator: Client, chosen: Site, settings: Any
) -> None:
    chosen.apply()
    settings.ROCKETCHAT = settings.ROCKETCHAT | {"url": NOBODY}
    run = chosen.run().run
    page = html(administrator, "/admin/")
    assert "Rocket.Chat cannot be reached since" in page
    assert set(states().values()) == {CourseState.UNREACHABLE}
    page = html(administrator, "/admin/failures/")
    assert "No failures" not in page
    assert f"/syncrun/{run.pk}/change/" in page
    assert "no connection to http://127.0.0.1:9" in page


def test_a_limit_that_was_passed_on_purpose_is_no_alarm(
    administrator: Client, chosen: Site
) -> None:
    everything_waits(chosen)
    chosen.run(kind="preview", keep_plan=True)
    plan = newest()
    administrator.post(f"/admin/run/{plan.pk}/apply/", {"force": "on"})
    run = newest()
    assert run.status == SyncRun.Status.DONE
    page = run_page(administrator, run)
    assert "Limit passed on purpose by admin" in page
    assert "rc-note rc-bad" not in page
    assert "rc-note rc-info" in page


def test_status_and_digest_say_what_the_pages_say(administrator: Client, chosen: Site) -> None:
    run = everything_waits(chosen)
    out = StringIO()
    with pytest.raises(SystemExit):  # there is no worker
        call_command("status", stdout=out, no_color=True)
    assert "2 waiting for approval" in out.getvalue()
    IntegrationSettings.objects.update(notify_emails="ops@example.invalid", digest="change")
    assert digest.send_if_due(IntegrationSettings.load())
    (message,) = mail.outbox
    assert f"changes of run {run.pk} wait for approval" in message.body
    assert "CS101" in message.body


def test_the_list_filters_by_the_state_it_shows(administrator: Client, chosen: Site) -> None:
    chosen.apply()
    IntegratedCourse.objects.filter(shortname="CS101").update(background_sync=False)
    table = html(administrator, f"{COURSES}?state=paused").split("result_list")[1]
    assert "CS101" in table
    assert "MA110" not in table
    table = html(administrator, f"{COURSES}?state=in_step").split("result_list")[1]
    assert "MA110" in table


def test_whoever_is_in_a_channel_without_a_reason_is_told_one_story(
    administrator: Client, chosen: Site
) -> None:
    chosen.apply()
    user, group = moodle_rows(
        "SELECT m.userid, m.groupid FROM mdl_groups_members m JOIN mdl_groups g ON "
        "g.id = m.groupid JOIN mdl_course c ON c.id = g.courseid WHERE c.shortname = 'CS101' "
        "AND g.name LIKE 'Seminar%' ORDER BY m.id LIMIT 1"
    )[0]
    page = html(administrator, f"/admin/why/person/{user}/")
    assert "as it should be" in page
    GroupRegexFilter.objects.create(pattern=".", kind="exclude")
    page = html(administrator, f"/admin/why/person/{user}/").split('id="content-main"')[1]
    assert "without a reason in Moodle, and stays there" in page
    assert "as it should be" not in page
    IntegrationSettings.objects.update(on_pattern_unmatched="archive")
    closing = html(administrator, f"/admin/why/person/{user}/").split('id="content-main"')[1]
    assert "which the next sync of the course closes" in closing
    assert "The sync of the course closes the channel CS101-Seminar-group-1" in closing
    IntegrationSettings.objects.update(on_pattern_unmatched="keep")
    page = html(administrator, f"/admin/why/channel/{group}/").split('id="content-main"')[1]
    assert "is kept" in page
    assert "as it should be" not in page


def test_after_signing_in_again_the_page_of_the_action_says_that_nothing_was_done(
    administrator: Client, chosen: Site
) -> None:
    chosen.run(kind="preview", keep_plan=True)
    plan = newest()
    page = f"/admin/integration/syncrun/{plan.pk}/change/"
    for action in (f"/admin/run/{plan.pk}/apply/", COURSES):
        stranger = Client()
        answer = stranger.post(action, headers={"referer": f"http://testserver{page}"})
        assert answer.status_code == 302
        login = answer.headers["Location"]
        answer = stranger.post(login, {"username": "admin", "password": "admin"}, follow=True)
        assert answer.status_code == 200
        assert answer.redirect_chain[-1][0] == page
        assert "nothing was done" in answer.content.decode()
    assert newest() == plan


def test_signing_in_never_leads_to_another_site(administrator: Client) -> None:
    stranger = Client()
    answer = stranger.post(
        "/admin/sync-everything/", headers={"referer": "https://elsewhere.example/admin/"}
    )
    assert answer.headers["Location"].endswith("next=%2Fadmin%2F")
