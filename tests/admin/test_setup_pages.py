"""Setting up by the pages: connections, roles, courses, patterns and names, always from Moodle
itself.
"""

import json
from typing import Any

import pytest
from django.test import Client

from integration.models import GroupRegexFilter, IncludedRole, IntegratedCourse
from tests.support.site import Site, moodle_rows

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


def number(table: str, shortname: str) -> int:
    return int(moodle_rows(f"SELECT id FROM mdl_{table} WHERE shortname = '{shortname}'")[0][0])


def answer(client: Client, url: str, **data: str) -> dict[str, Any]:
    return dict(json.loads(client.post(url, data).content))


def patterns(client: Client, text: str, **data: str) -> dict[str, Any]:
    given = {"pattern": text, "kind": "include", "enabled": "on", **data}
    return answer(client, "/admin/preview/pattern/", **given)


def test_the_start_page_of_an_empty_installation_leads_through_set_up(
    administrator: Client, site: Site
) -> None:
    page = administrator.get("/admin/")
    # Rocket.Chat's step is done once the connection was tested.
    assert [step.done for step in page.context["steps"]] == [True, *[False] * 7]
    assert page.context["next_step"].title == "Connect Rocket.Chat"


def test_testing_the_connections_shows_each_check_with_its_fix(
    administrator: Client, site: Site
) -> None:
    site.chat.configure(permissions={"create-user": []})
    html = administrator.get("/admin/checks/").content.decode()
    assert "Permission create-user" in html
    assert "does not work yet" in html
    assert "No role is included" in html


def test_a_server_that_does_not_answer_is_a_finding_and_no_error_page(
    administrator: Client, site: Site, settings: Any
) -> None:
    settings.ROCKETCHAT = settings.ROCKETCHAT | {"url": "http://127.0.0.1:9"}
    page = administrator.get("/admin/checks/")
    assert page.status_code == 200
    assert "does not work yet" in page.content.decode()


def test_without_moodle_the_choosers_say_what_is_missing(
    administrator: Client, site: Site, settings: Any
) -> None:
    settings.MOODLE_CONFIGURED = False
    for url in ("/admin/choose-roles/", "/admin/add-courses/", "/admin/why/?search=a"):
        page = administrator.get(url)
        assert page.status_code == 200
        assert "MOODLE_DATABASE_URL" in page.content.decode(), url


def test_roles_come_from_moodle_with_the_people_who_hold_them(
    administrator: Client, chosen: Site
) -> None:
    choices = administrator.get("/admin/choose-roles/").context["choices"]
    student = next(choice for choice in choices if choice.shortname == "student")
    assert student.name == "Student"
    assert student.room_role == "member"
    rows = moodle_rows(
        "SELECT COUNT(DISTINCT a.userid) FROM mdl_role_assignments a "
        "JOIN mdl_context x ON x.id = a.contextid AND x.contextlevel = 50 "
        "JOIN mdl_course c ON c.id = x.instanceid AND c.shortname IN ('CS101', 'MA110') "
        f"WHERE a.roleid = {student.role_id}"
    )
    assert student.holders == rows[0][0] > 0


def test_ticked_roles_are_included_with_their_channel_role_and_others_are_not(
    administrator: Client, chosen: Site
) -> None:
    teacher = number("role", "editingteacher")
    administrator.post("/admin/choose-roles/", {"role": [teacher], f"room_role_{teacher}": "owner"})
    included = IncludedRole.objects.filter(enabled=True)
    assert [(row.role_id, row.room_role) for row in included] == [(teacher, "owner")]


def test_a_viewer_may_look_at_roles_and_not_choose(viewer: Client, chosen: Site) -> None:
    before = list(IncludedRole.objects.values_list("shortname", "enabled"))
    viewer.post("/admin/choose-roles/", {"role": [number("role", "student")]})
    assert list(IncludedRole.objects.values_list("shortname", "enabled")) == before


def test_courses_are_found_by_name_and_category_and_added_several_at_once(
    administrator: Client, site: Site
) -> None:
    found = administrator.get("/admin/add-courses/?search=programming").context["found"]
    assert [choice.course.shortname for choice in found] == ["CS101"]
    ids = [number("course", "CS101"), number("course", "MA110")]
    administrator.post("/admin/add-courses/", {"course": ids})
    assert set(IntegratedCourse.objects.values_list("course_id", flat=True)) == set(ids)
    assert IntegratedCourse.objects.get(course_id=ids[0]).fullname == "Introduction to Programming"
    administrator.post("/admin/add-courses/", {"course": ids})
    assert IntegratedCourse.objects.count() == 2


def test_a_whole_category_is_added_with_what_is_below_it(administrator: Client, site: Site) -> None:
    top = moodle_rows("SELECT id FROM mdl_course_categories WHERE name = 'Faculty of Science'")
    administrator.post("/admin/add-courses/", {"whole_category": top[0][0]})
    added = set(IntegratedCourse.objects.values_list("shortname", flat=True))
    assert {"CS101", "MA110", "BIO-LAB"} <= added
    assert "HIST150" not in added


def test_an_operator_may_not_add_courses(operator: Client, site: Site) -> None:
    assert operator.get("/admin/add-courses/").status_code == 403
    assert operator.post("/admin/add-courses/", {"course": [2]}).status_code == 403


def test_the_pattern_preview_says_which_group_matches_and_which_pattern_decides(
    viewer: Client, chosen: Site
) -> None:
    GroupRegexFilter.objects.all().delete()
    found = patterns(viewer, "^Seminar")
    verdicts = {row["group"]: (row["verdict"], row["by"]) for row in found["rows"]}
    assert verdicts["Seminar group 1"] == ("yes", "^Seminar")
    assert verdicts["Teaching staff"] == ("no", "")
    assert found["matched"] == 5
    assert not GroupRegexFilter.objects.exists()


def test_the_preview_takes_the_saved_patterns_into_account_and_replaces_the_edited_one(
    viewer: Client, chosen: Site
) -> None:
    row = GroupRegexFilter.objects.get()
    excluded = patterns(viewer, "Seminar", kind="exclude")
    by = {row["group"]: row["by"] for row in excluded["rows"]}
    assert by["Seminar group 1"] == "Seminar"
    assert excluded["matched"] == excluded["total"] - 5
    assert patterns(viewer, "Seminar", row=str(row.pk))["matched"] == 5


@pytest.mark.parametrize("text", ["(", "", "^(a|aa)+$", "x" * 300])
def test_a_pattern_that_cannot_be_used_is_explained(
    viewer: Client, chosen: Site, text: str
) -> None:
    found = patterns(viewer, text)
    assert found["problem"]


def test_the_name_preview_names_real_groups_and_collisions(viewer: Client, chosen: Site) -> None:
    found = answer(viewer, "/admin/preview/names/", template="{course}-{group}")
    assert len(found["examples"]) == 5
    assert not found["collisions"]
    same = answer(viewer, "/admin/preview/names/", template="all")
    assert same["collisions"][0]["name"] == "all"
    assert same["collisions"][1]["name"].startswith("all-")


def test_previews_want_a_permission_and_post(chosen: Site, viewer: Client) -> None:
    assert viewer.get("/admin/preview/names/").status_code == 405
    assert Client().post("/admin/preview/names/").status_code == 302  # to the login
