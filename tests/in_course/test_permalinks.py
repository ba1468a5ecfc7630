"""Links to channels: signed, without an end, followed to the room's current name."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.template import Context, Template
from django.test import Client

from integration.domain.state import Ending
from integration.models import ChannelLink, IntegrationSettings, LevelSettings, LinkKey
from integration.services.in_course.permalinks import Permalinks
from integration.services.monitoring import diagnostics
from tests.support.school import School

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
GROUP = 101


@pytest.fixture(autouse=True)
def _web(settings: Any) -> None:
    cache.clear()
    settings.ALLOWED_HOSTS = ["*"]


def stored(group_id: int = GROUP) -> ChannelLink:
    return ChannelLink.objects.get(moodle_group_id=group_id)


def link(group_id: int = GROUP) -> str:
    return Permalinks().of_channel(stored(group_id))


def follow(path: str, **headers: str) -> Any:
    return Client(headers=headers).get(path)


def room(school: School, group_id: int = GROUP) -> Any:
    return school.chat.application.world.rooms[stored(group_id).room_id]


# --- where a link leads ---------------------------------------------------------------------------


def test_a_link_leads_to_the_room_without_a_log_in(school: School) -> None:
    answer = follow(link())
    assert (answer.status_code, answer.url) == (302, f"{school.chat.url}/group/C10-Group-101")
    assert "no-store" in answer["Cache-Control"]


def test_a_link_survives_a_rename_in_moodle(school: School) -> None:
    path = link()
    school.moodle.change_group(GROUP, name="Renamed")
    school.run()
    assert follow(path).url == f"{school.chat.url}/group/C10-Renamed"


def test_a_link_survives_a_rename_by_hand_in_rocketchat(school: School) -> None:
    room(school).name = "by-hand"
    assert follow(link()).url == f"{school.chat.url}/group/by-hand"


def test_the_address_has_the_name_of_the_address_not_the_one_that_is_shown(school: School) -> None:
    room(school).name, room(school).fname = "a-slug", "Ein schöner Name / 1"
    assert follow(link()).url == f"{school.chat.url}/group/a-slug"


def test_a_public_channel_has_the_address_of_a_public_one(school: School) -> None:
    room(school).t = "c"
    assert follow(link()).url == f"{school.chat.url}/channel/C10-Group-101"


def test_a_name_cannot_break_out_of_the_address(school: School) -> None:
    room(school).name = "../../evil?x=1#y"
    assert follow(link()).url == f"{school.chat.url}/group/..%2F..%2Fevil%3Fx%3D1%23y"


def test_browsers_get_the_public_address_where_there_is_one(school: School, settings: Any) -> None:
    settings.ROCKETCHAT_PUBLIC_URL = "https://chat.example.org"
    assert follow(link()).url == "https://chat.example.org/group/C10-Group-101"


def test_many_who_click_at_once_cost_one_request(school: School) -> None:
    path = link()
    school.chat.reset_stats()
    for _ in range(5):
        follow(path)
    assert school.chat.stats()["by_endpoint"]["GET rooms.info"] == 1


def test_without_an_answer_of_rocketchat_the_stored_name_is_used_at_once(school: School) -> None:
    path, url = link(), school.chat.url
    school.chat.reset_stats()
    school.chat.fault("status", endpoint="rooms.info", code=503, times=50)
    assert follow(path).url == f"{url}/group/C10-Group-101"
    assert school.chat.stats()["by_endpoint"]["GET rooms.info"] == 1, "it is not asked again"


def test_a_link_follows_a_room_that_was_made_anew(school: School) -> None:
    path = link()
    ChannelLink.objects.filter(moodle_group_id=GROUP).update(room_id=stored(102).room_id + "x")
    world = school.chat.application.world
    world.rooms[stored().room_id] = room(school, 102)
    assert follow(path).status_code == 302


def test_a_channel_that_was_let_go_of_and_taken_up_again_keeps_its_links(school: School) -> None:
    path = link()
    old = stored()
    ChannelLink.objects.filter(moodle_group_id=GROUP).delete()
    assert follow(path).status_code == 404
    ChannelLink.objects.create(
        moodle_group_id=GROUP, moodle_course_id=10, room_id=old.room_id, name=old.name
    )
    assert follow(path).status_code == 302


# --- where it leads nowhere -----------------------------------------------------------------------


def test_an_archived_channel_has_a_page_of_its_own(school: School) -> None:
    room(school).archived = True
    answer = follow(link())
    assert answer.status_code == 410
    assert "This channel is archived" in answer.content.decode()


def test_a_link_of_a_group_without_a_channel_says_that_it_is_not_there_yet(
    unsynced_school: School,
) -> None:
    path = Permalinks().of_group(GROUP, 10)
    answer = follow(path)
    assert answer.status_code == 404
    assert "try again later" in answer.content.decode()
    unsynced_school.run()
    assert follow(path).status_code == 302, "and it works once the channel is there"


def test_a_room_that_is_gone_is_not_there(school: School) -> None:
    path = link()
    del school.chat.application.world.rooms[stored().room_id]
    assert follow(path).status_code == 404


def test_a_group_number_given_out_again_leads_nowhere(school: School) -> None:
    path, early = link(), Permalinks().of_group(GROUP, 10)
    ChannelLink.objects.filter(moodle_group_id=GROUP).delete()
    ChannelLink.objects.create(
        moodle_group_id=GROUP, moodle_course_id=77, room_id="another-room", name="others"
    )
    for old in (path, early):
        answer = follow(old)
        assert answer.status_code == 404
        assert "does not exist" in answer.content.decode()


def test_nobody_counts_through_all_groups(school: School) -> None:
    path = link()
    other = path.replace(f"g{GROUP}_", "g102_")
    assert other != path
    for wrong in (other, path[:-1], "/go/g101_10_1_", "/go/101", "/go/" + "x" * 5000):
        answer = follow(wrong)
        assert answer.status_code == 404
        assert "not complete" in answer.content.decode()


def test_without_an_address_of_rocketchat_people_are_not_sent_anywhere(
    school: School, settings: Any
) -> None:
    path = link()
    settings.ROCKETCHAT = settings.ROCKETCHAT | {"url": ""}
    IntegrationSettings.objects.update(rocketchat_url="")
    assert follow(path).status_code == 503


def test_who_helps_is_named(school: School) -> None:
    school.set(help_contact="the e-learning team, room 12")
    assert "the e-learning team, room 12" in follow("/go/x").content.decode()


# --- the link of a course -------------------------------------------------------------------------


def test_the_link_of_a_course_lists_its_open_channels(school: School) -> None:
    page = follow(Permalinks().of_course(10)).content.decode()
    for group in (101, 102):
        assert f'href="{link(group)}"' in page
    assert "Group-111" not in page


def test_the_link_of_a_course_with_one_open_channel_leads_there(school: School) -> None:
    ChannelLink.objects.filter(moodle_group_id=102).update(ended=Ending.ARCHIVE)
    answer = follow(Permalinks().of_course(10))
    assert answer.url == f"{school.chat.url}/group/C10-Group-101"


def test_the_link_of_a_course_whose_channels_are_archived_says_so(school: School) -> None:
    ChannelLink.objects.update(ended=Ending.ARCHIVE)
    assert follow(Permalinks().of_course(10)).status_code == 410


def test_the_link_of_a_course_without_channels_says_so(school: School) -> None:
    assert follow(Permalinks().of_course(12)).status_code == 404


# --- the key --------------------------------------------------------------------------------------


def raw_key() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT `key` FROM integration_linkkey".replace("`", '"'))
        return str(cursor.fetchone()[0])


def test_links_survive_a_new_secret_key(school: School, settings: Any) -> None:
    path = link()
    settings.SECRET_KEY = "quite another one" * 4
    assert follow(path).status_code == 302


def test_the_key_is_made_once_and_kept_encrypted(school: School) -> None:
    assert link() == link()
    key = LinkKey.objects.get().key
    assert len(key) > 40
    assert key not in raw_key()


def test_without_keys_for_secrets_links_work_and_a_later_rotation_encrypts_theirs(
    school: School, settings: Any
) -> None:
    keys, settings.RCSYNC_SECRET_KEYS = settings.RCSYNC_SECRET_KEYS, []
    path, key = link(), LinkKey.objects.get().key
    assert key in raw_key()
    settings.RCSYNC_SECRET_KEYS = keys
    call_command("rotate_keys")
    assert key not in raw_key()
    assert follow(path).status_code == 302


def test_a_key_of_the_environment_signs_and_older_links_stay_valid(
    school: School, settings: Any
) -> None:
    stored_one = link()
    settings.LINK_KEYS = ["the-first-key-of-the-environment"]
    first = link()
    settings.LINK_KEYS = ["a-second-key-of-the-environment", *settings.LINK_KEYS]
    second = link()
    assert len({stored_one, first, second}) == 3
    for path in (stored_one, first, second):
        assert follow(path).status_code == 302
    settings.LINK_KEYS = settings.LINK_KEYS[:1]
    assert [follow(path).status_code for path in (stored_one, first, second)] == [302, 404, 302]


def test_a_key_that_cannot_be_decrypted_is_said_and_never_replaced(
    school: School, settings: Any, administrator: Client
) -> None:
    path, before = link(), raw_key()
    keys, settings.RCSYNC_SECRET_KEYS = (
        settings.RCSYNC_SECRET_KEYS,
        [Fernet.generate_key().decode()],
    )
    assert follow(path).status_code == 503
    assert administrator.get("/admin/integration/channellink/").status_code == 200
    assert [check.name for check in diagnostics.check_own_tables()][-1] == "Links to channels"
    assert raw_key() == before
    settings.RCSYNC_SECRET_KEYS = keys
    assert follow(path).status_code == 302


# --- where links are copied -----------------------------------------------------------------------


def test_the_list_and_the_page_of_a_channel_have_its_link(
    school: School, administrator: Client
) -> None:
    for page in ("", f"{stored().pk}/change/"):
        text = administrator.get(f"/admin/integration/channellink/{page}").content.decode()
        assert f'data-copy="{link()}"' in text


def test_the_page_of_a_course_leads_to_all_of_its_links(
    school: School, administrator: Client
) -> None:
    course = administrator.get("/admin/integration/integratedcourse/", follow=True)
    row = course.context["cl"].queryset.get(course_id=10)
    page = administrator.get(f"/admin/integration/integratedcourse/{row.pk}/change/")
    assert "/admin/course/10/links/" in page.content.decode()


def test_all_links_of_a_course_are_a_list_to_paste(school: School, administrator: Client) -> None:
    text = administrator.get("/admin/course/10/links/").context["text"]
    assert text.splitlines() == [
        f"{stored(group).name}\thttp://testserver{link(group)}" for group in (101, 102)
    ]


def test_links_are_shown_to_who_may_see_channels(school: School) -> None:
    assert Client().get("/admin/course/10/links/").status_code == 302


def test_any_template_can_copy_links_for_one_query(
    school: School, django_assert_num_queries: Any
) -> None:
    template = Template(
        "{% load links %}{% copy_channel_link channel %}{% copy_group_link 5 10 %}"
        "{% copy_course_link 10 %}"
    )
    channel, _key = stored(), link()
    with django_assert_num_queries(1):
        text = template.render(Context({"channel": channel}))
    links = Permalinks()
    for path in (link(), links.of_group(5, 10), links.of_course(10)):
        assert f'data-copy="{path}"' in text


# --- what else is sent to a link ------------------------------------------------------------------


def test_a_look_without_a_body_is_answered_as_a_click(school: School) -> None:
    """Previews of links and checkers ask with HEAD."""
    answer = Client().head(link())
    assert (answer.status_code, answer.content) == (302, b"")
    assert answer["Location"].endswith("/group/C10-Group-101")
    assert Client().post(link()).status_code == 405


@pytest.mark.parametrize("token", ["%00", "%EF%BF%BD", "a.b", "g1_1_1_:x", ".", "%0D%0AX:1", "é"])
def test_junk_is_not_complete_and_asks_nobody(school: School, token: str) -> None:
    school.chat.reset_stats()
    answer = follow(f"/go/{token}?next=https://evil.example&room=x")
    assert answer.status_code == 404
    assert "not complete" in answer.content.decode()
    assert school.chat.stats()["by_endpoint"] == {}


def test_a_link_tells_rocketchat_not_where_somebody_came_from(school: School) -> None:
    answer = Client(headers={"Referer": "https://moodle.example/course/view.php?id=3"}).get(link())
    assert answer["Referrer-Policy"] == "same-origin"
    assert "moodle" not in answer["Location"]
    assert not answer.cookies


def test_after_the_workspace_moved_links_lead_to_its_new_address(
    school: School, settings: Any
) -> None:
    path = link()
    assert follow(path).status_code == 302
    settings.ROCKETCHAT_PUBLIC_URL = "https://new.example.org/chat"
    assert follow(path).url == "https://new.example.org/chat/group/C10-Group-101"


@pytest.mark.parametrize(("level", "kind"), [("site", "channel"), ("course", "channel")])
def test_without_an_answer_a_public_channel_keeps_the_address_of_one(
    school: School, level: str, kind: str
) -> None:
    """Its kind by the settings of the course, and before that as it was seen last."""
    path = link()
    if level == "site":
        school.set(private_channels=False)
    else:
        LevelSettings.objects.create(level="course", moodle_id=10, private_channels=False)
    school.chat.fault("status", endpoint="rooms.info", code=503, times=50)
    assert follow(path).url.endswith(f"/{kind}/C10-Group-101")
