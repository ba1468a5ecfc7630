"""From Moodle's tables to runs: the log with its late rows, the clock, and a site without a log."""

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.domain.state import Scope
from integration.models import (
    AccountLink,
    EventCursor,
    IntegratedCourse,
    IntegrationSettings,
    LevelSettings,
    SyncRun,
)
from integration.services.background import work
from integration.services.events import cursor, poller
from integration.services.moodle.doctor import _log
from integration.services.runs import runner
from integration.services.runs.order import order_of
from integration.services.sync.course_groups import course_group_id
from moodle.models import Course, Enrol, LogEntry, PluginConfig, UserEnrolment
from tests.support.background import COURSES, order, play_worker
from tests.support.moodle_log import NOW, happened
from tests.support.servers import MariaDB
from tests.support.site import Site
from tests.support.small_moodle import STUDENT, SmallMoodle, rows

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


def much_happened(ids: Iterable[int]) -> None:
    """Rows with these ids about a course that nobody watches."""
    first, *others = ids
    happened("course_viewed", 12, id=first)
    (values,) = rows(LogEntry).filter(id=first).values()
    rows(LogEntry).bulk_create(LogEntry(**{**values, "id": number}) for number in others)


def poll(now: float = NOW, owner: str = "one") -> list[Scope]:
    """One look; the scopes it queued, which then count as done."""
    found = [order_of(run).scope for run in poller.poll_once(owner, lambda: now)]
    SyncRun.objects.filter(status=SyncRun.Status.QUEUED).delete()
    return found


@pytest.fixture
def watched(small_site: Site) -> Site:
    """Courses 10 and 11 have event sync; everything before now is known."""
    IntegratedCourse.objects.filter(course_id__in=(10, 11)).update(event_sync=True)
    poll()
    return small_site


# ── The log ──────────────────────────────────────────────────────────────────────────────────────


def test_the_first_look_looks_at_every_event_course_once(small_site: Site) -> None:
    IntegratedCourse.objects.filter(course_id__in=(10, 11)).update(event_sync=True)
    happened("group_created", 10)
    assert poll() == [Scope(frozenset({10, 11}))]
    assert poll() == []


def test_without_event_courses_nothing_is_read(small_site: Site) -> None:
    assert poll() == []
    assert EventCursor.objects.get().last_id is None


def test_events_become_scopes_of_people_and_of_courses(watched: Site) -> None:
    happened("user_enrolment_updated", 10, 1000)
    assert poll() == [Scope(frozenset({10}), frozenset({1000}))]
    happened("group_created", 11)
    assert poll() == [Scope(frozenset({11}))]
    happened("group_updated", 11, object_id=111)
    assert poll() == [Scope(frozenset({11}), frozenset(), frozenset({111}))]
    happened("course_viewed", 10)
    assert poll() == []


def test_what_one_act_writes_in_several_rows_is_looked_at_once(watched: Site) -> None:
    happened("role_unassigned", 10, 1000)
    happened("group_member_removed", 10, 1000)
    happened("user_enrolment_deleted", 10, 1000)
    happened("group_member_added", 11, 1001)
    assert poll() == [Scope(frozenset({10, 11}), frozenset({1000, 1001}))]


def test_a_course_looked_at_as_a_whole_needs_no_look_at_its_people(watched: Site) -> None:
    happened("group_created", 10)
    happened("group_member_added", 10, 1000)
    assert poll() == [Scope(frozenset({10}))]


def test_many_people_at_once_are_looked_at_by_course(watched: Site) -> None:
    for user in range(1000, 1040):
        happened("user_enrolment_created", 10, user)
    assert poll() == [Scope(frozenset({10}))]


def test_many_people_of_many_courses_are_looked_at_as_people(watched: Site) -> None:
    """As in a rush: whole courses would be far more than the few of each."""
    for user in range(1000, 1040):
        happened("user_enrolment_created", 10 + user % 2, user)
    assert poll() == [Scope(frozenset({10, 11}), frozenset(range(1000, 1040)))]


