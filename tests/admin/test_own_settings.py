"""The pages on which a category or a course gets settings of its own."""

from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from integration.domain.errors import SourceError
from integration.models import (
    AuditEntry,
    GroupRegexFilter,
    IntegratedCategory,
    IntegratedCourse,
    LevelSettings,
)
from integration.services.ledger.level_settings import own_settings
from integration.services.moodle.reader import MoodleReader
from tests.support.site import Site, moodle_rows

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


def number_of(category: str) -> int:
    return int(moodle_rows(f"SELECT id FROM mdl_course_categories WHERE name = '{category}'")[0][0])


def course_number(shortname: str = "CS101") -> int:
    return int(moodle_rows(f"SELECT id FROM mdl_course WHERE shortname = '{shortname}'")[0][0])


def category_page(name: str = "Computing") -> str:
    return f"/admin/own-settings/category/{number_of(name)}/"


def course_page(shortname: str = "CS101") -> str:
    return f"/admin/own-settings/course/{course_number(shortname)}/"


def inherited(page: Any) -> dict[str, tuple[str, str]]:
    """Setting -> (where it is from, what it is)."""
    return {
        row["name"]: (row["inherited"].origin, row["inherited"].in_words)
        for row in page.context["form"].rows()
    }


def post(client: Client, address: str, *own: str, **fields: Any) -> Any:
    return client.post(address, {"own": own, **fields})


def test_a_setting_says_where_it_comes_from(administrator: Client, chosen: Site) -> None:
    assert inherited(administrator.get(course_page()))["name_template"] == (
        "as the site",
        "{course}-{group}",
    )
    post(
        administrator,
        category_page("Faculty of Science"),
        "name_template",
        name_template="a-{group}",
    )
    assert inherited(administrator.get(category_page()))["name_template"] == (
        "from the category “Faculty of Science”",
        "a-{group}",
    )
    template = {"announcement_template": "{group} " * 50}
    post(administrator, category_page(), "topic_template", *template, topic_template="", **template)
    found = inherited(administrator.get(course_page()))
    assert found["name_template"] == ("from the category “Faculty of Science”", "a-{group}")
    assert found["topic_template"] == ("from the category “Computing”", "—")
    assert found["announcement_template"][0] == "from the category “Computing”"
    assert found["description_template"] == ("as the site", "—")
    assert found["patterns"] == ("as the site", "+ .*")


def test_only_what_is_ticked_becomes_its_own(administrator: Client, chosen: Site) -> None:
    answer = post(
        administrator,
        course_page(),
        "name_template",
        "private_channels",
        "whole_course",
        "on_course_ended",
        "on_course_not_begun",
        whole_course="yes",
        name_template="x-{group}",
        topic_template="never sent by a page without the tick",
        private_channels="no",
        on_course_ended="",
        on_course_not_begun="read_only",
        on_course_hidden="archive",
    )
    assert answer.status_code == 302
    (own,) = own_settings()
    assert own.values == {
        "name_template": "x-{group}",
        "private_channels": False,
        "whole_course": True,
        "on_course_ended": None,
        "on_course_not_begun": "read_only",
    }
    post(administrator, course_page(), "private_channels", private_channels="no")
    (own,) = own_settings()
    assert own.values == {"private_channels": False}, "what is no longer ticked is inherited"
    post(administrator, course_page())
    assert own_settings() == ()


def test_patterns_and_roles_of_a_level(administrator: Client, chosen: Site) -> None:
    roles = {"role": ["5"], "room_role_5": "moderator", "room_role_3": "owner"}
    patterns = {"include_patterns": "^Seminar\r\n/^lab/i", "exclude_patterns": " 5$"}
    post(administrator, course_page(), "roles", "patterns", **roles, **patterns)
    (own,) = own_settings()
    assert own.values["roles"] == {5: "moderator"}
    assert [(one.text, one.exclude) for one in own.values["patterns"]] == [
        ("^Seminar", False),
        ("/^lab/i", False),
        (" 5$", True),
    ]


@pytest.mark.parametrize(
    ("own", "fields", "says"),
    [
        ("name_template", {"name_template": " "}, "required"),
        ("name_template", {"name_template": "x" * 201}, "at most 200"),
        ("patterns", {"include_patterns": "("}, "not valid"),
        ("patterns", {"include_patterns": "\n"}, "at least one"),
        ("patterns", {"include_patterns": ".", "exclude_patterns": "["}, "not valid"),
        ("roles", {}, "at least one role"),
        ("on_course_hidden", {"on_course_hidden": "delete"}, "valid choice"),
        ("on_group_deleted", {"on_group_deleted": ""}, "required"),
    ],
)
def test_what_the_sync_could_not_use_is_refused(
    administrator: Client, chosen: Site, own: str, fields: dict[str, str], says: str
) -> None:
    page = post(administrator, course_page(), own, **fields)
    assert page.status_code == 200
    assert says in page.content.decode()
    assert not LevelSettings.objects.exists()


def test_a_category_cannot_say_what_a_course_that_is_gone_leaves(
    administrator: Client, chosen: Site
) -> None:
    post(administrator, category_page(), "on_course_deleted", on_course_deleted="keep")
    assert own_settings() == ()
    post(administrator, course_page(), "on_course_deleted", on_course_deleted="keep")
    assert own_settings()[0].values == {"on_course_deleted": "keep"}


