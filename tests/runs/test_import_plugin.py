"""The way over from local_rocketchat, on real Moodle tables: look, apply, review, first plan."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from demo.standin import StandIn
from integration.models import (
    AccountLink,
    AuditEntry,
    ChannelLink,
    Conflict,
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    IntegrationSettings,
    LevelSettings,
    ManagedMembership,
    SyncRun,
)
from integration.services.admin import conflicts as decisions
from integration.services.admin import plugin_review
from tests.support.plugin_moodle import EVENTS_OFF, SWITCHED_OFF, PluginSync, statements
from tests.support.real_moodle import COURSES, STUDENT, RealMoodle, expected
from tests.support.servers import MariaDB
from tests.support.site import BOT, Site, chat_content, moodle_rows
from tests.support.term import ledger_content

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

PATTERNS = "/all/\r\n#.#i\r\ncoach\r\n"
TEAM_X, TEAM_X_TOO = 5, 6  # 'Team X' and 'Team_X'
PUBLIC, UNOWNED = 2, 10


class Plugin:
    """A Moodle with the plugin, and the Rocket.Chat that it filled."""

    def __init__(self, moodle: RealMoodle, site: Site) -> None:
        self.moodle = moodle
        self.site = site
        self.layout = "adpe"

    def install(self, layout: str = "adpe", patterns: str = PATTERNS) -> None:
        self.layout = layout
        self.sql(statements(layout, COURSES, [STUDENT], patterns))
        self.sync = PluginSync(self.site.chat)
        self.sync.make(COURSES)

    def sql(self, text: str) -> None:
        self.moodle.server.sql(text, self.moodle.database)

    def switch_off(self) -> None:
        self.sql(SWITCHED_OFF)
        if self.layout == "adpe":
            self.sql(EVENTS_OFF)

    def members(self) -> dict[int, set[int]]:
        """Group -> people in the rooms that are linked."""
        groups = dict(ChannelLink.objects.values_list("room_id", "moodle_group_id"))
        users = {email.lower(): user for user, email in moodle_rows(PEOPLE)}
        state = self.site.chat.state()
        address = {
            one["username"]: one["emails"][0]["address"].lower()
            for one in state["users"]
            if one["emails"]
        }
        return {
            groups[room["id"]]: {users[address[one]] for one in room["members"] if one != BOT}
            for room in state["rooms"]
            if room["id"] in groups and not room["archived"]
        }


PEOPLE = "SELECT id, email FROM mdl_user WHERE deleted = 0 AND email <> '' ORDER BY id DESC"


@pytest.fixture
def plugin(
    mariadb: MariaDB,
    shared: Path,
    settings: Any,
    moodle_alias: Callable[..., AbstractContextManager[Any]],
) -> Iterator[Plugin]:
    moodle = RealMoodle(mariadb, shared)
    with moodle_alias(moodle.url), StandIn(like="6.5") as chat:
        plugin = Plugin(moodle, Site(chat, settings))
        plugin.install()
        yield plugin


def import_plugin(*args: str) -> str:
    out = StringIO()
    call_command("import_plugin", *args, stdout=out)
    return out.getvalue()


def take_over() -> str:
    return import_plugin("--apply", "--reason", "the plugin goes")


def room_name(group_id: int) -> str:
    shortname, name = moodle_rows(
        "SELECT c.shortname, g.name FROM mdl_groups g JOIN mdl_course c ON c.id = g.courseid "
        f"WHERE g.id = {group_id}"
    )[0]
    return f"{shortname}-{name}".replace(" ", "_")


# ── The look ─────────────────────────────────────────────────────────────────────────────────────


def test_a_look_shows_everything_and_changes_nothing(plugin: Plugin) -> None:
    before = ledger_content(), chat_content(plugin.site.chat)
    said = import_plugin()
    assert (ledger_content(), chat_content(plugin.site.chat)) == before
    assert "Courses: 7" in said
    assert "/all/" in said
    assert "/./i" in said
    assert "pattern coach: The line 'coach' is ignored: it has no delimiters" in said
    assert "Cannot be stored yet: The plugin's scheduled task is on" in said
    assert "never read" not in said
    assert not IntegratedCourse.objects.exists()


def test_nothing_is_stored_while_the_plugin_can_still_write(plugin: Plugin) -> None:
    with pytest.raises(CommandError, match="scheduled task is on"):
        take_over()
    plugin.sql(SWITCHED_OFF)
    with pytest.raises(CommandError, match="event based sync is on in the courses 2, 3"):
        take_over()
    plugin.sql("DROP TABLE mdl_task_scheduled")
    with pytest.raises(CommandError, match="cannot be read"):
        take_over()
    assert not ChannelLink.objects.exists()


def test_courses_that_had_event_sync_are_remembered_from_before_it_was_switched_off(
    plugin: Plugin,
) -> None:
    import_plugin()
    plugin.switch_off()
    take_over()
    assert set(IntegratedCourse.objects.values_list("course_id", "event_sync")) == {
        (course, True) for course in COURSES
    }
    assert IntegratedCourse.objects.filter(pending_sync=True).count() == 4


def test_account_and_room_are_ours_to_keep_but_not_made_by_us(plugin: Plugin) -> None:
    plugin.switch_off()
    take_over()
    assert not AccountLink.objects.filter(created=True).exists()
    assert not ChannelLink.objects.filter(created=True).exists()


def test_a_second_import_takes_nothing_twice(plugin: Plugin) -> None:
    plugin.switch_off()
    take_over()
    before = ledger_content()
    said = take_over()
    assert "Rooms taken over" not in said
    assert ledger_content() == before


def test_a_moodle_without_the_plugin_says_so(plugin: Plugin) -> None:
    plugin.sql(
        "DROP TABLE mdl_local_rocketchat_courses; DROP TABLE mdl_local_rocketchat_roles; "
        "DELETE FROM mdl_config_plugins WHERE plugin = 'local_rocketchat'"
    )
    with pytest.raises(CommandError, match="contains nothing of the plugin"):
        import_plugin()


def test_without_a_connection_the_plugins_address_is_told(plugin: Plugin, settings: Any) -> None:
    settings.ROCKETCHAT = dict.fromkeys(settings.ROCKETCHAT, "")
    with pytest.raises(CommandError, match=r"used https://chat\.example\.invalid as rcsync-bot"):
        import_plugin()


# ── Applying ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("layout", ["adpe", "old"])
def test_the_first_plan_renames_nothing_and_makes_no_channel_twice(
    plugin: Plugin, layout: str
) -> None:
    if layout == "old":
        plugin.sql(
            "DROP TABLE mdl_local_rocketchat_courses; DROP TABLE mdl_local_rocketchat_roles;"
            "DROP TABLE mdl_user_preferences; DROP TABLE mdl_task_scheduled;"
            "DELETE FROM mdl_config_plugins WHERE plugin = 'local_rocketchat'"
        )
        plugin.sql(statements("old", COURSES, [STUDENT], PATTERNS))
        plugin.layout = "old"
    import_plugin()
    plugin.switch_off()
    before = chat_content(plugin.site.chat)
    rooms = {room["name"] for room in plugin.site.chat.state()["rooms"]}
    take_over()
    assert chat_content(plugin.site.chat) == before
    assert AuditEntry.objects.get(action="import_plugin").reason == "the plugin goes"
    finished = plugin.site.run(SyncRun.Kind.PREVIEW)
    assert finished.report is not None
    assert "rename_channel" not in finished.run.planned
    made = {
        op.channel.group_id: op.channel.name  # type: ignore[attr-defined]
        for op in finished.report.plan.operations
        if op.kind == "create_channel"
    }
    for group_id, name in made.items():
        assert room_name(group_id) not in rooms, f"{name} would be a second channel"
    assert set(made) & {TEAM_X, TEAM_X_TOO} == set()


def test_patterns_roles_and_names_are_taken_over(plugin: Plugin) -> None:
    plugin.switch_off()
    take_over()
    assert list(GroupRegexFilter.objects.values_list("pattern", flat=True)) == ["/all/", "/./i"]
    assert list(IncludedRole.objects.values_list("role_id", "shortname")) == [(STUDENT, "student")]
    assert set(LevelSettings.objects.values_list("moodle_id", "name_template")) == {
        (course, "{course_underscored}-{group_underscored}") for course in COURSES
    }


def test_beside_other_courses_patterns_and_roles_are_the_imported_courses_own(
    plugin: Plugin,
) -> None:
    plugin.sql("DELETE FROM mdl_local_rocketchat_courses WHERE course <> 2")
    plugin.switch_off()
    IntegratedCourse.objects.create(course_id=3)
    take_over()
    assert not GroupRegexFilter.objects.exists()
    assert not IncludedRole.objects.exists()
    own = LevelSettings.objects.get()
    assert (own.moodle_id, own.include_patterns) == (2, "/all/\n/./i")
    assert own.roles == {str(STUDENT): "member"}


def test_public_clashing_and_unowned_rooms_are_conflicts_without_a_second_channel(
    plugin: Plugin,
) -> None:
    plugin.sync.make_public(room_name(PUBLIC))
    plugin.sync.made_by_another(room_name(UNOWNED))
    plugin.switch_off()
    take_over()
    for _ in range(2):
        plugin.site.run()
        held = Conflict.objects.filter(kind="plugin_room", status=Conflict.Status.OPEN)
        assert set(held.values_list("moodle_group_id", flat=True)) == {
            PUBLIC,
            UNOWNED,
            TEAM_X,
            TEAM_X_TOO,
        }
        assert not ChannelLink.objects.filter(
            moodle_group_id__in=[PUBLIC, UNOWNED, TEAM_X, TEAM_X_TOO]
        ).exists()


# ── Who is inside ────────────────────────────────────────────────────────────────────────────────


def taken_over(plugin: Plugin) -> set[int]:
    plugin.switch_off()
    take_over()
    return set(ChannelLink.objects.values_list("moodle_group_id", flat=True))


def test_unticked_the_rooms_hold_the_oracle_and_exactly_the_wrong_people(plugin: Plugin) -> None:
    groups = taken_over(plugin)
    assert len(groups) > 8
    wrong = {(one.group_id, one.user_id) for one in plugin_review.find()}
    assert len(wrong) > 5
    plugin.site.run()
    truth = expected(plugin.moodle.truth(), "student")
    found = plugin.members()
    assert {group: found[group] for group in groups} == {
        group: truth[group] | {user for at, user in wrong if at == group} for group in groups
    }


def test_ticked_the_rooms_hold_the_oracle(plugin: Plugin) -> None:
    groups = taken_over(plugin)
    wrong = {(one.group_id, one.user_id) for one in plugin_review.find()}
    assert plugin_review.release(wrong, "I looked") == len(wrong)
    # The guard counts them as any other removal, and Moodle's log tells nothing of them.
    IntegrationSettings.objects.update(limit_percent=100, unexplained_percent=100)
    plugin.site.apply()
    truth = expected(plugin.moodle.truth(), "student")
    found = plugin.members()
    assert {group: found[group] for group in groups} == {group: truth[group] for group in groups}
    assert plugin_review.find() == ()
    assert AuditEntry.objects.get(action="put_there_by_the_plugin").reason == "I looked"


def test_an_own_log_in_proves_whose_account_it_is(plugin: Plugin) -> None:
    world = plugin.site.chat.application.world
    with world.lock:
        world.add_user("anna_chosen", email="private@elsewhere.invalid")
    plugin.sql(
        "INSERT INTO mdl_user_preferences VALUES "
        "(1, 3, 'local_rocketchat_external_user', 'anna_chosen'), "
        "(2, 3, 'local_rocketchat_external_token', 'secret')"
    )
    plugin.switch_off()
    take_over()
    assert AccountLink.objects.get(moodle_user_id=3).username == "anna_chosen"


def test_the_local_part_of_an_address_alone_proves_nothing(plugin: Plugin) -> None:
    world = plugin.site.chat.application.world
    email = moodle_rows("SELECT email FROM mdl_user WHERE id = 4")[0][0]
    with world.lock:
        user = world.user_named(email.partition("@")[0])
        assert user
        world.set_email(user, "somebody@elsewhere.invalid", verified=True)
    plugin.switch_off()
    assert "nobody in these courses has its address" in take_over()
    assert not AccountLink.objects.filter(moodle_user_id=4).exists()
    assert not ManagedMembership.objects.filter(account__moodle_user_id=4).exists()


def test_a_decided_room_is_the_groups_and_the_other_group_gets_its_own(plugin: Plugin) -> None:
    plugin.switch_off()
    take_over()
    plugin.site.run()
    conflict = Conflict.objects.get(kind="plugin_room", moodle_group_id=TEAM_X)
    decisions.link(conflict)
    plugin.site.run()
    rooms = dict(ChannelLink.objects.values_list("moodle_group_id", "room_id"))
    assert rooms[TEAM_X] == conflict.remote_id
    assert rooms[TEAM_X_TOO] != conflict.remote_id
    assert not Conflict.objects.filter(kind="plugin_room", status=Conflict.Status.OPEN).exists()


def test_a_room_that_is_archived_by_hand_makes_way_for_a_channel(plugin: Plugin) -> None:
    plugin.sync.make_public(room_name(PUBLIC))
    plugin.switch_off()
    take_over()
    plugin.site.run()
    assert not ChannelLink.objects.filter(moodle_group_id=PUBLIC).exists()
    plugin.sync.archive(room_name(PUBLIC))
    plugin.site.run()
    assert not Conflict.objects.filter(
        kind="plugin_room", moodle_group_id=PUBLIC, status=Conflict.Status.OPEN
    ).exists()
