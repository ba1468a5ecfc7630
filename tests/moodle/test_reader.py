"""What a reading of Moodle holds, in every engine, compared with what Moodle's own API says."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from demo.sample_moodle.builder import DAY, MoodleBuilder
from integration.domain.errors import ConfigurationError, SourceError
from integration.domain.identities import PersonIdentity
from integration.domain.state import EVERYTHING, MoodleState, RoomRole, Scope
from integration.services.moodle.reader import MoodleReader
from integration.services.moodle.rows import MoodleRows
from integration.services.sync.eligibility import Eligibility
from tests.support.builders import link
from tests.support.moodle_rows import ENGINES, NOW, Site, new_site, shared_site
from tests.support.servers import MariaDB, Postgres, moodle_at

Says = dict[str, Any]


@pytest.fixture(autouse=True)
def _databases(django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture(params=ENGINES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    """An empty database, one for each engine."""
    return new_site(request.param, request, tmp_path)


# --- the shared samples ---------------------------------------------------------------------------


SAMPLES = [
    *((engine, name) for engine in ENGINES for name in ("small", "small_t1")),
    *(("mariadb", name) for name in ("m41", "m41_t1", "m51", "m51_t1")),
    *(("postgresql", name) for name in ("m51pg", "m51pg_t1")),
]


@pytest.fixture(scope="module", params=SAMPLES, ids="-".join)
def sample(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: Any,
) -> tuple[Site, Says]:
    with django_db_blocker.unblock():
        engine, name = request.param
        return shared_site(engine, name, request, tmp_path_factory.mktemp("sample"))


@pytest.fixture
def reading(sample: tuple[Site, Says]) -> tuple[MoodleState, Says]:
    site, says = sample
    everybody = range(1, 60)
    courses = [course["id"] for course in says["courses"]]
    return site.read(integrated=courses, linked=everybody, now=says["generated"]), says


def test_courses_are_moodles(reading: tuple[MoodleState, Says]) -> None:
    moodle, says = reading
    expected = {
        course["id"]: (course["shortname"], course["visible"]) for course in says["courses"]
    }
    assert {c.course_id: (c.shortname, c.visible) for c in moodle.courses.values()} == expected


def test_groups_and_their_members_are_moodles(reading: tuple[MoodleState, Says]) -> None:
    moodle, says = reading
    for course in says["courses"]:
        for group in course["groups"]:
            found = moodle.groups[group["id"]]
            assert (found.course_id, found.name) == (course["id"], group["name"])
            assert found.visibility == group["visibility"]
            members = sorted(moodle.group_members[group["id"]])
            assert members == [member["userid"] for member in group["members"]]
    assert len(moodle.groups) == sum(len(course["groups"]) for course in says["courses"])


def test_enrolments_are_moodles(reading: tuple[MoodleState, Says]) -> None:
    moodle, says = reading
    for course in says["courses"]:
        assert sorted(moodle.enrolments.get(course["id"], {})) == course["enrolled"]
        assert _active(moodle, course["id"]) == course["active"]


def _active(moodle: MoodleState, course_id: int) -> list[int]:
    """The rule of Moodle's get_enrolled_users with onlyactive, which does not look at accounts."""
    return sorted(
        user_id
        for user_id, rows in moodle.enrolments.get(course_id, {}).items()
        if any(
            row.status == row.method_status == 0
            and row.timestart < moodle.read_at
            and (row.timeend == 0 or row.timeend > moodle.read_at)
            for row in rows
        )
    )


def test_accounts_are_moodles(reading: tuple[MoodleState, Says]) -> None:
    moodle, says = reading
    for course in says["courses"]:
        for group in course["groups"]:
            for member in group["members"]:
                person = moodle.people[member["userid"]]
                assert person.username == member["username"]
                assert person.suspended is member["user_suspended"]
                assert person.deleted is member["user_deleted"]
                assert person.confirmed is member["confirmed"]
                assert person.auth == member["auth"]
    assert [person.user_id for person in moodle.people.values() if person.guest] == [1]


