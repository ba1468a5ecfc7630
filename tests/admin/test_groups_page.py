"""The page of all Moodle groups: what becomes of each, filters, pages, CSV."""

import csv
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.models import (
    ChannelLink,
    Conflict,
    GroupRegexFilter,
    IntegratedCourse,
    LevelSettings,
)
from integration.services.admin import course_view, group_list
from integration.services.admin.group_list import GroupFilter, all_groups, group_page
from integration.services.admin.group_states import GroupState
from moodle.models import CourseCategory
from tests.support.admin_client import person
from tests.support.school import COURSES, School
from tests.support.small_moodle import SmallMoodle, rows

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
URL = "/admin/groups/"


@pytest.fixture(autouse=True)
def _web(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.SECURE_SSL_REDIRECT = False


@pytest.fixture
def many(school: School, monkeypatch: pytest.MonkeyPatch) -> School:
    """Nine more courses of three groups each, and pages of four groups."""
    for course in range(20, 29):
        school.moodle.course(course)
        IntegratedCourse.objects.create(course_id=course, shortname=f"C{course}")
        for n in range(3):
            school.moodle.group(course * 10 + n, course, f"Set {n}")
    monkeypatch.setattr(group_list, "PAGE", 4)
    monkeypatch.setattr(group_list, "COURSES", 2)
    return school


def names(**chosen: Any) -> list[str]:
    return [row.name for row in all_groups(GroupFilter(**chosen))]


def content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def queries(client: Client, url: str) -> int:
    moodle = CaptureQueriesContext(connections["moodle"])
    with CaptureQueriesContext(connections["default"]) as ours, moodle as moodles:
        assert client.get(url).status_code == 200
    return len(ours) + len(moodles)


def test_every_group_of_the_integrated_courses_is_on_the_page_with_its_channel(
    school: School, viewer: Client
) -> None:
    html = viewer.get(URL).content.decode()
    for name in ("Group 101", "Group 112", "C10-Group-101", "C11-Group-112"):
        assert name in html
    link = ChannelLink.objects.get(moodle_group_id=101)
    assert f"/admin/integration/channellink/{link.pk}/change/" in html


def test_the_list_says_of_each_group_what_the_page_of_its_course_says(
    unsynced_school: School,
) -> None:
    moodle = unsynced_school.moodle
    unsynced_school.run(kind="apply")
    GroupRegexFilter.objects.create(pattern="101", kind="exclude")
    moodle.group(203, 10, "Hidden", [1000])
    moodle.change_group(203, visibility=3)
    moodle.group(204, 10, "Nobody")
    moodle.change_course(11, visible=0)
    unsynced_school.set(empty_channels=False, on_course_hidden="keep")
    Conflict.objects.create(
        kind="group_changed",
        moodle_group_id=102,
        moodle_side="m",
        advice="a",
        last_seen=timezone.now(),
    )
    listed = {row.group_id: row.verdict for row in all_groups(GroupFilter())}
    assert listed.pop(102).state is GroupState.UNDECIDED
    on_pages = {
        line.group_id: line.verdict
        for course in COURSES
        for line in course_view.course_view(course).groups
    }
    on_pages.pop(102)
    assert {key: one.state for key, one in listed.items()} == {
        key: one.state for key, one in on_pages.items()
    }
    assert {one.state for one in listed.values()} >= {
        GroupState.KEPT,
        GroupState.HIDDEN,
        GroupState.EMPTY,
    }


def test_the_own_patterns_of_a_course_decide_about_its_groups_on_both_pages(
    school: School,
) -> None:
    LevelSettings.objects.create(level="course", moodle_id=10, include_patterns="101$")
    school.moodle.group(301, 10, "A new group")
    school.moodle.group(302, 11, "A new group")
    listed = {row.group_id: row.verdict.state for row in all_groups(GroupFilter())}
    assert (listed[301], listed[302]) == (GroupState.NO_PATTERN, GroupState.COMING)
    assert (listed[101], listed[102]) == (GroupState.CHANNEL, GroupState.KEPT)
    on_page = {line.group_id: line.verdict.state for line in course_view.course_view(10).groups}
    assert on_page.items() <= listed.items()


def test_groups_are_filtered_by_words_course_category_and_state(school: School) -> None:
    moodle = school.moodle
    moodle.group(301, 11, "Special")
    GroupRegexFilter.objects.create(pattern="Special", kind="exclude")
    rows(CourseCategory).create(id=7, name="Deep", parent=1, path="/1/7")
    moodle.change_course(11, category=7)
    assert names(search="group 11") == ["Group 111", "Group 112"]
    assert names(course="c10") == names(course="10") == ["Group 101", "Group 102"]
    assert names(category=7) == ["Group 111", "Group 112", "Special"]
    assert len(names(category=1)) == 5
    assert names(category=8) == []
    assert names(state="excluded") == ["Special"]
    assert len(names(state="channel")) == 4


@pytest.mark.parametrize(
    "query", ["?category=abc", "?state=nonsense", "?after=x-y", "?after=99-1", "?after=10-999"]
)
def test_odd_filters_are_answered(school: School, viewer: Client, query: str) -> None:
    assert viewer.get(f"{URL}{query}").status_code == 200


def test_page_after_page_has_every_group_once_in_order(many: School) -> None:
    found, after = [], ""
    for _page in range(20):
        page = group_page(GroupFilter(), after)
        assert len(page.rows) <= 4
        found += [row.group_id for row in page.rows]
        after = page.after
        if not after:
            break
    everything = [row.group_id for row in all_groups(GroupFilter())]
    assert found == everything == [101, 102, 111, 112, *sorted(found[4:])]
    assert len(set(found)) == 31


def test_a_filter_that_finds_little_stops_and_goes_on_where_it_stopped(
    many: School, monkeypatch: pytest.MonkeyPatch, viewer: Client
) -> None:
    monkeypatch.setattr(group_list, "LOOK_AT", 10)
    chosen = GroupFilter(course="", search="set 2")
    first = group_page(chosen)
    assert (len(first.rows), first.looked_at) == (2, 10)
    second = group_page(chosen, first.after)
    assert not {row.group_id for row in first.rows} & {row.group_id for row in second.rows}
    assert "Continue searching" in viewer.get(f"{URL}?search=set+2").content.decode()


def test_the_page_takes_as_many_queries_for_many_groups_as_for_few(
    school: School, viewer: Client
) -> None:
    moodle: SmallMoodle = school.moodle
    moodle.group(9001, 10, "Without a channel yet")
    viewer.get(URL)
    few = queries(viewer, URL)
    for course in range(20, 80):
        moodle.course(course)
        IntegratedCourse.objects.create(course_id=course, shortname=f"C{course}")
        for n in range(4):
            moodle.group(course * 10 + n, course, f"Set {n}", [1000])
    assert queries(viewer, URL) == few


def test_all_of_it_is_downloaded_as_csv_as_it_is_filtered(many: School, viewer: Client) -> None:
    answer = viewer.get("/admin/groups.csv?course=c10")
    lines = content(answer).decode("utf-8-sig").splitlines()
    table = list(csv.DictReader(lines))
    assert [(row["Group"], row["State"], row["Channel"]) for row in table] == [
        ("Group 101", "Channel", "C10-Group-101"),
        ("Group 102", "Channel", "C10-Group-102"),
    ]
    whole = viewer.get("/admin/groups.csv")
    assert len(content(whole).splitlines()) == 32


def test_without_moodle_page_and_file_say_so(school: School, viewer: Client, settings: Any) -> None:
    settings.MOODLE_CONFIGURED = False
    assert "MOODLE_DATABASE_URL" in viewer.get(URL).content.decode()
    text = content(viewer.get("/admin/groups.csv")).decode()
    assert "This list is not complete" in text


def test_the_page_is_for_those_who_may_see_channels(school: School) -> None:
    client = Client()
    client.force_login(person("nobody"))
    assert client.get(URL).status_code == 403
    assert client.get("/admin/groups.csv").status_code == 403
