"""The channel of a whole course on the pages: its id, which no group has, leads nowhere wrong."""

import pytest
from django.test import Client

from integration.models import ChannelLink, IntegratedCourse, IntegrationSettings, SyncRun
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


def test_every_page_that_shows_the_channel_opens_and_leads_to_why(
    administrator: Client, chosen: Site
) -> None:
    IntegrationSettings.load()
    IntegrationSettings.objects.update(whole_course=True)
    chosen.apply()
    channel = ChannelLink.objects.filter(moodle_group_id__lt=0).earliest("pk")
    course = IntegratedCourse.objects.get(course_id=-channel.moodle_group_id)
    why = f"/admin/why/channel/{channel.moodle_group_id}/"
    pages = (
        f"/admin/integration/channellink/{channel.pk}/change/",
        f"/admin/integration/integratedcourse/{course.pk}/change/",
        f"/admin/integration/syncrun/{SyncRun.objects.latest('pk').pk}/change/?kind=create_channel",
    )
    for page in pages:
        answer = administrator.get(page)
        assert answer.status_code == 200
        assert why in answer.content.decode(), page
    assert channel.name in administrator.get(why).content.decode()
    assert administrator.get("/admin/integration/channellink/").status_code == 200
    assert administrator.get(f"/admin/course/{course.course_id}/links/").status_code == 200