def test_whoever_a_look_at_whole_courses_does_not_meet_is_looked_at_as_a_person(
    watched: Site,
) -> None:
    """Somebody who left long ago keeps an account, which may have to be deactivated now."""
    for user in (1000, 1900, 1901):
        AccountLink.objects.create(moodle_user_id=user, rocketchat_user_id=f"{user}", username="x")
    for user in range(1000, 1040):
        happened("user_enrolment_created", 10, user)
    happened("user_updated", user=1900)
    happened("user_enrolment_deleted", 10, 1901)
    assert poll() == [Scope(frozenset({10})), Scope(frozenset(), frozenset({1900, 1901}))]
    happened("group_created", 10)
    happened("user_enrolment_deleted", 10, 1901)
    happened("user_enrolment_deleted", 10, 1000)
    assert poll() == [Scope(frozenset({10})), Scope(frozenset(), frozenset({1901}))]


def test_courses_without_event_sync_are_not_touched(watched: Site) -> None:
    happened("user_enrolment_updated", 12, 1200)
    happened("group_deleted", 12)
    assert poll() == []


def test_an_event_about_a_person_leads_to_the_event_courses_of_that_person(watched: Site) -> None:
    happened("user_updated", user=1100)
    assert poll() == [Scope(frozenset({11}), frozenset({1100}))]
    happened("user_updated", user=1200)
    assert poll() == [], "is only in a course without event sync, and has no account"
    AccountLink.objects.create(moodle_user_id=1200, rocketchat_user_id="x", username="x")
    happened("user_updated", user=1200)
    assert poll() == [Scope(frozenset(), frozenset({1200}))]


def test_a_person_who_is_in_a_channel_but_no_longer_enrolled_is_found(watched: Site) -> None:
    watched.apply()
    rows(UserEnrolment).filter(userid=1000).delete()
    happened("user_deleted", user=1000)
    assert poll() == [Scope(frozenset({10}), frozenset({1000}))]


def test_a_hidden_category_leads_to_every_event_course(watched: Site) -> None:
    happened("course_category_updated", contextlevel=40)
    assert poll() == [Scope(frozenset({10, 11}))]


def test_a_row_that_appears_late_is_read_although_later_ones_were(watched: Site) -> None:
    first = happened("course_viewed", 10)
    EventCursor.objects.update(last_id=first)
    happened("course_viewed", 10, id=first + 3)
    assert poll() == []
    happened("group_member_added", 10, 1000, id=first + 1)
    assert poll(NOW + 60) == [Scope(frozenset({10}), frozenset({1000}))]
    assert poll(NOW + 62) == [], "and only once"
    happened("group_member_added", 11, 1100, id=first + 2)
    assert poll(NOW + 100) == [Scope(frozenset({11}), frozenset({1100}))]


def test_ids_in_steps_of_three_hide_no_late_row(watched: Site) -> None:
    """As Galera gives them, with three nodes: two of three numbers never exist on a quiet site."""
    much_happened(range(1000, 1000 + 3 * 1200, 3))
    poll()
    assert poll(NOW + 10) == []
    happened("group_member_added", 10, 1000, id=1001)
    assert poll(NOW + 200) == [Scope(frozenset({10}), frozenset({1000}))]
    assert poll(NOW + 202) == []
    happened("group_member_added", 11, 1100, id=1000 + 3 * 1199 - 1)
    assert poll(NOW + 290) == [Scope(frozenset({11}), frozenset({1100}))]
    poll(NOW + 700)
    happened("group_member_added", 11, 1100, id=1002)
    assert poll(NOW + 702) == [], "so late that the full pass looks after it"


def test_a_quiet_look_costs_one_count_whatever_was_read(watched: Site) -> None:
    much_happened(range(1000, 1400, 3))
    poll()
    with CaptureQueriesContext(connections["moodle"]) as queries:
        poll(NOW + 2)
    of_the_log = [query for query in queries if "mdl_logstore_standard_log" in query["sql"]]
    assert len(of_the_log) == 3, "its ends, the count, and what comes next"


