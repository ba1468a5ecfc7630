"""Channels and accounts: lists that people read, search, the page of each, CSV."""

import csv
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.models import (
    AccountLink,
    AuditEntry,
    ChannelLink,
    Conflict,
    IntegratedCourse,
    ManagedMembership,
    SyncOperation,
    SyncRun,
)
from tests.support.school import School

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
CHANNELS, ACCOUNTS = "/admin/integration/channellink/", "/admin/integration/accountlink/"


@pytest.fixture(autouse=True)
def _web(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.SECURE_SSL_REDIRECT = False


def html_of(client: Client, url: str) -> str:
    page = client.get(url)
    assert page.status_code == 200, url
    return page.content.decode()


def found(client: Client, url: str, text: str) -> set[str]:
    return {str(row) for row in client.get(url, {"q": text}).context["cl"].result_list}


def table(client: Client, url: str) -> list[dict[str, str]]:
    answer: Any = client.get(url)
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def channel(group: int = 101) -> ChannelLink:
    return ChannelLink.objects.get(moodle_group_id=group)


def account(user: int = 1000) -> AccountLink:
    return AccountLink.objects.get(moodle_user_id=user)


def page_of(row: ChannelLink | AccountLink) -> str:
    return f"/admin/integration/{row._meta.model_name}/{row.pk}/change/"


def queries(client: Client, url: str) -> int:
    moodle = CaptureQueriesContext(connections["moodle"])
    with CaptureQueriesContext(connections["default"]) as ours, moodle as moodles:
        html_of(client, url)
    return len(ours) + len(moodles)


def many(school: School) -> None:
    """Fifty more channels and accounts, and everybody in the first and with the first."""
    people = school.moodle.people(5000, 45)
    run = SyncRun.objects.get(kind="full_check")
    first, member = channel(), account()
    for number in people:
        link = AccountLink.objects.create(
            moodle_user_id=number, rocketchat_user_id=f"a{number}", username=f"u{number}"
        )
        one = ChannelLink.objects.create(
            moodle_group_id=number, moodle_course_id=number, room_id=f"r{number}", name=f"c{number}"
        )
        IntegratedCourse.objects.create(course_id=number, shortname=f"S{number}")
        ManagedMembership.objects.create(channel=first, account=link)
        ManagedMembership.objects.create(channel=one, account=member)
        SyncOperation.objects.create(
            run=run,
            position=number,
            kind="archive",
            description="x",
            reason="y",
            moodle_group_id=number,
        )
        AuditEntry.objects.create(
            actor_kind="system",
            action="archive",
            subject="s",
            moodle_group_id=101,
            moodle_user_id=1000,
        )


# --- the lists ------------------------------------------------------------------------------------


def test_a_channel_is_a_row_with_group_course_members_and_status(
    school: School, viewer: Client
) -> None:
    html = html_of(viewer, CHANNELS)
    course = IntegratedCourse.objects.get(course_id=10)
    for text in ("C10-Group-101", "Group 101", f"/integratedcourse/{course.pk}/change/", "Open"):
        assert text in html, text
    assert channel().room_id not in html.replace(f"admin/rooms/edit/{channel().room_id}", "")


def test_a_channels_status_says_what_makes_a_person_look(school: School, viewer: Client) -> None:
    assert "difference" not in html_of(viewer, CHANNELS)
    run = SyncRun.objects.create(kind="full_check", trigger="admin", status="planned")
    SyncOperation.objects.create(
        run=run, position=1, kind="archive", description="x", reason="y", moodle_group_id=101
    )
    ChannelLink.objects.filter(moodle_group_id=102).update(ended="archive")
    IntegratedCourse.objects.filter(course_id=11).delete()
    html = html_of(viewer, CHANNELS)
    for text in ("1 difference", "Archived", "Course not integrated", "Course 11"):
        assert text in html, text


def test_an_account_is_a_row_with_name_address_status_and_origin(
    school: School, viewer: Client
) -> None:
    AccountLink.objects.filter(moodle_user_id=1001).update(deactivated=True)
    html = html_of(viewer, ACCOUNTS)
    for text in ("Person 1000", "person1000@example.invalid", "Active", "Deactivated", "adopted"):
        assert text in html, text
    row = account()
    assert row.rocketchat_user_id not in html.replace(f"info/{row.rocketchat_user_id}", "")


def test_without_moodle_the_accounts_are_listed_by_username(
    school: School, viewer: Client, settings: Any
) -> None:
    settings.MOODLE_CONFIGURED = False
    assert account().username in html_of(viewer, ACCOUNTS)
    assert account().username in html_of(viewer, page_of(account()))
    html = html_of(viewer, f"{ACCOUNTS}?q=person1000")
    assert "real names were not searched" in html
    assert account().username in html


@pytest.mark.parametrize("url", [CHANNELS, ACCOUNTS])
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(
    school: School, viewer: Client, url: str
) -> None:
    SyncRun.objects.create(kind="full_check", trigger="admin", status="planned")
    html_of(viewer, url)
    few = queries(viewer, url)
    many(school)
    assert queries(viewer, url) == few


# --- search and filters ---------------------------------------------------------------------------


def test_channels_are_found_by_name_group_course_and_id(school: School, viewer: Client) -> None:
    IntegratedCourse.objects.filter(course_id=11).update(fullname="Organic Chemistry")
    chemistry = {"C11-Group-111", "C11-Group-112"}
    assert found(viewer, CHANNELS, "c10-group-101") == {"C10-Group-101"}
    assert found(viewer, CHANNELS, "Group 101") == {"C10-Group-101"}
    assert found(viewer, CHANNELS, "chemistry") == chemistry
    assert found(viewer, CHANNELS, "11") >= chemistry
    assert found(viewer, CHANNELS, "112 chemistry") == {"C11-Group-112"}
    assert found(viewer, CHANNELS, "nothing like it") == set()


def test_accounts_are_found_by_real_name_address_group_and_course(
    school: School, viewer: Client
) -> None:
    school.moodle.change_person(1000, firstname="Zoé", lastname="Quirin", email="zq@example.org")
    me = {account().username}
    assert found(viewer, ACCOUNTS, "quirin") == found(viewer, ACCOUNTS, "Zo quir") == me
    assert found(viewer, ACCOUNTS, "zq@example") == me
    of_group = set(
        AccountLink.objects.filter(memberships__channel=channel()).values_list(
            "username", flat=True
        )
    )
    assert found(viewer, ACCOUNTS, "C10 101") == of_group
    assert len(of_group) == 5


@pytest.mark.parametrize(
    ("url", "number"),
    [
        (f"{ACCOUNTS}?active=no", 1),
        (f"{ACCOUNTS}?origin=adopted", 2),
        (f"{ACCOUNTS}?origin=nonsense", 20),
        (f"{CHANNELS}?ended__exact=archive", 1),
        (f"{CHANNELS}?origin=made", 4),
        (f"{CHANNELS}?q=999999999999999999999999", 0),
    ],
)
def test_lists_are_filtered_by_status_and_origin(
    school: School, viewer: Client, url: str, number: int
) -> None:
    AccountLink.objects.filter(moodle_user_id=1000).update(deactivated=True)
    AccountLink.objects.filter(moodle_user_id__in=(1001, 1002)).update(created=False)
    ChannelLink.objects.filter(moodle_group_id=101).update(ended="archive")
    assert viewer.get(url).context["cl"].result_count == number


# --- one channel, one account ---------------------------------------------------------------------


def test_the_page_of_a_channel_lists_its_members_and_what_was_done(
    school: School, viewer: Client
) -> None:
    school.by_hand("guest", 101)
    html = html_of(viewer, page_of(channel()))
    for user in range(1000, 1005):
        assert f"Person {user}" in html
        assert page_of(account(user)) in html
    assert "created the channel C10-Group-101" in html
    assert "/admin/why/channel/101/" in html
    assert "data-copy=" in html


def test_the_page_of_an_account_lists_its_channels_its_conflicts_and_what_was_done(
    school: School, viewer: Client
) -> None:
    conflict = Conflict.objects.create(
        kind="email_taken",
        moodle_user_id=1000,
        moodle_side="m",
        advice="a",
        last_seen=timezone.now(),
    )
    html = html_of(viewer, page_of(account()))
    for text in (page_of(channel()), "Group 101", "created the account", "by rcsync"):
        assert text in html, text
    assert f"/admin/integration/conflict/{conflict.pk}/change/" in html
    assert "/admin/why/person/1000/" in html


def test_who_is_in_a_channel_is_for_those_who_may_see_people(
    school: School, viewer: Client
) -> None:
    user = User.objects.get(username="viewer")
    user.user_permissions.remove(Permission.objects.get(codename="view_accountlink"))
    html = html_of(viewer, page_of(channel()))
    assert "Person 1000" not in html
    assert "You do not have permission to see who is in it" in html
    assert viewer.get(page_of(account())).status_code == 403


def test_a_page_that_there_is_not_is_not_found(school: School, viewer: Client) -> None:
    for key in ("999999", "abc", "9" * 30):
        assert viewer.get(f"{CHANNELS}{key}/change/").status_code == 404
        assert viewer.get(f"{ACCOUNTS}{key}/change/").status_code == 404


@pytest.mark.parametrize("of", [channel, account])
def test_the_page_takes_as_many_queries_for_many_members_as_for_few(
    school: School, viewer: Client, of: Any
) -> None:
    url = page_of(of())
    SyncRun.objects.create(kind="full_check", trigger="admin", status="planned")
    html_of(viewer, url)
    few = queries(viewer, url)
    many(school)
    assert queries(viewer, url) == few


# --- CSV ------------------------------------------------------------------------------------------


def test_a_list_is_downloaded_as_it_is_searched_and_filtered(
    school: School, viewer: Client
) -> None:
    assert 'href="csv/?q=c10"' in html_of(viewer, f"{CHANNELS}?q=c10")
    rows = table(viewer, f"{CHANNELS}csv/?q=c10")
    assert [(row["Channel"], row["Group"], row["Course"], row["Members"]) for row in rows] == [
        ("C10-Group-101", "Group 101", "C10", "5"),
        ("C10-Group-102", "Group 102", "C10", "5"),
    ]
    people = table(viewer, f"{ACCOUNTS}csv/")
    assert len(people) == AccountLink.objects.count()
    assert ("Person 1000", "Active") in {(row["Name"], row["Status"]) for row in people}


def test_the_download_asks_for_the_permission_and_refuses_odd_filters(
    school: School, viewer: Client
) -> None:
    assert viewer.get(f"{CHANNELS}csv/?nonsense=1").status_code == 400
    user = User.objects.get(username="viewer")
    user.user_permissions.clear()
    assert viewer.get(f"{CHANNELS}csv/").status_code == 403
    assert viewer.get(f"{ACCOUNTS}csv/").status_code == 403