def test_roles_of_a_course_are_those_of_its_context_and_all_above(
    reading: tuple[MoodleState, Says],
) -> None:
    moodle, says = reading
    for course in says["courses"]:
        found: dict[str, set[str]] = {}
        for context in moodle.courses[course["id"]].context_ids:
            for user_id, roles in moodle.roles[context].items():
                names = {moodle.role_names[role] for role in roles}
                found[str(user_id)] = found.get(str(user_id), set()) | names
        expected = {
            user_id: {shortname for shortname, _level, _component in roles}
            for user_id, roles in course["roles"].items()
        }
        assert found == expected


def test_the_tests_own_truth_is_moodles(sample: tuple[Site, Says]) -> None:
    site, says = sample
    expected = {
        group["id"]: {member["userid"] for member in group["members"] if member["effective"]}
        for course in says["courses"]
        for group in course["groups"]
    }
    assert site.truth(says["generated"]) == expected


@pytest.mark.parametrize(
    "names", [("student",), ("student", "teacher", "editingteacher"), ("tutor",), ("user",), ()]
)
def test_effective_members_are_those_of_plain_sql(
    sample: tuple[Site, Says], reading: tuple[MoodleState, Says], names: tuple[str, ...]
) -> None:
    moodle, says = reading
    roles = [role for role, name in moodle.role_names.items() if name in names]
    eligibility = Eligibility(moodle, dict.fromkeys(roles, RoomRole.MEMBER))
    found = {group.group_id: set(eligibility.members(group)) for group in moodle.groups.values()}
    assert found == sample[0].truth(says["generated"], roles)


# --- what a scope reads ---------------------------------------------------------------------------


def two_courses(world: MoodleBuilder) -> None:
    """People 3 and 4 in course 2, 4 and 5 in course 3, 6 nowhere, 7 in a group but not enrolled."""
    category = world.category("Science")
    for name in ("three", "four", "five", "six", "seven"):
        world.user(name, "Person", name, f"{name}@campus.invalid")
    for shortname, people in (("ONE", (3, 4)), ("TWO", (4, 5))):
        course = world.course(category, shortname, f"Course {shortname}")
        world.enrol(course, people)
        world.group(course, f"Group {shortname}", people)
    world.group(2, "Left", [7])


def test_a_course_scope_knows_its_people_in_every_integrated_course(site: Site) -> None:
    site.build(two_courses)
    moodle = site.read(Scope(courses=frozenset({2})), integrated={2, 3})
    assert set(moodle.courses) == {2, 3}
    assert {group.name for group in moodle.groups.values()} == {"Group ONE", "Left"}
    assert set(moodle.people) == {3, 4, 7}
    assert {course: set(rows) for course, rows in moodle.enrolments.items()} == {2: {3, 4}, 3: {4}}


def test_a_reading_says_the_sites_language_and_rcsyncs_time_zone(site: Site, settings: Any) -> None:
    site.build(two_courses)
    site.sql("INSERT INTO mdl_config (name, value) VALUES ('lang', 'fr')")
    settings.TIME_ZONE = "Europe/Paris"
    moodle = site.read(integrated={2})
    assert (moodle.language, moodle.time_zone) == ("fr", "Europe/Paris")


def test_a_user_scope_holds_only_these_users(site: Site) -> None:
    site.build(two_courses)
    moodle = site.read(Scope(users=frozenset({4, 6})), integrated={2, 3}, linked={3, 4, 5})
    assert set(moodle.people) == {4, 6}
    assert moodle.group_members == {1: (4,), 2: (4,), 3: ()}
    assert {course: set(rows) for course, rows in moodle.enrolments.items()} == {2: {4}, 3: {4}}
    assert all(set(holders) <= {4, 6} for holders in moodle.roles.values())


def test_what_users_are_elsewhere_is_not_read(site: Site) -> None:
    site.build(two_courses)
    moodle = site.read(Scope(users=frozenset({4})), integrated={2})
    assert moodle.group_members == {1: (4,), 3: ()}
    assert set(moodle.enrolments) == {2}
    assert set(moodle.roles) == set(moodle.courses[2].context_ids)


def test_linked_people_are_known_when_they_are_in_no_course(site: Site) -> None:
    site.build(two_courses)
    moodle = site.read(integrated={2}, linked={6, 999})
    assert set(moodle.people) == {3, 4, 6, 7}


