"""What the settings of local_rocketchat become here."""

import pytest

from integration.domain.levels import Level, LevelKind, OwnSettings
from integration.domain.plugin import PluginCourse, PluginRows
from integration.domain.state import NameRules, RoomRole
from integration.services.sync import names
from integration.services.sync.plugin_choices import NAME_TEMPLATE, policy_with, read_choices
from integration.services.sync.plugin_rooms import plugin_name
from tests.support.builders import ROLE_NAMES, STUDENT, TEACHER, course, group, moodle, policy

COURSES = {2: course(2), 3: course(3)}


@pytest.mark.parametrize(
    ("rows", "address"),
    [
        (PluginRows("https", "chat.example", "443"), "https://chat.example"),
        (PluginRows("https", "chat.example", "3000"), "https://chat.example:3000"),
        (PluginRows("http", "chat.example", "80"), "http://chat.example"),
        (PluginRows("https", "http://chat.example/", ""), "https://chat.example"),
        (PluginRows("https"), ""),
    ],
)
def test_the_address_is_put_together_of_three_settings(rows: PluginRows, address: str) -> None:
    assert read_choices(rows, COURSES, ROLE_NAMES).address == address


def test_http_and_a_scheme_in_the_host_are_warned_of() -> None:
    said = read_choices(PluginRows("http", "http://chat.example"), COURSES, ROLE_NAMES).warnings
    assert any("without encryption" in one for one in said)
    assert any("contains a scheme" in one for one in said)


def test_what_moodle_has_no_more_is_refused() -> None:
    rows = PluginRows(courses=(PluginCourse(2), PluginCourse(9)), roles=frozenset({STUDENT, 99}))
    found = read_choices(rows, COURSES, ROLE_NAMES)
    assert found.course_ids == frozenset({2})
    assert found.roles == (STUDENT,)
    assert [str(one.what) for one in found.refused] == ["role 99", "course 9"]


def test_a_list_that_the_plugin_took_for_one_broken_pattern_is_warned_of() -> None:
    def said(text: str) -> bool:
        found = read_choices(PluginRows(pattern_text=text), COURSES, ROLE_NAMES)
        assert found.patterns == ("/a/", "/b/")
        return any("one broken pattern" in one for one in found.warnings)

    assert said("/a/\n/b/")
    assert not said("/a/\r\n/b/\r\n/a/")


def test_patterns_and_roles_of_the_site_stay_beside_those_of_the_plugin() -> None:
    rows = PluginRows(
        pattern_text="/a/", courses=(PluginCourse(2),), roles=frozenset({STUDENT, TEACHER})
    )
    site = policy(include=["x"], roles={TEACHER: RoomRole.OWNER})
    choices = read_choices(rows, COURSES, ROLE_NAMES)
    found = policy_with(site, choices, COURSES.values(), alone=True)
    assert [one.text for one in found.patterns] == ["x", "/a/"]
    assert found.roles == {TEACHER: RoomRole.OWNER, STUDENT: RoomRole.MEMBER}
    beside = policy_with(site, choices, COURSES.values(), alone=False)
    assert (beside.patterns, beside.roles) == (site.patterns, site.roles)
    assert set(beside.own[0].values) == {"name_template", "patterns", "roles"}


def test_what_a_course_has_of_its_own_stays() -> None:
    mine = OwnSettings(Level(LevelKind.COURSE, 2), {"topic_template": "mine"})
    choices = read_choices(PluginRows(courses=(PluginCourse(2),)), COURSES, ROLE_NAMES)
    found = policy_with(policy(own=(mine,)), choices, COURSES.values(), alone=True)
    assert found.own[0].values == {"topic_template": "mine", "name_template": NAME_TEMPLATE}


def test_names_are_those_that_the_plugin_gave() -> None:
    one = course(2, shortname="Maths 1")
    world = moodle(group(7, "Team X  a"), courses=[one])
    given = names.channel_name(NAME_TEMPLATE, one, world.groups[7], NameRules())
    assert given == plugin_name(world.groups[7], world) == "Maths_1-Team_X__a"