def test_a_replica_that_lags_starts_no_runs(watched: Site) -> None:
    """Two servers take turns behind one address, and one of them is some rows behind."""
    for _ in range(5):
        happened("course_viewed", 12)
    poll()
    fresh = list(rows(LogEntry).order_by("-id").values()[:3])
    for turn in range(15):
        rows(LogEntry).filter(id__in=[row["id"] for row in fresh]).delete()
        assert poll(NOW + 4 * turn) == []
        assert "lags behind" in EventCursor.objects.get().problem
        for row in fresh:
            rows(LogEntry).create(**row)
        assert poll(NOW + 4 * turn + 2) == []
        assert EventCursor.objects.get().problem == ""
    happened("group_created", 10)
    assert poll(NOW + 62) == [Scope(frozenset({10}))]


def test_a_replica_that_lags_by_far_starts_one_run_and_no_more(watched: Site) -> None:
    happened("course_viewed", 12, id=500)
    poll(NOW)
    much_happened(range(600, 620))
    poll(NOW + 400)
    poll(NOW + 800)
    fresh = list(rows(LogEntry).filter(id__gte=600).order_by("id").values())
    runs = []
    for turn in range(15):
        rows(LogEntry).filter(id__gte=600).delete()
        runs += poll(NOW + 900 + 4 * turn)
        for row in fresh:
            rows(LogEntry).create(**row)
        runs += poll(NOW + 902 + 4 * turn)
    assert runs == [Scope(frozenset({10, 11}))]


def test_doctor_and_poller_agree_on_a_log_whose_setting_is_missing(
    watched: Site, monkeypatch: Any
) -> None:
    monkeypatch.setattr("integration.services.events.watermarks.changed_since", lambda *_: set())
    rows(PluginConfig).all().delete()
    poll()
    assert "switched off" in EventCursor.objects.get().problem
    assert "the standard log is off" in _log(connections["moodle"]).found


def test_a_log_that_was_emptied_leads_to_a_look_at_everything(watched: Site) -> None:
    happened("course_viewed", 10, id=500)
    poll()
    rows(LogEntry).all().delete()
    happened("course_viewed", 10, id=3)
    assert poll() == [Scope(frozenset({10, 11}))]
    assert poll() == []


def test_rows_that_vanished_while_nobody_looked_lead_to_a_look_at_everything(
    watched: Site,
) -> None:
    EventCursor.objects.update(last_id=100, polled_at=timezone.now() - timedelta(days=40))
    happened("course_viewed", 10, id=900)
    now = time.time()
    assert poll(now) == [Scope(frozenset({10, 11}))]


