"""The sample Moodle: the same every time, full of odd cases, and true to Moodle's rules."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from anyascii import anyascii

from demo.sample_moodle import create_sample_moodle
from demo.sample_moodle.builder import DAY
from demo.sample_moodle.changes import random_change
from demo.sample_moodle.scale import create_scaled_moodle
from integration.domain.state import MoodleState, RoomRole
from integration.services.sync.eligibility import Eligibility
from moodle.models import TABLES
from tests.support.moodle_rows import ENGINES, NOW, Site, new_site
from tests.support.servers import moodle_at


@pytest.fixture(autouse=True)
def _databases(django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Path:
    path = tmp_path_factory.mktemp("sample") / "moodle.sqlite3"
    with django_db_blocker.unblock():
        create_sample_moodle(path, NOW)
    return path


@pytest.fixture(scope="module")
def moodle(file: Path, django_db_blocker: Any) -> MoodleState:
    with django_db_blocker.unblock():
        return _everything(Site("sqlite", f"sqlite:///{file}"))


def _everything(site: Site, now: int = NOW) -> MoodleState:
    courses = site.ask(lambda reader: reader.find_courses(limit=10**6))
    return site.read(integrated=[course.course_id for course in courses], now=now)


def _members(moodle: MoodleState, roles: list[int]) -> dict[int, set[int]]:
    eligibility = Eligibility(moodle, dict.fromkeys(roles, RoomRole.MEMBER))
    return {group.group_id: set(eligibility.members(group)) for group in moodle.groups.values()}


# --- what is in it --------------------------------------------------------------------------------


def test_it_is_a_small_university(moodle: MoodleState) -> None:
    assert 250 <= len(moodle.people) <= 350
    assert len(moodle.courses) >= 9
    assert len({course.context_ids[1] for course in moodle.courses.values()}) >= 3
    assert 40 <= len(moodle.groups) <= 100
    assert set(moodle.role_names.values()) >= {"editingteacher", "teacher", "tutor", "manager"}


def test_nobody_in_it_can_be_reached_by_mail(moodle: MoodleState) -> None:
    addresses = {person.email for person in moodle.people.values() if not person.deleted}
    assert {email for email in addresses if not email.lower().endswith(".invalid")} == {""}


def test_it_has_every_kind_of_person_that_must_not_get_in(moodle: MoodleState) -> None:
    people = moodle.people.values()
    for odd in (
        [person for person in people if person.suspended],
        [person for person in people if person.deleted],
        [person for person in people if not person.confirmed],
        [person for person in people if person.auth == "nologin"],
        [person for person in people if person.email == ""],
        [person for person in people if person.email != person.email.lower()],
    ):
        assert odd


def test_it_has_two_people_with_one_name_and_three_with_one_address(moodle: MoodleState) -> None:
    names = [person.username for person in moodle.people.values()]
    assert names.count("anna.berg") == 2
    emails = [person.email.lower() for person in moodle.people.values()]
    assert emails.count("zwilling@campus.invalid") == 3


def test_it_has_every_state_of_an_enrolment(moodle: MoodleState) -> None:
    rows = [
        row for course in moodle.enrolments.values() for all_ in course.values() for row in all_
    ]
    assert any(row.status == 1 for row in rows)
    assert any(row.method_status == 1 for row in rows)
    assert any(row.timestart > NOW for row in rows)
    assert any(0 < row.timeend < NOW for row in rows)
    assert any(len(all_) > 1 for course in moodle.enrolments.values() for all_ in course.values())
    assert {row.method for row in rows} >= {"manual", "self", "cohort", "meta"}


def test_it_has_group_names_that_are_hard_to_tell_apart(moodle: MoodleState) -> None:
    names = [group.name for group in moodle.groups.values()]
    slugs = ["".join(filter(str.isalnum, anyascii(name).lower())) for name in names]
    assert max(map(slugs.count, slugs)) >= 4
    assert max(map(len, names)) == 254
    assert "🐘🐘🐘" in names
    assert len(set(names)) < len(names), "the same name in two courses"
    assert {group.visibility for group in moodle.groups.values()} == {0, 1, 3}


def test_it_has_hidden_and_ended_courses(moodle: MoodleState) -> None:
    courses = moodle.courses.values()
    assert any(not course.visible and course.category_visible for course in courses)
    assert any(not course.category_visible and 0 < course.enddate < NOW for course in courses)


def test_members_by_the_reader_are_members_by_plain_sql(file: Path, moodle: MoodleState) -> None:
    site = Site("sqlite", f"sqlite:///{file}")
    for role, name in moodle.role_names.items():
        found = _members(moodle, [role])
        assert found == site.truth(roles=[role]), name
    student = next(role for role, name in moodle.role_names.items() if name == "student")
    assert sum(map(len, _members(moodle, [student]).values())) > 500


# --- how it is made -------------------------------------------------------------------------------


def _rows(path: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(path)) as database:
        names = [model._meta.db_table for model in TABLES]
        return {name: database.execute(f"SELECT * FROM {name}").fetchall() for name in names}


def test_the_same_moment_gives_the_same_sample(file: Path, tmp_path: Path) -> None:
    create_sample_moodle(tmp_path / "again", NOW)
    assert _rows(tmp_path / "again") == _rows(file)


def test_another_moment_gives_the_same_members(moodle: MoodleState, tmp_path: Path) -> None:
    create_sample_moodle(tmp_path / "later", NOW + 400 * DAY)
    later = _everything(Site("sqlite", f"sqlite:///{tmp_path}/later"), NOW + 400 * DAY)
    roles = list(moodle.role_names)
    assert _members(later, roles) == _members(moodle, roles)


def test_a_file_that_is_there_is_not_overwritten(file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(FileExistsError):
        create_sample_moodle(file, NOW)
    assert file.read_bytes() == before


# --- changes --------------------------------------------------------------------------------------


@pytest.fixture(params=ENGINES)
def site(request: pytest.FixtureRequest, tmp_path: Path, file: Path) -> Site:
    """A copy of the sample, to be changed."""
    site = new_site(request.param, request, tmp_path)
    Site("sqlite", f"sqlite:///{file}").copy_to(site)
    return site


def test_after_many_changes_reader_and_plain_sql_still_agree(site: Site) -> None:
    rng = random.Random(7)
    with moodle_at(site.url, read_only=False) as connection:
        described = {random_change(connection, rng, NOW).split()[0] for _ in range(150)}
    assert len(described) >= 10, "many kinds of change"
    moodle = _everything(site, NOW + 1)
    for roles in (list(moodle.role_names), [5], [4]):
        assert _members(moodle, roles) == site.truth(NOW + 1, roles)


def test_every_change_leaves_a_row_in_moodles_log(site: Site) -> None:
    rng = random.Random(8)
    with moodle_at(site.url, read_only=False) as connection, connection.cursor() as cursor:
        for number in range(60):
            described = random_change(connection, rng, NOW + number)
            cursor.execute(
                "SELECT COUNT(*) FROM mdl_logstore_standard_log WHERE timecreated = %s",
                [NOW + number],
            )
            assert cursor.fetchone()[0] > 0, described


def test_the_same_random_numbers_give_the_same_history(file: Path, tmp_path: Path) -> None:
    histories = []
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(file.read_bytes())
        rng = random.Random(9)
        with moodle_at(f"sqlite:///{tmp_path}/{name}", read_only=False) as connection:
            histories.append([random_change(connection, rng, NOW) for _ in range(30)])
    assert histories[0] == histories[1]


# --- the large one --------------------------------------------------------------------------------


def test_the_scaled_moodle_has_real_proportions(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    site = new_site("sqlite", request, tmp_path)
    with moodle_at(site.url, read_only=False) as connection:
        made = create_scaled_moodle(connection, 1000, NOW)
    moodle = _everything(site)
    members = [len(users) for users in moodle.group_members.values()]
    assert (made.people, made.groups) == (1000, 100)
    assert made.memberships == sum(members) == 3000
    assert set(members) == {30}
    assert len(moodle.courses) == made.courses == 20
    student = {role for role, name in moodle.role_names.items() if name == "student"}
    assert _members(moodle, list(student)) == site.truth(roles=student)
    effective = sum(map(len, site.truth().values()))
    assert 0.9 < effective / made.memberships < 1
