"""`sync` as a person or a script meets it: what it prints, how it exits, and every bad input with
its sentence.
"""

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from demo.sample_moodle import writable
from demo.standin import StandIn
from integration.models import (
    AccountLink,
    ChannelLink,
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    IntegrationSettings,
    ManagedMembership,
    SyncOperation,
    SyncRun,
)
from integration.services.ledger import heartbeat, leases
from integration.services.monitoring.course_states import CourseState
from tests.support.site import Site, moodle_rows
from tests.support.states import states

CLEAN, FAILURES, CANNOT_RUN, REFUSED = 0, 1, 2, 3

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


@pytest.fixture
def site(chat: StandIn, moodle: Path, settings: Any) -> Site:
    site = Site(chat, settings)
    names = "'CS101', 'HIST150', 'STAT200'"  # three courses are enough, with 150 people
    courses = [
        course_id
        for (course_id,) in moodle_rows(f"SELECT id FROM mdl_course WHERE shortname IN ({names})")
    ]
    roles = [
        role_id
        for (role_id,) in moodle_rows(
            "SELECT id FROM mdl_role WHERE shortname IN ('student', 'teacher')"
        )
    ]
    site.choose(courses, roles, pattern="(?i)group|team|tutorial|bench")
    return site


def change_moodle(path: Path, sql: str) -> None:
    with writable(path) as connection, connection.cursor() as cursor:
        cursor.execute(sql)


class Answer:
    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def text(self) -> str:
        return " ".join((self.out + self.err).split())

    @property
    def json(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.out)
        return answer


def sync(*arguments: str) -> Answer:
    out, err = io.StringIO(), io.StringIO()
    status = 0
    try:
        call_command("sync", *arguments, stdout=out, stderr=err)
    except SystemExit as end:
        status = int(end.code or 0)
    except CommandError as error:
        status = error.returncode
        err.write(str(error))
    return Answer(status, out.getvalue(), err.getvalue())


# ── What it does ─────────────────────────────────────────────────────────────────────────────────


def test_the_plan_is_shown_and_nothing_is_written(site: Site) -> None:
    before = site.chat.state()
    answer = sync()
    assert answer.status == CLEAN
    assert "create channel" in answer.out
    assert "This was the plan" in answer.out
    assert site.chat.state() == before
    assert not AccountLink.objects.exists()


def test_the_plan_names_the_people_who_join(site: Site) -> None:
    shown = sync().out
    made = next(o for o in sync("--json").json["operations"] if o["people"])
    first = made["people"][0]
    assert f"{made['what']}: {first['username']}, " in shown
    assert first["reason"].startswith("member of group '")
    assert first["moodle_user_id"] > 0


def test_apply_carries_it_out_and_a_second_time_does_nothing(site: Site) -> None:
    first = sync("--apply", "--json")
    assert first.status == CLEAN
    assert first.json["applied"]["create_channel"] == ChannelLink.objects.count() > 8
    second = sync("--apply", "--json")
    assert second.json["applied"] == {}


def test_json_is_one_object_with_the_promised_keys(site: Site) -> None:
    answer = sync("--apply", "--json").json
    promised = "run status planned applied failed conflicts skipped requests seconds"
    assert set(answer) >= set(promised.split())
    assert set(answer["requests"]) == {"total", "by_endpoint"}
    assert answer["requests"]["total"] == sum(answer["requests"]["by_endpoint"].values())
    assert answer["planned"] == answer["applied"]
    assert answer["run"] == SyncRun.objects.get().pk


def test_conflicts_are_listed_and_are_no_failure(site: Site) -> None:
    answer = sync("--apply", "--json")
    assert answer.status == CLEAN
    assert {conflict["kind"] for conflict in answer.json["conflicts"]} >= {"email_missing"}
    assert all(conflict["advice"] for conflict in answer.json["conflicts"])


def test_every_operation_has_its_reason_in_words(site: Site) -> None:
    sync("--apply")
    assert not SyncOperation.objects.filter(reason="").exists()
    joiner = SyncOperation.objects.filter(kind="create_channel").first()
    assert joiner is not None
    reason = joiner.details["joiners"][0]["reason"]
    assert reason.startswith("member of group '")
    assert " enrolment; role student" in reason


def test_one_course_by_its_short_name_leaves_the_others_alone(site: Site) -> None:
    assert sync("--apply", "--course", "CS101").status == CLEAN
    courses = set(ChannelLink.objects.values_list("moodle_course_id", flat=True))
    assert courses == {moodle_rows("SELECT id FROM mdl_course WHERE shortname = 'CS101'")[0][0]}


def test_one_person_is_synced_without_touching_anybody_else(site: Site, moodle: Path) -> None:
    sync("--apply")
    member = ManagedMembership.objects.select_related("account", "channel").first()
    other = ManagedMembership.objects.exclude(account=member.account).first()  # type: ignore[union-attr]
    assert member is not None
    assert other is not None
    for row in (member, other):
        change_moodle(
            moodle,
            "DELETE FROM mdl_groups_members "
            f"WHERE userid = {row.account.moodle_user_id} "
            f"AND groupid = {row.channel.moodle_group_id}",
        )
    answer = sync("--apply", "--json", "--user", member.account.username)
    assert answer.json["applied"] == {"remove_member": 1}
    assert not ManagedMembership.objects.filter(pk=member.pk).exists()
    assert ManagedMembership.objects.filter(pk=other.pk).exists()