def test_runs_and_cursor_are_stored_together_or_neither(
    watched: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened("group_created", 10)
    with monkeypatch.context() as stolen:
        stolen.setattr(cursor, "store", lambda *_: False)
        assert poller.poll_once("one", lambda: NOW) == []
    assert not SyncRun.objects.exists()
    assert poll() == [Scope(frozenset({10}))]


def test_one_machine_reads_at_a_time(watched: Site) -> None:
    happened("group_created", 10)
    assert poll(owner="two") == [], "one holds the cursor"
    cursor.let_go("one")
    assert poll(owner="two") == [Scope(frozenset({10}))]
    EventCursor.objects.update(lease_expires=timezone.now() - timedelta(seconds=1))
    happened("group_created", 11)
    assert poll(owner="one") == [Scope(frozenset({11}))], "two has not been heard of"


def test_a_moodle_that_cannot_be_read_is_a_problem_that_people_see(
    watched: Site, settings: Any
) -> None:
    settings.MOODLE_CONFIGURED = False
    assert poller._poll("one") == poller.IDLE_SECONDS
    assert "No Moodle is configured" in EventCursor.objects.get().problem
    settings.MOODLE_CONFIGURED = True
    IntegrationSettings.objects.update(event_seconds=3)
    assert poller._poll("one") == 3
    assert EventCursor.objects.get().problem == ""


# ── The clock ────────────────────────────────────────────────────────────────────────────────────


def enrolment(user: int, **values: int) -> None:
    rows(UserEnrolment).filter(userid=user).update(**values)


def test_an_enrolment_that_ends_by_the_clock_is_looked_at(watched: Site) -> None:
    enrolment(1000, timeend=NOW + 100)
    enrolment(1200, timeend=NOW + 100)
    assert poll(NOW + 90) == []
    assert poll(NOW + 99) == []
    assert poll(NOW + 101) == [Scope(frozenset({10}), frozenset({1000}))]
    assert poll(NOW + 200) == []


def test_an_enrolment_that_begins_by_the_clock_is_looked_at_once_it_counts(watched: Site) -> None:
    enrolment(1100, timestart=NOW + 100)
    poll(NOW + 70)
    assert EventCursor.objects.get().next_turn == NOW + 100
    assert poll(NOW + 100) == [], "timestart < now is not true yet"
    assert poll(NOW + 101) == [Scope(frozenset({11}), frozenset({1100}))]


def test_turns_that_nobody_could_foresee_are_found_within_a_minute(watched: Site) -> None:
    enrolment(1000, timeend=NOW + 5)  # entered after the last look at the clock, without an event
    assert poll(NOW + 10) == []
    assert poll(NOW + poller.CLOCK_SECONDS) == [Scope(frozenset({10}), frozenset({1000}))]


def test_turns_while_no_worker_ran_are_made_good(watched: Site) -> None:
    enrolment(1000, timeend=NOW + 100)
    enrolment(1001, timestart=NOW + 50)
    assert poll(NOW + 3000) == [Scope(frozenset({10}), frozenset({1000, 1001}))]


def test_a_clock_that_was_ahead_for_a_day_leads_to_a_look_at_everything(watched: Site) -> None:
    """What it judged by the wrong clock is judged again, and no end of an enrolment is missed."""
    poll(NOW + 86_400)
    assert poll(NOW + 10) == [Scope(frozenset({10, 11}))]
    enrolment(1000, timeend=NOW + 100)
    assert poll(NOW + 101) == [Scope(frozenset({10}), frozenset({1000}))]


def begins(course: int, **dates: int) -> None:
    rows(Course).filter(id=course).update(**dates)


def test_a_course_that_begins_or_ends_by_the_clock_is_looked_at(watched: Site) -> None:
    IntegrationSettings.load()
    IntegrationSettings.objects.update(on_course_not_begun="read_only")
    begins(10, startdate=NOW + 100)
    begins(11, enddate=NOW + 200)
    begins(12, startdate=NOW + 100)  # without event sync
    assert poll(NOW + 70) == []
    assert EventCursor.objects.get().next_turn == NOW + 100
    assert poll(NOW + 101) == [Scope(frozenset({10}))]
    assert EventCursor.objects.get().next_turn == NOW + 200
    assert poll(NOW + 200) == [], "enddate < now is not true yet"
    assert poll(NOW + 201) == [Scope(frozenset({11}))]
    assert poll(NOW + 300) == []


def test_a_course_that_begins_at_the_second_of_a_look_is_not_missed(watched: Site) -> None:
    IntegrationSettings.load()
    IntegrationSettings.objects.update(on_course_not_begun="read_only")
    begins(10, startdate=NOW + 100)
    poll(NOW + 60)
    looks = [poll(NOW + second) for second in (100, 160)]
    assert looks.count([Scope(frozenset({10}))]) == 1


def test_dates_of_courses_are_not_read_where_no_setting_asks_for_them(watched: Site) -> None:
    begins(10, startdate=NOW + 100, enddate=NOW + 200)
    assert poll(NOW + 300) == []
    LevelSettings.objects.create(level="course", moodle_id=10, on_course_ended="")
    assert poll(NOW + 400) == [], "go on as before"
    LevelSettings.objects.update(on_course_ended="archive")
    begins(10, enddate=NOW + 450)
    assert poll(NOW + 500) == [Scope(frozenset({10}))]


# ── A site without a log ─────────────────────────────────────────────────────────────────────────


def test_a_log_that_is_switched_off_is_said(watched: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr("integration.services.events.watermarks.changed_since", lambda *_: set())
    rows(PluginConfig).update(value="logstore_legacy")
    assert poll() == [Scope(frozenset({10, 11}))], "what was missed is not known"
    assert "switched off" in EventCursor.objects.get().problem
    assert poll(NOW + 2) == []
    rows(PluginConfig).update(value="logstore_standard")
    poll(NOW + 4)
    assert EventCursor.objects.get().problem == ""


def test_without_a_log_changes_are_found_by_the_times_of_the_rows(
    mariadb: MariaDB,
    shared: Path,
    moodle_alias: Callable[..., AbstractContextManager[Any]],
    settings: Any,
) -> None:
    settings.MOODLE_CONFIGURED = True
    database = mariadb.load(shared / "moodle" / "small.sql.gz")
    now = time.time()
    for course in (2, 3):
        IntegratedCourse.objects.create(course_id=course, event_sync=True)
    mariadb.sql(
        "DELETE FROM mdl_config_plugins WHERE name = 'enabled_stores';"
        "INSERT INTO mdl_config_plugins (plugin, name, value)"
        " VALUES ('tool_log', 'enabled_stores', '')",
        database,
    )
    with moodle_alias(mariadb.url(database)):
        assert poll(now) == [Scope(frozenset({2, 3}))]
        later = int(now) + 30
        mariadb.sql(
            f"UPDATE mdl_user_enrolments SET status = 1, timemodified = {later} WHERE id = 65;"
            f"UPDATE mdl_user SET suspended = 1, timemodified = {later} WHERE id = 7",
            database,
        )
        scopes = poll(now + 61)
        assert scopes == [Scope(frozenset({2}), frozenset({7, 34}))]
        assert poll(now + 63) == []


# ── To the end ───────────────────────────────────────────────────────────────────────────────────


def test_a_suspension_leaves_the_course_and_an_active_enrolment_elsewhere_keeps_the_account(
    watched: Site, small_moodle: SmallMoodle
) -> None:
    small_moodle.enrol(11, [1000])
    watched.apply()
    rows(UserEnrolment).filter(userid=1000, enrolid=10).update(status=1)
    happened("user_enrolment_updated", 10, 1000)
    poller.poll_once("one", lambda: NOW)
    play_worker()
    account = watched.account("person1000@example.invalid")
    assert 1000 not in watched.channel_members()[100]
    assert account["active"], "is still active in another course, whatever this event says"


def test_an_event_deactivates_and_reactivates_as_the_policy_says(watched: Site) -> None:
    watched.apply()
    rows(UserEnrolment).filter(userid=1000).update(status=1)
    happened("user_enrolment_updated", 10, 1000)
    poller.poll_once("one", lambda: NOW)
    play_worker()
    assert not watched.account("person1000@example.invalid")["active"]
    rows(UserEnrolment).filter(userid=1000).update(status=0)
    happened("user_enrolment_updated", 10, 1000)
    poller.poll_once("one", lambda: NOW)
    play_worker()
    assert watched.account("person1000@example.invalid")["active"]
    assert 1000 in watched.channel_members()[100]


def test_a_person_in_many_channels_can_leave_all_of_them_at_once(
    watched: Site, small_moodle: SmallMoodle
) -> None:
    """The guard compares with everything we manage there, not with what is the person's own."""
    for number in range(10):
        small_moodle.group(200 + number, 10, f"Extra {number}", range(1000, 1004))
    watched.apply()
    small_moodle.change_person(1000, suspended=1)
    happened("user_updated", user=1000)
    poller.poll_once("one", lambda: NOW)
    play_worker()
    assert all(1000 not in members for members in watched.channel_members().values())


def test_a_person_whose_channel_does_not_exist_yet_leads_to_a_look_at_the_course(
    watched: Site, small_moodle: SmallMoodle
) -> None:
    watched.apply()
    small_moodle.group(999, 10, "New group", [1000])
    happened("group_member_added", 10, 1000)  # its group_created was lost
    poller.poll_once("one", lambda: NOW)
    play_worker()
    assert watched.channel_members()[999] == {1000}


def test_enrolments_reach_the_channel_of_a_course_without_groups(
    small_site: Site, small_moodle: SmallMoodle
) -> None:
    people = small_moodle.people(1300, 4)
    small_moodle.enrol(small_moodle.course(13), people)
    small_site.choose((13,), [STUDENT])
    IntegratedCourse.objects.filter(course_id=13).update(event_sync=True)
    IntegrationSettings.load()
    IntegrationSettings.objects.update(whole_course=True)
    poll()
    small_site.apply()
    whole = course_group_id(13)
    assert small_site.channel_members()[whole] == {*people}
    small_moodle.enrol(13, [small_moodle.person(1304)])
    happened("user_enrolment_created", 13, 1304)
    poller.poll_once("one", lambda: NOW)
    play_worker()
    assert small_site.channel_members()[whole] == {*people, 1304}
    rows(UserEnrolment).filter(userid=1300, enrolid=13).delete()
    happened("user_enrolment_deleted", 13, 1300)
    poller.poll_once("one", lambda: NOW)
    play_worker()
    assert small_site.channel_members()[whole] == {*people, 1304} - {1300}


def test_the_first_enrolment_makes_the_channel_of_a_course(
    small_site: Site, small_moodle: SmallMoodle
) -> None:
    small_moodle.course(13)
    small_site.choose((13,), [STUDENT])
    IntegratedCourse.objects.filter(course_id=13).update(event_sync=True)
    IntegrationSettings.load()
    IntegrationSettings.objects.update(whole_course=True, empty_channels=False)
    poll()
    small_site.apply()
    whole = course_group_id(13)
    assert whole not in small_site.channel_members()
    small_moodle.enrol(13, [small_moodle.person(1300)])
    happened("user_enrolment_created", 13, 1300)
    poller.poll_once("one", lambda: NOW)
    play_worker()
    assert small_site.channel_members()[whole] == {1300}


def test_a_look_that_finds_nothing_to_do_leaves_no_row(watched: Site) -> None:
    watched.apply()
    before = set(SyncRun.objects.values_list("pk", flat=True))
    happened("user_enrolment_updated", 10, 1000)
    (run,) = poller.poll_once("one", lambda: NOW)
    work.work(run.pk)
    assert set(SyncRun.objects.values_list("pk", flat=True)) == before


def test_a_method_that_is_switched_off_takes_out_everybody_who_has_no_other(watched: Site) -> None:
    IntegrationSettings.objects.update(limit_percent=100)
    watched.apply()
    rows(Enrol).filter(id=10).update(status=1)
    happened("enrol_instance_updated", 10)
    poller.poll_once("one", lambda: NOW)
    play_worker()
    assert watched.channel_members()[100] == set()
    assert len(watched.channel_members()[110]) == 4


def test_a_pending_course_is_cleared_by_success_only(watched: Site) -> None:
    IntegratedCourse.objects.update(pending_sync=True)
    watched.chat.fault("refuse", endpoint="users.list", times=1000)
    watched.run()
    assert IntegratedCourse.objects.filter(pending_sync=True).count() == len(COURSES)
    watched.chat.clear_faults()
    runner.execute(order(10, users=frozenset({1000})))
    assert IntegratedCourse.objects.filter(pending_sync=True).count() == len(COURSES)
    watched.apply(Scope(frozenset({10})))
    assert set(
        IntegratedCourse.objects.filter(pending_sync=True).values_list("course_id", flat=True)
    ) == {11, 12}
