"""Every recorded kind of row of Moodle's log, and where it sends us to look."""

import pytest

from integration.domain.state import Scope
from integration.services.background.queue import union
from integration.services.events import log_payload
from integration.services.events.hints import Hint, LogRow, hint_of
from integration.services.events.scopes import MOST_GROUPS, scopes_of
from integration.services.ledger.runs import scope_as_json

EVERYTHING = Hint()
DELETED = (
    '{"userenrolment":{"id":"117","status":"1","enrolid":"23","userid":"32","courseid":"8",'
    '"lastenrol":true},"enrol":"meta"}'
)
DELETED_PHP = (
    'a:2:{s:13:"userenrolment";a:3:{s:2:"id";s:3:"117";s:6:"userid";s:2:"32";'
    's:9:"lastenrol";b:1;}s:5:"enrol";s:4:"meta";}'
)

# id | eventname | objecttable | objectid | crud | contextlevel | contextinstanceid | userid |
# courseid | relateduserid | other: rows of a real Moodle 4.5.
RECORDED = [
    ("103|user_created|user|55|c|30|55|2|0|55|null", None),
    ("547|user_updated|user|28|u|30|28|2|0|28|null", Hint(None, 28)),
    ('565|user_deleted|user|32|d|30|32|2|0|32|{"username":"del.eted"}', Hint(None, 32)),
    (
        '372|user_enrolment_created|user_enrolments|135|c|50|8|2|8|55|{"enrol":"meta"}',
        Hint(8, 55),
    ),
    (
        '559|user_enrolment_updated|user_enrolments|117|u|50|8|2|8|32|{"enrol":"meta"}',
        Hint(8, 32),
    ),
    (f"564|user_enrolment_deleted|user_enrolments|117|d|50|8|2|8|32|{DELETED}", Hint(8, 32)),
    ("132|group_created|groups|29|c|50|8|2|8|NULL|null", Hint(8)),
    ("566|group_updated|groups|15|u|50|2|2|2|NULL|null", Hint(2, None, 15)),
    ("568|group_deleted|groups|14|d|50|2|2|2|NULL|null", Hint(2)),
    (
        '529|group_member_added|groups|29|c|50|8|2|8|34|{"component":"","itemid":0}',
        Hint(8, 34),
    ),
    ("567|group_member_removed|groups|2|d|50|2|2|2|8|null", Hint(2, 8)),
    (
        '572|role_assigned|role|4|c|50|8|2|8|12|{"id":139,"component":"enrol_meta","itemid":"23"}',
        Hint(8, 12),
    ),
    (
        '570|role_unassigned|role|4|d|50|8|2|8|12|{"id":"98","component":"enrol_meta"}',
        Hint(8, 12),
    ),
    (
        '319|role_assigned|role|1|c|40|2|2|0|48|{"id":85,"component":"","itemid":0}',
        Hint(None, 48),
    ),
    ('546|enrol_instance_updated|enrol|6|u|50|3|2|3|NULL|{"enrol":"self"}', Hint(3)),
    ("548|cohort_member_removed|cohort|1|d|10|0|2|0|44|null", Hint(None, 44)),
    ('45|course_created|course|8|c|50|8|2|8|NULL|{"shortname":"META-BIO"}', None),
    ('613|course_updated|course|6|u|50|6|2|6|NULL|{"updatedfields":{"visible":0}}', Hint(6)),
    ('641|course_deleted|course|7|d|50|7|2|7|NULL|{"shortname":"OLD2019"}', Hint(7)),
    ("700|course_category_updated|course_categories|5|u|40|5|2|0|NULL|null", EVERYTHING),
]


def row(text: str) -> LogRow:
    cells = [None if cell == "NULL" else cell for cell in text.split("|", 10)]
    number, name, _table, object_id, _crud, level, instance, _who, course, related, told = cells
    assert number
    assert level
    assert instance
    return LogRow(
        int(number),
        f"\\core\\event\\{name}",
        int(object_id or 0) or None,
        int(level),
        int(instance),
        None if course is None else int(course),
        None if related is None else int(related),
        told,
        1795350090,
    )