def test_an_audit_finds_what_no_count_shows(site: Site) -> None:
    sync("--apply")
    member = ManagedMembership.objects.select_related("account", "channel").first()
    assert member is not None
    world = site.chat.world
    room = world.rooms[member.channel.room_id]
    stranger = world.user_named("rocket.cat")
    assert stranger is not None
    world.unsubscribe(room, world.users[member.account.rocketchat_user_id])
    world.subscribe(room, stranger)
    assert sync("--json").json["planned"] == {}
    assert sync("--json", "--full-check").json["planned"] == {"add_members": 1}


# ── What is missing is said ──────────────────────────────────────────────────────────────────────


def test_without_an_include_pattern_there_are_no_groups_and_it_says_so(site: Site) -> None:
    GroupRegexFilter.objects.all().delete()
    answer = sync()
    assert answer.status == CLEAN
    assert (
        "No group pattern of the kind 'include' is enabled, so no group gets a channel"
        in answer.text
    )


def test_without_an_included_role_there_is_nobody_and_it_says_so(site: Site) -> None:
    IncludedRole.objects.all().delete()
    answer = sync("--json")
    assert answer.status == CLEAN
    assert any("No role is included" in skip["reason"] for skip in answer.json["skipped"])


@pytest.mark.parametrize("model", [GroupRegexFilter, IncludedRole])
def test_an_emptied_list_takes_nothing_away(site: Site, model: Any) -> None:
    sync("--apply")
    before = site.channel_members()
    model.objects.all().delete()
    answer = sync("--apply", "--json")
    assert answer.json["applied"] == {}
    assert site.channel_members() == before


# ── Bad input ────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_course_is_named_with_those_there_are(site: Site) -> None:
    answer = sync("--course", "NOPE")
    assert answer.status == CANNOT_RUN
    assert "There is no integrated course 'NOPE'. Add it under Integrated courses." in answer.text


def test_a_course_that_moodle_has_and_nobody_integrated_is_unknown(site: Site) -> None:
    IntegratedCourse.objects.filter(course_id=2).delete()
    assert sync("--course", "2").status == CANNOT_RUN


def test_json_is_one_object_also_when_nothing_can_run(site: Site) -> None:
    answer = sync("--json", "--user", "nobody.at.all")
    assert answer.status == CANNOT_RUN
    assert answer.json["status"] == "error"
    assert "nobody.at.all" in answer.json["message"]


def test_a_text_that_means_two_people_is_said(site: Site, moodle: Path) -> None:
    change_moodle(moodle, "UPDATE mdl_user SET username = '3' WHERE id = 5")
    answer = sync("--user", "3")
    assert answer.status == CANNOT_RUN
    assert "'3' is ambiguous: id 3 (" in answer.text
    assert "Name one, for example id:3." in answer.text
    assert sync("--user", "id:3").status == CLEAN


def test_an_unknown_person_is_named(site: Site) -> None:
    answer = sync("--user", "nobody.at.all")
    assert answer.status == CANNOT_RUN
    assert "Moodle has no user 'nobody.at.all'" in answer.text


def test_an_included_role_that_moodle_does_not_have(site: Site) -> None:
    IncludedRole.objects.create(role_id=4711, shortname="wizard")
    answer = sync("--apply")
    assert answer.status == CANNOT_RUN
    assert "Moodle has no role 'wizard'" in answer.text
    assert "student" in answer.text  # what there is


def test_an_included_role_may_be_given_by_its_short_name_alone(site: Site) -> None:
    IncludedRole.objects.all().delete()
    IncludedRole.objects.create(shortname="student")
    assert sync("--json").json["planned"]["create_channel"] > 8


def test_a_pattern_that_is_not_valid(site: Site) -> None:
    GroupRegexFilter.objects.create(pattern="(unfinished")
    answer = sync("--apply")
    assert answer.status == CANNOT_RUN
    assert "The pattern '(unfinished' is not valid" in answer.text
    assert "Correct it in Group patterns." in answer.text


def test_a_pattern_that_takes_for_ever_leaves_its_group_alone_and_says_so(
    site: Site, moodle: Path
) -> None:
    sync("--apply")
    before = site.channel_members()
    group = ChannelLink.objects.first()
    assert group is not None
    change_moodle(
        moodle, f"UPDATE mdl_groups SET name = '{'a' * 200}!' WHERE id = {group.moodle_group_id}"
    )
    GroupRegexFilter.objects.all().delete()
    GroupRegexFilter.objects.create(pattern="^(a|aa)+$")
    GroupRegexFilter.objects.create(pattern="(?i)group|team|tutorial|bench")
    answer = sync("--apply", "--json")
    assert any("million steps" in skip["reason"] for skip in answer.json["skipped"])
    assert site.channel_members() == before


