"""Categories and courses of their own, clicked in a real browser against a stand-in Rocket.Chat."""

import pytest
from django.contrib.auth.models import User

from integration.models import IntegratedCourse, LevelSettings
from integration.services.background import jobs
from tests.support.background import COURSES, play_worker
from tests.support.browser import Browser
from tests.support.site import Site
from tests.support.small_moodle import CATEGORY, STUDENT, SmallMoodle

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "moodle"]),
    pytest.mark.usefixtures("transactional_db"),
]

NEW = 20


@pytest.fixture
def desk(browser: Browser, transactional_db: None) -> Browser:
    browser.sign_in(User.objects.create_superuser("admin", password="admin"))
    return browser


def test_a_category_is_integrated_and_a_course_that_appears_later_joins(
    desk: Browser, small_site: Site, small_moodle: SmallMoodle
) -> None:
    desk.go(f"/admin/own-settings/category/{CATEGORY}/")
    desk.click(desk.find("[name=joins-enabled]"))
    desk.press("Save and look for new courses")
    desk.sees("join by themselves")
    small_moodle.course(NEW)
    people = small_moodle.people(2000, 3)
    small_moodle.enrol(NEW, people, STUDENT)
    small_moodle.group(200, NEW, "New group", people)
    jobs.full_pass()
    play_worker()
    assert set(IntegratedCourse.objects.values_list("course_id", flat=True)) == {*COURSES, NEW}
    desk.go("/admin/integration/integratedcourse/")
    desk.sees(f"C{NEW}")
    assert small_site.channel_members()[200] == set(people)


def test_what_a_course_has_of_its_own_is_named_by_why(
    desk: Browser, small_site: Site, small_moodle: SmallMoodle
) -> None:
    course = COURSES[0]
    desk.go(f"/admin/own-settings/course/{course}/")
    desk.click(desk.find("#own_patterns"))
    desk.type("include_patterns", "nothing is called so")
    desk.press("Save")
    desk.sees("Saved.")
    assert LevelSettings.objects.get().moodle_id == course
    row = IntegratedCourse.objects.get(course_id=course)
    desk.go(f"/admin/integration/integratedcourse/{row.pk}/change/")
    desk.click(desk.find("a[href*='/why/channel/']"))
    desk.sees("no include pattern matches the name")
    desk.sees(f"Decided by the patterns of the course C{course}")