def test_a_course_that_is_gone_is_not_among_the_courses(site: Site) -> None:
    site.build(two_courses)
    moodle = site.read(integrated={2, 77})
    assert set(moodle.courses) == {2}
    assert moodle.integrated == {2, 77}


def test_nothing_integrated_is_a_complete_reading_of_nothing(site: Site) -> None:
    site.build(two_courses)
    moodle = site.read(integrated=())
    assert (moodle.courses, moodle.groups, moodle.people) == ({}, {}, {})
    assert moodle.role_names[5] == "student"


def test_a_member_without_a_row_in_mdl_user_is_left_out(site: Site) -> None:
    site.build(two_courses)
    site.sql("DELETE FROM mdl_user WHERE id = 4")
    moodle = site.read(integrated={2, 3})
    assert moodle.group_members == {1: (3,), 2: (5,), 3: (7,)}
    assert set(moodle.enrolments[2]) == {3}


def test_every_row_of_two_enrolment_methods_is_kept(site: Site) -> None:
    def twice(world: MoodleBuilder) -> None:
        two_courses(world)
        world.enrol(2, [3], method=world.method(2, "self", on=False), suspended=True, end=NOW + DAY)

    site.build(twice)
    rows = site.read(integrated={2}).enrolments[2][3]
    assert [(row.method, row.status, row.method_status, row.timeend) for row in rows] == [
        ("manual", 0, 0, 0),
        ("self", 1, 1, NOW + DAY),
    ]


def test_a_hidden_category_and_the_dates_show_in_their_courses(site: Site) -> None:
    def hidden(world: MoodleBuilder) -> None:
        world.course(world.category("Archive", visible=False), "OLD", "Old", visible=False)
        world.course(world.category("Open"), "NEW", "New", startdate=NOW - 9, enddate=NOW)

    site.build(hidden)
    courses = site.read(integrated={2, 3}).courses
    assert (courses[2].visible, courses[2].category_visible) == (False, False)
    assert (courses[3].visible, courses[3].category_visible) == (True, True)
    assert (courses[2].startdate, courses[2].enddate) == (0, 0)
    assert (courses[3].startdate, courses[3].enddate) == (NOW - 9, NOW)


def test_a_role_given_twice_is_held_once(site: Site) -> None:
    def twice(world: MoodleBuilder) -> None:
        two_courses(world)
        world.enrol(2, [3], method=world.method(2, "cohort"))

    site.build(twice)
    moodle = site.read(integrated={2})
    assert moodle.roles[moodle.courses[2].context_ids[-1]][3] == (5,)


def test_a_course_without_context_path_is_refused_by_name(site: Site) -> None:
    site.build(two_courses)
    site.sql("UPDATE mdl_context SET path = NULL WHERE contextlevel = 50 AND instanceid = 3")
    with pytest.raises(SourceError, match=r"Course 3 \(TWO\) has no path in mdl_context.*cron"):
        site.read(integrated={2, 3})
    assert site.read(Scope(courses=frozenset({2})), integrated={2, 3}).courses[3].context_ids == ()


# --- how it is read -------------------------------------------------------------------------------


def many_courses(world: MoodleBuilder, courses: int = 50) -> None:
    """Each course with three groups of four of its people. Rows of one group lie far apart."""
    category = world.category("Science")
    people = [world.user(f"P{n}", "Person", f"p{n}", f"p{n}@campus.invalid") for n in range(60)]
    late: dict[int, list[int]] = {}
    for number in range(courses):
        course = world.course(category, f"C{number}", f"Course {number}")
        enrolled = [people[(number * 7 + step * 5) % 60] for step in range(12)]
        world.enrol(course, enrolled)
        for part in range(3):
            early, others = enrolled[part:6:3], enrolled[part + 6 :: 3]
            late[world.group(course, f"Group {part}", early)] = others
    for group_id, others in late.items():
        world.join(group_id, others)


@pytest.mark.parametrize("page_size", [1, 3, 4, 1000])
def test_no_row_is_lost_or_doubled_at_the_borders_of_pages(site: Site, page_size: int) -> None:
    site.build(lambda world: many_courses(world, 5))
    courses = range(2, 7)
    assert site.read(integrated=courses, page_size=page_size) == site.read(integrated=courses)


