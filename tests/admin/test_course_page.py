"""The page of one course: its groups, people without an account, conflicts, runs, buttons."""

import csv
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.models import (
    AccountLink,
    Conflict,
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    SyncRun,
)
from integration.services.admin import course_view
from integration.services.admin.course_view import GroupLine
from integration.services.admin.group_states import GroupState
from moodle.models import Course, CourseCategory
from tests.support.school import School
from tests.support.small_moodle import STUDENT, rows

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
COURSE = 10


@pytest.fixture(autouse=True)
def _web(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.SECURE_SSL_REDIRECT = False


def address() -> str:
    row = IntegratedCourse.objects.get(course_id=COURSE)
    return f"/admin/integration/integratedcourse/{row.pk}/change/"


def text_of(client: Client) -> str:
    page = client.get(address())
    assert page.status_code == 200
    return page.content.decode()


def lines() -> dict[str, GroupLine]:
    return {line.name: line for line in course_view.course_view(COURSE).groups}


def states() -> dict[str, GroupState]:
    return {name: line.verdict.state for name, line in lines().items()}


def why_no_account() -> dict[str, list[int]]:
    view = course_view.course_view(COURSE)
    return {one.reason: [user for user, _name in one.people] for one in view.no_account}


def queries(client: Client) -> int:
    moodle = CaptureQueriesContext(connections["moodle"])
    with CaptureQueriesContext(connections["default"]) as ours, moodle as moodles:
        text_of(client)
    return len(ours) + len(moodles)


# --- groups ---------------------------------------------------------------------------------------


def test_a_group_says_its_channel_its_pattern_and_its_members(
    school: School, administrator: Client
) -> None:
    line = lines()["Group 101"]
    assert line.verdict.state is GroupState.CHANNEL
    assert line.verdict.reason == "matches the include pattern .*"
    assert line.channel is not None
    assert (line.members, line.in_group) == (5, 5)
    html = text_of(administrator)
    assert f"/admin/integration/channellink/{line.channel.pk}/change/" in html
    assert "C10-Group-101" in html


def test_a_group_without_a_channel_says_why(unsynced_school: School) -> None:
    moodle = unsynced_school.moodle
    GroupRegexFilter.objects.all().delete()
    GroupRegexFilter.objects.create(pattern="Group")
    GroupRegexFilter.objects.create(pattern="old", kind="exclude")
    moodle.group(201, COURSE, "Group old", [1000])
    moodle.group(202, COURSE, "Something else", [1000])
    moodle.group(203, COURSE, "Group hidden", [1000])
    moodle.change_group(203, visibility=2)
    moodle.group(204, COURSE, "Group of nobody")
    unsynced_school.set(empty_channels=False)
    assert states() == {
        "Group 101": GroupState.COMING,
        "Group 102": GroupState.COMING,
        "Group old": GroupState.EXCLUDED,
        "Something else": GroupState.NO_PATTERN,
        "Group hidden": GroupState.HIDDEN,
        "Group of nobody": GroupState.EMPTY,
    }
    assert lines()["Group old"].verdict.reason == "matches the exclude pattern old"


def test_what_a_page_says_of_a_group_is_what_the_next_sync_does(unsynced_school: School) -> None:
    moodle = unsynced_school.moodle
    GroupRegexFilter.objects.create(pattern="102", kind="exclude")
    moodle.group(203, COURSE, "Hidden", [1000])
    moodle.change_group(203, visibility=3)
    coming = {name for name, state in states().items() if state is GroupState.COMING}
    unsynced_school.run()
    has_one = {name for name, state in states().items() if state is GroupState.CHANNEL}
    assert coming == has_one == {"Group 101"}


def test_a_channel_that_the_rules_no_longer_ask_for_says_whether_it_is_kept_or_closed(
    school: School,
) -> None:
    GroupRegexFilter.objects.create(pattern="101", kind="exclude")
    school.moodle.delete_group(102)
    assert states() == {"Group 101": GroupState.KEPT, "Group 102": GroupState.GONE}
    school.set(on_group_deleted="archive", on_pattern_unmatched="archive")
    school.run(force=True)
    assert set(states().values()) == {GroupState.CLOSED}


def test_a_hidden_course_is_the_reason_of_all_its_groups(unsynced_school: School) -> None:
    unsynced_school.set(on_course_hidden="archive")
    unsynced_school.moodle.change_course(COURSE, visible=0)
    assert set(states().values()) == {GroupState.COURSE}
    assert lines()["Group 101"].verdict.reason == "the course is hidden"


def test_a_course_that_has_not_begun_says_until_when_its_channels_are_read_only(
    unsynced_school: School, viewer: Client
) -> None:
    unsynced_school.set(on_course_not_begun="read_only")
    rows(Course).filter(id=10).update(startdate=4102444800)  # 2100-01-01
    assert {one.verdict.state for one in lines().values()} == {GroupState.COMING}
    assert "the course begins on 1 Jan 2100" in text_of(viewer)
    unsynced_school.run()
    assert {one.verdict.state for one in lines().values()} == {GroupState.CLOSED}
    assert "the course begins on 1 Jan 2100" in text_of(viewer)


def test_without_a_role_or_a_pattern_the_missing_choice_is_the_reason(
    unsynced_school: School,
) -> None:
    IncludedRole.objects.update(enabled=False)
    assert {line.verdict.reason for line in lines().values()} == {"no role is included"}
    IncludedRole.objects.update(enabled=True)
    GroupRegexFilter.objects.all().delete()
    assert set(states().values()) == {GroupState.NO_PATTERN}


# --- people ---------------------------------------------------------------------------------------


def test_whoever_has_an_account_is_not_among_the_people_without_one(school: School) -> None:
    assert course_view.course_view(COURSE).people_without_account == 1
    assert why_no_account() == {"is in no group that has a channel": [1050]}


def test_people_without_an_account_are_listed_by_their_reason(unsynced_school: School) -> None:
    moodle = unsynced_school.moodle
    moodle.change_person(1000, suspended=1)
    moodle.change_role(COURSE, 1001, 4)
    moodle.unenrol(COURSE, [1002])
    found = why_no_account()
    assert found["gets an account at the next sync"] == [1003, 1004, *range(1005, 1010)]
    assert found["suspended in Moodle"] == [1000]
    assert found["not enrolled in the course any more"] == [1002]
    assert [users for reason, users in found.items() if "no included role" in reason] == [[1001]]


def test_a_conflict_is_the_reason_and_comes_first(
    unsynced_school: School, administrator: Client
) -> None:
    conflict = Conflict.objects.create(
        kind="email_missing",
        moodle_user_id=1003,
        moodle_side="m",
        advice="a",
        last_seen=timezone.now(),
        courses=[COURSE],
    )
    first = course_view.course_view(COURSE).no_account[0]
    assert (first.conflict, [user for user, _ in first.people]) == (conflict.pk, [1003])
    html = text_of(administrator)
    assert html.count(f"/admin/integration/conflict/{conflict.pk}/change/") == 2


def test_rcsync_that_only_links_accounts_says_so(unsynced_school: School) -> None:
    unsynced_school.set(missing_accounts="link_only")
    assert [reason for reason in why_no_account() if "creates none" in reason]


def test_names_of_people_are_for_those_who_may_see_people(
    unsynced_school: School, viewer: Client
) -> None:
    from django.contrib.auth.models import Permission, User

    assert "Person 1003" in text_of(viewer)
    user = User.objects.get(username="viewer")
    user.user_permissions.remove(Permission.objects.get(codename="view_accountlink"))
    html = text_of(viewer)
    assert "Person 1003" not in html
    assert "gets an account at the next sync" in html


# --- runs, buttons, Moodle ------------------------------------------------------------------------


def test_the_last_runs_over_the_course_are_listed_with_its_own_counts(
    school: School, administrator: Client
) -> None:
    run = SyncRun.objects.get()
    row = course_view.last_runs(IntegratedCourse.objects.get(course_id=COURSE))[0]
    assert (row.run, row.failed_count) == (run, 0)
    assert row.applied_count > 0
    assert f"/admin/integration/syncrun/{run.pk}/change/" in text_of(administrator)


@pytest.mark.parametrize(("button", "kind"), [("preview", "preview"), ("apply", "apply")])
def test_preview_and_sync_are_of_this_course_alone(
    unsynced_school: School, operator: Client, button: str, kind: str
) -> None:
    answer = operator.post(f"/admin/course/{COURSE}/sync/", {"kind": button})
    run = SyncRun.objects.get()
    assert answer.status_code == 302
    assert (run.kind, run.scope["courses"]) == (kind, [COURSE])


def test_only_an_integrated_course_is_synced_and_only_by_who_may(
    unsynced_school: School, viewer: Client, operator: Client
) -> None:
    assert viewer.post(f"/admin/course/{COURSE}/sync/").status_code == 403
    assert operator.post("/admin/course/999/sync/").status_code == 404
    assert f"/admin/course/{COURSE}/sync/" not in text_of(viewer)
    assert not SyncRun.objects.exists()


def test_the_page_leads_into_moodle_where_its_address_is_known(
    school: School, administrator: Client
) -> None:
    assert "course/view.php" not in text_of(administrator)
    school.set(moodle_url="https://moodle.example")
    html = text_of(administrator)
    for place in (f"course/view.php?id={COURSE}", f"group/index.php?id={COURSE}"):
        assert f"https://moodle.example/{place}" in html


def test_without_moodle_the_page_shows_what_rcsync_knows_and_says_so(
    school: School, administrator: Client, settings: Any
) -> None:
    settings.MOODLE_CONFIGURED = False
    html = text_of(administrator)
    assert "MOODLE_DATABASE_URL" in html
    assert "C10-Group-101" in html


def test_a_course_that_is_gone_from_moodle_still_has_its_page(
    school: School, administrator: Client
) -> None:
    school.moodle.change_course(COURSE, category=0)
    for table in ("course", "groups"):
        with connections["moodle"].cursor() as cursor:
            column = "id" if table == "course" else "courseid"
            cursor.execute(f"DELETE FROM mdl_{table} WHERE {column} = {COURSE}")
    assert "C10-Group-101" in text_of(administrator)


def test_the_switches_are_below_and_still_work(school: School, operator: Client) -> None:
    assert operator.post(address(), {"event_sync": "on"}).status_code == 302
    row = IntegratedCourse.objects.get(course_id=COURSE)
    assert (row.background_sync, row.event_sync) == (False, True)


def test_the_page_takes_as_many_queries_for_a_large_course_as_for_a_small_one(
    school: School, administrator: Client
) -> None:
    text_of(administrator)
    few = queries(administrator)
    people = school.moodle.people(5000, 60)
    school.moodle.enrol(COURSE, people, STUDENT)
    for n in range(40):
        school.moodle.group(300 + n, COURSE, f"More {n}", people[n : n + 2])
    IntegratedCourse.objects.bulk_create(IntegratedCourse(course_id=n) for n in range(500, 560))
    AccountLink.objects.bulk_create(
        AccountLink(moodle_user_id=n, rocketchat_user_id=f"x{n}", username=f"x{n}")
        for n in people[:20]
    )
    assert queries(administrator) == few


# --- the list of courses --------------------------------------------------------------------------

LIST = "/admin/integration/integratedcourse/"


def in_list(client: Client, query: str) -> list[int]:
    return [row.course_id for row in client.get(f"{LIST}{query}").context["cl"].result_list]


def test_courses_are_filtered_by_category_and_all_of_it_is_acted_on(
    school: School, operator: Client
) -> None:
    rows(CourseCategory).create(id=7, name="Deep", parent=1, path="/1/7")
    school.moodle.change_course(11, category=7)
    assert in_list(operator, "?category=7") == [11]
    assert in_list(operator, "?category=1") == [10, 11]
    assert in_list(operator, "?category=99") == in_list(operator, "?category=abc") == []
    keys = [str(IntegratedCourse.objects.get(course_id=11).pk)]
    data = {"action": "events_on", "select_across": "1", "index": "0", "_selected_action": keys}
    assert operator.post(f"{LIST}?category=7", data).status_code == 302
    switched = IntegratedCourse.objects.filter(event_sync=True)
    assert [row.course_id for row in switched] == [11]


def test_without_moodle_a_category_finds_nothing_and_says_why(
    school: School, viewer: Client, settings: Any
) -> None:
    settings.MOODLE_CONFIGURED = False
    page = viewer.get(f"{LIST}?category=1")
    assert "MOODLE_DATABASE_URL" in page.content.decode()
    assert not page.context["cl"].result_list


def test_event_sync_is_offered_where_courses_are_added(
    unsynced_school: School, administrator: Client
) -> None:
    IntegratedCourse.objects.all().delete()
    assert "Switch event sync on" in administrator.get("/admin/add-courses/").content.decode()
    administrator.post("/admin/add-courses/", {"course": "10"})
    administrator.post("/admin/add-courses/", {"course": "11", "event_sync": "on"})
    switches = dict(IntegratedCourse.objects.values_list("course_id", "event_sync"))
    assert switches == {10: False, 11: True}


def test_the_list_of_courses_is_downloaded_as_csv(school: School, viewer: Client) -> None:
    answer: Any = viewer.get(f"{LIST}csv/?q=c10")
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    (row,) = csv.DictReader(lines)
    assert (row["Course"], row["Status"], row["Channels"], row["Members"]) == (
        "C10",
        "In step",
        "2",
        "10",
    )
