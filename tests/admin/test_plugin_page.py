"""The pages for those who come from local_rocketchat."""

from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from integration.models import ChannelLink, IntegrationSettings, ManagedMembership
from tests.support.admin_client import MAY_VIEW, person
from tests.support.plugin_moodle import PluginSite
from tests.support.site import Site

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])


@pytest.fixture
def plugin(moodle: Path, site: Site) -> PluginSite:
    return PluginSite(moodle, site)


@pytest.fixture
def boss() -> Client:
    user = User.objects.create_superuser("boss")
    client = Client()
    client.force_login(user)
    return client


def test_the_page_shows_what_would_be_taken_over_and_why_not_yet(
    plugin: PluginSite, boss: Client
) -> None:
    said = boss.get(reverse("rcsync:plugin")).content.decode()
    assert "Cannot be stored yet" in said
    assert "scheduled task is on" in said
    assert "it has no delimiters" in said
    assert "Take over</button>" not in said
    assert not ChannelLink.objects.exists()


def test_storing_leads_to_the_people_inside_and_the_ticked_ones_become_ours(
    plugin: PluginSite, boss: Client
) -> None:
    plugin.switch_off()
    assert "Take over</button>" in boss.get(reverse("rcsync:plugin")).content.decode()
    answer = boss.post(reverse("rcsync:plugin_store"), {"reason": "moving"}, follow=True)
    assert ChannelLink.objects.exists()
    people = answer.context["people"]
    assert len(people) > 1
    one, other = people[0], people[1]
    ticked = {"person": [f"{one.group_id}:{one.user_id}", "x:1", "7"], "reason": "I looked"}
    boss.post(reverse("rcsync:plugin_release"), ticked)
    rows = ManagedMembership.objects

    def ours(who: object) -> bool:
        found = rows.get(
            channel__moodle_group_id=who.group_id,  # type: ignore[attr-defined]
            account__moodle_user_id=who.user_id,  # type: ignore[attr-defined]
        )
        return found.ours

    assert ours(one)
    assert not ours(other)


def test_without_a_reason_nothing_is_stored(plugin: PluginSite, boss: Client) -> None:
    plugin.switch_off()
    answer = boss.post(reverse("rcsync:plugin_store"), {"reason": " "}, follow=True)
    assert "needs a reason" in answer.content.decode()
    assert not ChannelLink.objects.exists()


def test_who_belongs_there_is_never_released(plugin: PluginSite, boss: Client) -> None:
    plugin.switch_off()
    boss.post(reverse("rcsync:plugin_store"), {"reason": "moving"})
    before = ManagedMembership.objects.filter(ours=True).count()
    stays = ManagedMembership.objects.filter(ours=True).select_related("channel", "account")[0]
    pair = f"{stays.channel.moodle_group_id}:{stays.account.moodle_user_id}"
    boss.post(reverse("rcsync:plugin_release"), {"person": [pair], "reason": "no"})
    assert ManagedMembership.objects.filter(ours=True).count() == before


def test_who_may_only_view_sees_and_stores_nothing(plugin: PluginSite) -> None:
    viewer = Client()
    viewer.force_login(person("viewer", MAY_VIEW))
    plugin.switch_off()
    assert Permission.objects.filter(MAY_VIEW).exists()
    assert "Take over</button>" not in viewer.get(reverse("rcsync:plugin")).content.decode()
    for name in ("plugin_store", "plugin_release"):
        assert viewer.post(reverse(f"rcsync:{name}"), {"reason": "x"}).status_code == 403
    assert not ChannelLink.objects.exists()


def test_a_moodle_without_the_plugin_is_told(site: Site, boss: Client) -> None:
    said = boss.get(reverse("rcsync:plugin")).content.decode()
    assert "nothing of the plugin" in said
    assert IntegrationSettings.load().plugin_look == {}
    assert (
        "Nobody is inside who should not be"
        in boss.get(reverse("rcsync:plugin_people")).content.decode()
    )