def test_what_a_link_knows_of_a_person_is_kept_once_and_changes_nothing(site: Site) -> None:
    site.build(two_courses)
    expected = site.read(integrated={2, 3})
    made = expected.people[3].timecreated
    known = {
        3: link(3, identity=PersonIdentity(made, "three", "three@campus.invalid")),
        4: link(4, identity=PersonIdentity(made + 1, "renamed", "moved@campus.invalid", "12")),
        5: link(5),
    }

    def read(reader: MoodleReader) -> MoodleState:
        return reader.read(EVERYTHING, integrated={2, 3}, linked_users=(), known=known)

    found = site.ask(read)
    assert found == expected
    assert found.people[3].username is known[3].known_username
    assert found.people[3].email is known[3].known_email
    assert found.people[3].timecreated is known[3].known_timecreated
    assert found.people[4].email is not known[4].known_email


def test_the_number_of_queries_does_not_grow_with_the_courses(site: Site) -> None:
    site.build(many_courses)
    assert _statements(site, range(2, 3)) == _statements(site, range(2, 52)) < 20


def test_a_course_knows_its_categories_from_the_top_also_while_moodle_builds_the_path(
    site: Site,
) -> None:
    def nested(world: MoodleBuilder) -> None:
        parents = [0]
        for name in ("Science", "Biology", "Year 1"):
            parents.append(world.category(name, parents[-1]))
        world.course(parents[-1], "BIO", "Biology")

    site.build(nested)
    assert site.read(integrated=[2]).courses[2].categories == (1, 2, 3)
    site.sql("UPDATE mdl_course_categories SET path = '' WHERE id = 3")
    assert site.read(integrated=[2]).courses[2].categories == (2, 3)
    site.sql("DELETE FROM mdl_course_categories")
    found = site.read(integrated=[2]).courses[2]
    assert (found.categories, found.category_visible) == ((3,), True)


def _statements(site: Site, integrated: range) -> int:
    with moodle_at(site.url) as connection:
        connection.ensure_connection()
        connection.force_debug_cursor = True
        MoodleReader(lambda: NOW).read(EVERYTHING, integrated=integrated, linked_users=())
        return len(connection.queries)


class Interruption:
    """Does something to the server amid a reading, just before the people are read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, action: Any, times: int = 1) -> None:
        self.count = 0
        people = MoodleRows.people

        def interrupted(rows: MoodleRows, *args: Any) -> Any:
            self.count += 1
            if self.count <= times:
                action()
            return people(rows, *args)

        monkeypatch.setattr(MoodleRows, "people", interrupted)


@pytest.fixture(params=["mariadb", "postgresql"])
def served_site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    site = new_site(request.param, request, tmp_path)
    site.build(two_courses)
    return site


def test_a_change_while_reading_is_not_seen(
    served_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, database = served_site.server, served_site.database
    assert server is not None
    Interruption(
        monkeypatch,
        lambda: server.sql(
            "UPDATE mdl_user SET firstname = 'Changed'; DELETE FROM mdl_role", database
        ),
    )
    moodle = served_site.read(integrated={2, 3})
    assert moodle.people[3].firstname == "three"
    assert moodle.role_names[5] == "student"


def _kill(site: Site) -> None:
    """End every connection to the site's database, as a restart of the server does."""
    if isinstance(site.server, MariaDB):
        ids = site.server.sql(
            f"SELECT id FROM information_schema.processlist WHERE db = '{site.database}'"
        )
        site.server.sql("".join(f"KILL {number};" for number in ids.split()[1:]))
    elif isinstance(site.server, Postgres):
        site.server.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{site.database}'"
        )


