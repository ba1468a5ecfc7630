"""Coming from local_rocketchat in the ways that people really go: half switched off, twice, with
thousands inside, and with an account of the database that may not see everything.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from integration.models import (
    ChannelLink,
    Conflict,
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    LevelSettings,
    ManagedMembership,
    SyncRun,
)
from integration.services.admin import conflicts as decisions
from integration.services.admin import plugin_import, plugin_review
from integration.services.moodle.plugin_rows import read_plugin
from integration.services.sync.plugin_rooms import WrongPerson
from tests.support.plugin_moodle import PluginSite, PluginSync, statements
from tests.support.servers import Postgres
from tests.support.site import Site

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
ROOM = "plugin_room"


@pytest.fixture
def plugin(moodle: Path, site: Site) -> PluginSite:
    return PluginSite(moodle, site)


@pytest.fixture
def boss() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


def apply() -> None:
    plugin_import.apply("the plugin goes")


# --- switching the plugin off ---------------------------------------------------------------------


def test_a_look_while_half_of_the_courses_are_switched_off_forgets_none(plugin: PluginSite) -> None:
    first = {one.course_id: one.event_sync for one in plugin_import.find().choices.courses}
    assert len(first) > 1
    assert all(first.values())
    plugin.sql(
        f"UPDATE mdl_local_rocketchat_courses SET eventbasedsync = 0 WHERE course = {min(first)}"
    )
    assert plugin_import.find().blocked, "the page says what is still on"
    plugin.switch_off()
    apply()
    assert dict(IntegratedCourse.objects.values_list("course_id", "event_sync")) == first


# --- applied again --------------------------------------------------------------------------------


def test_a_second_import_leaves_what_was_decided_since(plugin: PluginSite) -> None:
    plugin.switch_off()
    apply()
    assert ChannelLink.objects.exists()
    LevelSettings.objects.update(name_template="{group}")
    GroupRegexFilter.objects.update(enabled=False)
    IncludedRole.objects.update(enabled=False)
    patterns = GroupRegexFilter.objects.count()
    IncludedRole.objects.create(role_id=3, shortname="editingteacher")
    apply()
    assert set(LevelSettings.objects.values_list("name_template", flat=True)) == {"{group}"}
    assert GroupRegexFilter.objects.count() == patterns
    assert not GroupRegexFilter.objects.filter(enabled=True).exists()
    assert list(IncludedRole.objects.filter(enabled=True).values_list("role_id", flat=True)) == [3]


def test_a_room_that_somebody_ignores_stays_ignored(plugin: PluginSite, site: Site) -> None:
    rooms = plugin_import.find().takeover.rooms
    PluginSync(site.chat).make_public(next(iter(rooms.values())).name)
    plugin.switch_off()
    apply()
    (conflict,) = Conflict.objects.filter(kind=ROOM)
    decisions.ignore(conflict)
    apply()
    conflict.refresh_from_db()
    assert conflict.status == Conflict.Status.IGNORED


def test_channels_that_rcsync_made_before_keep_their_names(plugin: PluginSite, site: Site) -> None:
    """The plugin and rcsync side by side in one course: the import renames nothing."""
    found = plugin_import.find()
    course = found.choices.courses[0].course_id
    site.choose([course], list(found.choices.roles))
    site.apply()
    before = dict(ChannelLink.objects.values_list("moodle_group_id", "name"))
    assert before
    plugin.switch_off()
    apply()
    seen = site.run(SyncRun.Kind.PREVIEW)
    assert "rename_channel" not in seen.run.planned
    after = dict(ChannelLink.objects.values_list("moodle_group_id", "name"))
    assert {group: after[group] for group in before} == before


# --- who is inside --------------------------------------------------------------------------------


def test_thousands_are_ticked_at_once(
    plugin: PluginSite, boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.switch_off()
    apply()
    (one, *_) = plugin_review.find()
    many = tuple(
        WrongPerson(one.group_id, user, one.channel, f"p{user}", one.why)
        for user in (one.user_id, *range(900_000, 903_000))
    )
    monkeypatch.setattr(plugin_review, "find", lambda: many)
    ticked = [f"{who.group_id}:{who.user_id}" for who in many]
    answer = boss.post(
        reverse("rcsync:plugin_release"), {"person": ticked, "reason": "I looked at all of them"}
    )
    assert answer.status_code == 302
    assert ManagedMembership.objects.get(
        channel__moodle_group_id=one.group_id, account__moodle_user_id=one.user_id
    ).ours


@pytest.mark.parametrize("odd", ["9" * 5000 + ":1", "٣:٤", "-1:2", "1:", ":", "1:2:3", ""])
def test_odd_choices_are_no_error(plugin: PluginSite, boss: Client, odd: str) -> None:
    answer = boss.post(reverse("rcsync:plugin_release"), {"person": [odd], "reason": "why not"})
    assert answer.status_code == 302


# --- an account of the database that may not see everything ---------------------------------------


@pytest.mark.django_db(transaction=True, databases=["default", "moodle"])
def test_what_postgres_lists_and_refuses_counts_as_out_of_sight(
    postgres: Postgres, moodle_alias: Callable[..., AbstractContextManager[Any]]
) -> None:
    database = postgres.create_database()
    postgres.sql(
        "CREATE TABLE mdl_config_plugins (id bigserial PRIMARY KEY, plugin varchar(100), "
        "name varchar(100), value text);" + statements("adpe", [2], [5], "/a/"),
        database,
    )
    reader = f"reader_{database}"
    postgres.sql(
        f"CREATE USER {reader}; GRANT SELECT ON mdl_config_plugins, mdl_local_rocketchat_courses, "
        f"mdl_local_rocketchat_roles TO {reader}",
        database,
    )
    with moodle_alias(postgres.url(database, reader)):
        found = read_plugin()
    assert found.accounts is None
    assert found.task_on is None
    assert [one.course_id for one in found.courses] == [2]


def test_tables_that_are_views_are_read(plugin: PluginSite) -> None:
    """Where the data protection officer shows rcsync views instead of tables."""
    plugin.sql(
        "ALTER TABLE mdl_local_rocketchat_courses RENAME TO hidden_courses;"
        "CREATE VIEW mdl_local_rocketchat_courses AS SELECT * FROM hidden_courses"
    )
    assert len(read_plugin().courses) == 2


def test_log_ins_that_cannot_be_read_are_said(plugin: PluginSite) -> None:
    plugin.sql("DROP TABLE mdl_user_preferences")
    assert any(
        "user_preferences" in one and "cannot" in one for one in plugin_import.find().warnings
    )


# --- whose is it? ---------------------------------------------------------------------------------


def test_an_address_in_another_case_is_the_same_address(plugin: PluginSite, site: Site) -> None:
    user, taken = next(iter(plugin_import.find().takeover.accounts.items()))
    world = site.chat.application.world
    with world.lock:
        account = world.users[taken.account.account_id]
        world.set_email(account, taken.account.emails[0].swapcase(), verified=True)
    plugin.sql(f"UPDATE mdl_user SET email = upper(email) WHERE id = {user}")
    again = plugin_import.find().takeover.accounts
    assert again[user].account.account_id == taken.account.account_id


def test_two_people_with_an_address_in_two_cases_share_no_account(
    plugin: PluginSite, site: Site
) -> None:
    user, taken = next(iter(plugin_import.find().takeover.accounts.items()))
    plugin.sql(
        f"UPDATE mdl_user SET email = (SELECT upper(email) FROM mdl_user WHERE id = {user}) "
        "WHERE id = (SELECT max(userid) FROM mdl_user_enrolments WHERE userid <> "
        f"{user} AND enrolid IN (SELECT enrolid FROM mdl_user_enrolments WHERE userid = {user}))"
    )
    found = plugin_import.find().takeover
    assert user not in found.accounts
    assert any("several people" in str(one.why) for one in found.unclaimed)
    assert taken.account.account_id not in {o.account.account_id for o in found.accounts.values()}


def test_one_room_for_groups_of_two_courses_is_left_to_a_person(
    plugin: PluginSite, site: Site
) -> None:
    """CS101 with B-C and CS101-B with C: the plugin put both groups into the room CS101-B-C."""
    courses = {one.shortname: number for number, one in plugin_import.find().courses.items()}
    columns = "courseid, idnumber, name, timecreated, visibility"
    plugin.sql(
        f"UPDATE mdl_course SET shortname = 'CS101-B' WHERE id = {courses['MA110']};"
        f"INSERT INTO mdl_groups ({columns}) VALUES ({courses['CS101']}, '', 'B-C', 1, 0), "
        f"({courses['MA110']}, '', 'C', 1, 0)"
    )
    PluginSync(site.chat).room("CS101-B-C")
    found = plugin_import.find().takeover
    assert len([one for one in found.left if "CS101-B-C" in str(one.rocketchat_side)]) == 2
    assert "CS101-B-C" not in {room.name for room in found.rooms.values()}
    assert not [name for name in found.new if name.endswith("B-C")]