def test_a_token_that_is_wrong(site: Site, settings: Any) -> None:
    settings.ROCKETCHAT = {**settings.ROCKETCHAT, "user_id": "nobody", "auth_token": "wrong"}
    answer = sync("--apply")
    assert answer.status == CANNOT_RUN
    assert "Rocket.Chat" in answer.text
    assert "token" in answer.text
    assert "wrong" not in answer.text.split("token")[0]


def test_no_address_of_rocketchat(site: Site, settings: Any) -> None:
    settings.ROCKETCHAT = {**settings.ROCKETCHAT, "url": ""}
    answer = sync()
    assert answer.status == CANNOT_RUN
    assert "The address of Rocket.Chat is missing" in answer.text


def test_a_server_that_is_not_there(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.chat.stop()
    answer = sync("--apply")
    assert answer.status == CANNOT_RUN
    assert "Rocket.Chat" in answer.text
    assert not caplog.records, "what the command prints is not logged to the terminal as well"


def test_an_address_that_answers_with_a_web_page(site: Site) -> None:
    site.chat.fault("html", endpoint="users.list", times=100)
    answer = sync("--apply")
    assert answer.status == CANNOT_RUN
    assert "users.list" in answer.text


def test_a_missing_permission_fails_by_name_and_the_rest_is_done(site: Site) -> None:
    sync("--apply", "--course", "CS101")
    site.chat.configure(permissions={"create-user": []})
    answer = sync("--apply", "--json")
    assert answer.status == FAILURES
    failure = next(f for f in answer.json["failed"] if f["kind"] == "create_account")
    assert "create-user" in failure["hint"] + failure["error"]
    assert answer.json["applied"]["create_channel"] > 4
    site.chat.configure(permissions={"create-user": ["admin"]})
    assert sync("--apply").status == CLEAN
    assert sync("--json").json["planned"] == {}


def test_errors_of_the_server_are_rows_and_the_next_run_tries_again(site: Site) -> None:
    site.chat.fault("refuse", endpoint="groups.create", after=3, times=2)
    answer = sync("--apply", "--json")
    assert answer.status == FAILURES
    assert [failure["kind"] for failure in answer.json["failed"]] == ["create_channel"] * 2
    row = SyncOperation.objects.filter(status=SyncOperation.Status.FAILED).first()
    assert row is not None
    assert "groups.create: 400" in row.answer
    assert sync("--apply", "--json").json["applied"]["create_channel"] == 2
    assert sync("--json").json["planned"] == {}


def test_a_server_that_dies_in_the_middle_leaves_a_job_that_the_next_run_finishes(
    site: Site, settings: Any
) -> None:
    site.chat.fault("die", endpoint="users.create", after=40)
    answer = sync("--apply", "--json")
    assert answer.status == FAILURES
    assert answer.json["status"] == "stopped"
    assert answer.json["message"]
    with StandIn(like="6.5", world=site.chat.world) as again:
        revived = Site(again, settings)
        assert sync("--apply").status == CLEAN
        assert sync("--json").json["planned"] == {}
        emails = [e["address"] for user in again.state()["users"] for e in user["emails"]]
        assert len(emails) == len(set(emails))
        assert len(revived.rooms()) == ChannelLink.objects.count()


def test_too_many_removals_are_refused_and_force_passes_them(site: Site, moodle: Path) -> None:
    sync("--apply")
    before = site.channel_members()
    change_moodle(moodle, "DELETE FROM mdl_groups_members WHERE id % 2 = 0")
    answer = sync("--apply")
    assert answer.status == REFUSED
    assert "managed memberships would be removed" in answer.text
    assert "--force" in answer.text
    assert site.channel_members() == before
    assert sync("--apply", "--force").status == CLEAN
    assert site.channel_members() != before


def test_a_run_waits_for_nobody_but_says_who_is_at_work(site: Site) -> None:
    leases.acquire(
        "somebody else", set(IntegratedCourse.objects.values_list("course_id", flat=True))
    )
    answer = sync("--apply")
    assert answer.status == CANNOT_RUN
    assert "Another run is working on" in answer.text
    assert set(states().values()) == {CourseState.NEVER}


def test_a_run_that_was_killed_on_this_machine_is_in_nobodys_way(site: Site) -> None:
    gone = heartbeat.process_name().split("|")
    ended = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True)
    gone[2] = ended.stdout.strip()
    killed = SyncRun.objects.create(
        kind=SyncRun.Kind.APPLY, trigger=SyncRun.Trigger.COMMAND, worker="|".join(gone)
    )
    courses = set(IntegratedCourse.objects.values_list("course_id", flat=True))
    assert leases.acquire(leases.owner_of(killed), courses) == []
    assert sync("--apply").status == CLEAN
    killed.refresh_from_db()
    assert killed.status == SyncRun.Status.INTERRUPTED


def test_settings_are_one_row() -> None:
    IntegrationSettings.load()
    IntegrationSettings(limit_percent=10).save()
    assert IntegrationSettings.objects.count() == 1
    assert IntegrationSettings.load().limit_percent == 10