def test_a_dropped_connection_is_opened_again_and_the_whole_reading_repeated(
    served_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = served_site.read(integrated={2, 3})
    drop = Interruption(monkeypatch, lambda: _kill(served_site))
    assert served_site.read(integrated={2, 3}) == expected
    assert drop.count == 2


def test_a_connection_that_drops_twice_ends_the_reading(
    served_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop = Interruption(monkeypatch, lambda: _kill(served_site), times=2)
    with pytest.raises(SourceError, match="connection to Moodle's database was lost while reading"):
        served_site.read(integrated={2, 3})
    assert drop.count == 2


# --- look-ups -------------------------------------------------------------------------------------


def test_a_course_is_found_by_id_or_exact_short_name(site: Site) -> None:
    def odd(world: MoodleBuilder) -> None:
        two_courses(world)
        world.course(1, "3", "A number for a name")
        world.course(1, "🐘", "Elephant")
        world.course(1, "😀", "All emoji are equal to MySQL")

    site.build(odd)

    def found(*texts: str) -> list[int | None]:
        return site.ask(lambda reader: [reader.resolve_course(text) for text in texts])

    assert found("2", "ONE", " TWO ", "🐘", "😀") == [2, 2, 3, 5, 6]
    assert found("id:3", "shortname:3", "shortname: ONE") == [3, 4, 2]
    assert found("one", "99", "") == [None, None, None]
    assert found("1", "campus") == [None, None], "the site itself is no course"


def test_a_text_that_means_two_courses_is_said_and_the_first_does_not_win(site: Site) -> None:
    def odd(world: MoodleBuilder) -> None:
        two_courses(world)
        world.course(1, "3", "A number for a name")
        world.course(1, "DUP", "One")
        world.course(1, "DUP", "Other")

    site.build(odd)
    for text, several in (
        ("3", "id 3 (shortname 'TWO'), id 4 (shortname '3')"),
        ("DUP", "id 5 (shortname 'DUP'), id 6 (shortname 'DUP')"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            site.ask(partial(MoodleReader.resolve_course, text=text))
        assert caught.value.message == f"'{text}' is ambiguous: {several}."
        assert caught.value.hint.startswith("Name one, for example id:")
    assert site.ask(lambda reader: reader.resolve_course("id:6")) == 6


def test_a_text_that_means_two_people_is_said_and_the_id_does_not_win(site: Site) -> None:
    def odd(world: MoodleBuilder) -> None:
        two_courses(world)
        world.user("Number", "Three", "3", "three@campus.invalid")
        world.user("Number", "Four", "4", "four@partner.invalid", mnethostid=2)

    site.build(odd)
    several = r"id 3 \(username 'three'\), id 8 \(username '3'\)"
    with pytest.raises(ConfigurationError, match=several):
        site.ask(lambda reader: reader.resolve_user("3"))
    assert site.ask(lambda reader: reader.resolve_user("id:3")) == 3
    assert site.ask(lambda reader: reader.resolve_user("username:3")) == 8
    assert site.ask(lambda reader: reader.resolve_user("username:4")) is None, "of another host"
    assert site.ask(lambda reader: reader.resolve_user("4")) == 4


def test_a_user_is_found_by_id_or_exact_name_at_this_site(site: Site) -> None:
    def twins(world: MoodleBuilder) -> None:
        world.user("Anna", "Berg", "anna", "a@partner.invalid", mnethostid=2, auth="mnet")
        world.user("Anna", "Berg", "anna", "a@campus.invalid")

    site.build(twins)
    assert site.ask(lambda reader: reader.resolve_user("anna")) == 4
    assert site.ask(lambda reader: reader.resolve_user("Anna")) is None
    assert site.ask(lambda reader: reader.resolve_user("3")) == 3


def test_courses_are_found_by_words_and_category(site: Site) -> None:
    def nested(world: MoodleBuilder) -> None:
        science = world.category("Science")
        computing = world.category("Computing", science)
        world.course(science, "BIO", "Biology ÉTÉ")
        world.course(computing, "CS1", "Computing, biology students")
        world.course(world.category("Arts"), "ART", "Painting")

    site.build(nested)

    def found(*args: Any, **options: Any) -> list[int]:
        courses = site.ask(lambda reader: reader.find_courses(*args, **options))
        return [course.course_id for course in courses]

    assert found() == [2, 3, 4]
    assert found("BIOLOGY") == [2, 3]
    assert found("biology été") == [2]
    assert found("biology", limit=1) == [2]
    assert found(category=1) == [2, 3]
    assert found(category=2) == [3]
    assert site.ask(lambda reader: reader.categories()) == {
        1: "Science",
        2: "Science / Computing",
        3: "Arts",
    }


def test_roles_come_in_moodles_order(site: Site) -> None:
    site.build(two_courses)
    site.sql("UPDATE mdl_role SET sortorder = 0 WHERE shortname = 'student'")
    assert list(site.ask(lambda reader: reader.roles()).values())[:2] == ["student", "manager"]