def test_who_may_only_look_sees_them_and_changes_nothing(
    viewer: Client, operator: Client, chosen: Site
) -> None:
    for client in (viewer, operator):
        page = client.get(category_page())
        assert page.status_code == 200
        assert "Save" not in page.content.decode()
        answer = post(client, category_page(), "name_template", name_template="x-{group}")
        assert answer.status_code == 403
    assert own_settings() == ()
    assert Client().get(category_page()).status_code == 302


def test_a_change_is_in_the_audit_trail_with_who_made_it(
    administrator: Client, chosen: Site
) -> None:
    post(administrator, category_page(), "name_template", name_template="x-{group}")
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.after["name_template"]) == ("create_levelsettings", "x-{group}")
    assert "admin" in str(entry.actor)


def test_the_examples_are_those_of_the_level_under_its_own_patterns(
    administrator: Client, chosen: Site
) -> None:
    post(administrator, course_page(), "patterns", include_patterns="^Seminar group 1$")
    found = administrator.post(f"{course_page()}names/", {"template": "own-{group}"}).json()
    assert [(one["course"], one["name"]) for one in found["examples"]] == [
        ("CS101", "own-Seminar-group-1")
    ]
    found = administrator.post(f"{category_page('Language centre')}names/", {"template": "x"})
    assert "No integrated course here" in found.json()["error"]


def test_what_does_not_exist_in_moodle_has_no_page(administrator: Client, chosen: Site) -> None:
    for kind in ("category", "course"):
        assert administrator.get(f"/admin/own-settings/{kind}/999999/").status_code == 404


def test_the_list_names_the_categories_and_every_level_with_its_own(
    administrator: Client, chosen: Site
) -> None:
    post(administrator, category_page("Archive"), "private_channels", private_channels="no")
    post(administrator, course_page(), "name_template", name_template="x-{group}")
    page = administrator.get("/admin/own-settings/")
    lines = [(line.name, line.own) for line in page.context["found"]]
    assert lines[0] == ("Archive", ("private channels: No",))
    assert ("Faculty of Science / Computing", ()) in lines
    assert "channel name: x" in page.content.decode()
    page = administrator.get("/admin/own-settings/?search=comp+SCI")
    assert [line.name for line in page.context["found"]] == ["Faculty of Science / Computing"]


def test_the_page_of_the_course_says_what_is_its_own_and_leads_there(
    administrator: Client, chosen: Site
) -> None:
    post(administrator, category_page(), "name_template", name_template="x-{group}")
    row = IntegratedCourse.objects.get(course_id=course_number())
    page = administrator.get(f"/admin/integration/integratedcourse/{row.pk}/change/")
    text = page.content.decode()
    assert "channel name: x-{group}, set for the category “Computing”." in text
    assert course_page() in text


def test_the_number_of_queries_does_not_grow(administrator: Client, chosen: Site) -> None:
    def queries(address: str) -> int:
        with (
            CaptureQueriesContext(connections["default"]) as ours,
            CaptureQueriesContext(connections["moodle"]) as moodles,
        ):
            assert administrator.get(address).status_code == 200
        return len(ours) + len(moodles)

    addresses = ("/admin/own-settings/", course_page(), category_page())
    for address in addresses:
        queries(address)  # the first time, some things are made or remembered
    before = [queries(address) for address in addresses]
    for number in range(100, 140):
        LevelSettings.objects.create(level="course", moodle_id=number, name_template="x")
        LevelSettings.objects.create(level="category", moodle_id=number, name_template="x")
        GroupRegexFilter.objects.create(pattern=f"x{number}")
    assert [queries(address) for address in addresses] == before


def test_without_moodle_the_page_says_so(
    administrator: Client, chosen: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_reader: MoodleReader) -> None:
        raise SourceError("Moodle is away.")

    address = course_page()
    monkeypatch.setattr(MoodleReader, "categories", away)
    for one in (address, "/admin/own-settings/"):
        assert "Moodle is away." in administrator.get(one).content.decode()


# ── A category with what comes later ─────────────────────────────────────────────────────────────


def joins_address() -> str:
    return f"/admin/category/{number_of('Computing')}/joins/"


def test_a_category_is_integrated_with_what_is_there_and_what_comes_later(
    administrator: Client, site: Site
) -> None:
    answer = administrator.post(
        joins_address(),
        {"joins-enabled": "on", "joins-skip_hidden": "on", "joins-skip_matching": "^MA"},
        follow=True,
    )
    inside = moodle_rows(
        f"SELECT shortname FROM mdl_course WHERE category = {number_of('Computing')} "
        "AND visible = 1 AND shortname NOT LIKE 'MA%'"
    )
    names = set(IntegratedCourse.objects.values_list("shortname", flat=True))
    assert names == {name for (name,) in inside} != set()
    assert f"{len(names)} course" in answer.content.decode()
    assert "join by themselves" in answer.content.decode()
    assert "new courses join" in administrator.get("/admin/own-settings/").content.decode()


def test_a_pattern_that_cannot_be_used_is_said_and_nothing_joins(
    administrator: Client, site: Site
) -> None:
    answer = administrator.post(
        joins_address(), {"joins-enabled": "on", "joins-skip_matching": "("}, follow=True
    )
    assert "not valid" in answer.content.decode()
    assert not IntegratedCategory.objects.exists()
    assert not IntegratedCourse.objects.exists()


def test_only_who_may_add_courses_integrates_a_category(viewer: Client, site: Site) -> None:
    assert viewer.post(joins_address(), {"joins-enabled": "on"}).status_code == 403
    assert not IntegratedCategory.objects.exists()