NAMES = [text.split("|")[1] for text, _ in RECORDED]


@pytest.mark.parametrize(("text", "hint"), RECORDED, ids=NAMES)
def test_every_recorded_row_says_where_to_look(text: str, hint: Hint | None) -> None:
    assert hint_of(row(text)) == hint


@pytest.mark.parametrize("told", [DELETED, DELETED_PHP], ids=["json", "php"])
def test_a_row_without_a_person_is_helped_out_by_what_was_deleted(told: str) -> None:
    text = f"564|user_enrolment_deleted|user_enrolments|117|d|50|8|2|8|NULL|{told}"
    assert hint_of(row(text)) == Hint(8, 32)


def test_a_row_without_a_course_is_helped_out_by_its_context() -> None:
    assert hint_of(row("1|role_assigned|role|4|c|50|8|2|NULL|12|null")) == Hint(8, 12)


def test_events_of_plugins_and_of_no_interest_send_us_nowhere() -> None:
    viewed = row("1|course_viewed|course|8|r|50|8|2|8|NULL|null")
    assert hint_of(viewed) is None
    assert hint_of(viewed._replace(eventname="\\mod_forum\\event\\group_created")) is None


# ── The column `other` ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (None, {}),
        ("", {}),
        ("null", {}),
        ("N;", {}),
        ('{"component":"","itemid":0}', {"component": "", "itemid": 0}),
        ('a:1:{s:5:"enrol";s:6:"manual";}', {"enrol": "manual"}),
        ('a:2:{s:9:"component";s:0:"";s:6:"itemid";i:-3;}', {"component": "", "itemid": -3}),
        ('a:1:{s:4:"name";s:7:"Équipe";}', {"name": "Équipe"}),  # lengths are bytes
        ('a:1:{s:1:"a";a:1:{i:0;N;}}', {"a": {"0": None}}),
        ('a:2:{s:1:"b";b:1;s:1:"d";d:0.5;}', {"b": True, "d": 0.5}),
        ('O:8:"stdClass":1:{s:1:"a";i:1;}', {}),  # objects are never made
        ('a:9:{s:1:"a";', {}),
        ('{"cut":', {}),
        ("[1]", {}),
        ("a:1:" * 5000, {}),
        ('s:99999:"x";', {}),
    ],
)
def test_other_is_read_as_json_and_as_php_and_nonsense_is_nothing(
    told: str | None, found: dict[str, object]
) -> None:
    assert log_payload.parse(told) == found


@pytest.mark.parametrize(
    ("value", "number"),
    [(23, 23), ("23", 23), ("", None), (None, None), (True, None), ("2x", None)],
)
def test_numbers_come_as_ints_or_digits(value: object, number: int | None) -> None:
    assert log_payload.number(value) == number


def test_a_group_that_changed_is_a_run_about_its_channel_alone() -> None:
    found = scopes_of([Hint(2, None, 15), Hint(3, None, 16)], frozenset({2}))
    assert found == [Scope(frozenset({2}), frozenset(), frozenset({15}))]


def test_a_group_of_a_course_that_is_looked_at_whole_needs_no_run_of_its_own() -> None:
    assert scopes_of([Hint(2, None, 15), Hint(2)], frozenset({2})) == [Scope(frozenset({2}))]


def test_a_person_and_a_channel_are_one_run() -> None:
    found = scopes_of([Hint(2, None, 15), Hint(3, 7)], frozenset({2, 3}))
    assert found == [Scope(frozenset({2, 3}), frozenset({7}), frozenset({15}))]


def test_many_groups_of_a_course_are_looked_at_as_the_course() -> None:
    hints = [Hint(2, None, number) for number in range(1, MOST_GROUPS + 2)]
    assert scopes_of(hints, frozenset({2})) == [Scope(frozenset({2}))]


def test_a_merged_scope_keeps_the_channels_of_both() -> None:
    one = scope_as_json(Scope(frozenset({2}), frozenset(), frozenset({15})))
    other = scope_as_json(Scope(frozenset({3}), frozenset({7})))
    assert union(one, other) == {"courses": [2, 3], "users": [7], "groups": [15]}
