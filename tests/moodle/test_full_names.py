"""Names as Moodle shows them: the site's setting `fullnamedisplay`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.sample_moodle.builder import MoodleBuilder
from integration.services.moodle.full_names import fields_of, full_name, name_format
from tests.support.moodle_rows import ENGINES, Site, new_site

WANG = {"firstname": "小明", "lastname": "王", "middlename": "", "alternatename": "Max"}


@pytest.mark.parametrize(
    ("setting", "language", "shown"),
    [
        ("language", "en", "小明 王"),
        ("", "de", "小明 王"),
        ("language", "zh_cn", "王小明"),
        ("language", "zh_tw", "王小明"),
        ("lastname firstname", "en", "王 小明"),
        ("lastname, firstname", "zh_cn", "王, 小明"),
        ("firstname middlename lastname", "en", "小明 王"),
        ("firstname (middlename) lastname", "en", "小明 王"),
        ("firstname lastname (alternatename)", "en", "小明 王 (Max)"),
        ("firstname 「middlename」", "en", "小明"),
        ("firstname-lastnamephonetic", "en", "小明"),
        ("middlename", "en", ""),
    ],
)
def test_a_name_is_shown_as_the_site_says(setting: str, language: str, shown: str) -> None:
    assert full_name(name_format(setting, language), WANG) == shown


def test_a_name_that_holds_the_name_of_a_field_is_left_alone() -> None:
    values = {"firstname": "lastname", "lastname": "\x01Q(uirk)"}
    assert full_name("firstname lastname", values) == "lastname \x01Q(uirk)"


def test_only_the_fields_of_the_pattern_are_read() -> None:
    assert fields_of("lastname firstname (lastnamephonetic, lastname)") == (
        "lastname",
        "firstname",
        "lastnamephonetic",
    )


@pytest.fixture(params=ENGINES)
def site(request: pytest.FixtureRequest, tmp_path: Path, django_db_blocker: Any) -> Iterator[Site]:
    with django_db_blocker.unblock():
        site = new_site(request.param, request, tmp_path)
        site.build(one_course)
        yield site


def one_course(world: MoodleBuilder) -> None:
    course = world.course(world.category("Science"), "BIO", "Biology")
    wang = world.user("小明", "王", "wang", "wang@campus.invalid", alternatename="Max")
    anna = world.user("Anna", "Berg", "anna", "anna@campus.invalid")
    world.enrol(course, [wang, anna])


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        (None, ["小明 王", "Anna Berg"]),
        ("lastname firstname (alternatename)", ["王 小明 (Max)", "Berg Anna"]),
    ],
)
def test_people_are_read_with_the_names_that_moodle_shows(
    site: Site, setting: str | None, names: list[str]
) -> None:
    if setting is not None:
        site.sql(f"INSERT INTO mdl_config (name, value) VALUES ('fullnamedisplay', '{setting}')")
    moodle = site.read(integrated={2}, linked={3, 4})
    assert [moodle.people[number].name for number in (3, 4)] == names
