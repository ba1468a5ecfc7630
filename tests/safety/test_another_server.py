"""Another Rocket.Chat workspace than the one that all links are about: nothing is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from demo.standin import StandIn
from demo.standin.state.storage import dump, load
from integration.domain.errors import ConfigurationError
from integration.models import (
    AccountLink,
    AuditEntry,
    ChannelLink,
    IntegrationSettings,
    ManagedMembership,
    SyncOperation,
    SyncRun,
)
from integration.services.admin import server_decisions
from integration.services.monitoring import notifications
from integration.services.runs import approval
from tests.support.school import GROUPS, School
from tests.support.site import Site, chat_content

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])


@pytest.fixture
def school(school: School) -> School:
    school.set(limit_percent=100)
    return school


@contextmanager
def another_server(school: School, settings: Any, *, copied: bool = False) -> Iterator[StandIn]:
    """rcsync is pointed at it; `copied`: it has all the data, and another id."""
    with StandIn(like="8.8") as other:
        if copied:
            own_id = other.world.settings["uniqueID"]
            world = load(dump(school.chat.application.world), other.world.dialect)
            world.settings["uniqueID"] = own_id
            other.application.world = other.world = world
        school.site = Site(other, settings)
        school.chat = other
        yield other


def codes(run: SyncRun) -> set[str]:
    return {breach["code"] for breach in run.breaches}


def server_command(*args: str) -> str:
    out = StringIO()
    call_command("server", *args, stdout=out)
    return out.getvalue()


def test_the_first_sync_stores_which_workspace_the_links_are_about(school: School) -> None:
    stored = IntegrationSettings.load().server_id
    assert stored == school.chat.world.settings["uniqueID"]


@pytest.mark.parametrize("copied", [False, True])
def test_another_workspace_holds_everything(school: School, settings: Any, copied: bool) -> None:
    links = AccountLink.objects.count(), ChannelLink.objects.count()
    with another_server(school, settings, copied=copied) as other:
        before = chat_content(other)
        school.moodle.leave(101, [1000])
        school.moodle.join(102, [1000])
        run = school.run()
        assert run.status == SyncRun.Status.QUARANTINED
        assert "server/changed" in codes(run)
        assert "./rcsync server" in run.hint
        assert chat_content(other) == before
    assert (AccountLink.objects.count(), ChannelLink.objects.count()) == links
    assert not SyncOperation.objects.filter(run=run, status=SyncOperation.Status.DONE).exists()


def test_neither_force_nor_an_approval_lets_another_workspace_pass(
    school: School, settings: Any, django_user_model: Any
) -> None:
    boss = django_user_model.objects.create_superuser("boss")
    with another_server(school, settings, copied=True) as other:
        school.moodle.leave(101, [1000])
        before = chat_content(other)
        assert school.run(force=True).status == SyncRun.Status.QUARANTINED
        with pytest.raises(ConfigurationError, match="another Rocket"):
            approval.approve(school.run(), boss, "looks fine")
        assert chat_content(other) == before


def test_a_workspace_that_moved_goes_on_with_all_links(school: School, settings: Any) -> None:
    with another_server(school, settings, copied=True):
        school.moodle.leave(101, [1000])
        school.run()
        with pytest.raises(SystemExit) as status:
            server_command()
        assert status.value.code == 1
        server_command("--moved", "--reason", "new data centre")
        run = school.run()
        assert (run.status, run.applied) == (SyncRun.Status.DONE, {"remove_member": 1})
    entry = AuditEntry.objects.get(action="server_moved")
    assert entry.reason == "new data centre"
    assert entry.before["workspace"] != entry.after["workspace"]


def test_a_new_workspace_is_filled_anew(school: School, settings: Any) -> None:
    with another_server(school, settings) as other:
        school.run()
        server_command("--new", "--reason", "the old one is lost")
        assert not AccountLink.objects.exists()
        assert not ManagedMembership.objects.exists()
        assert school.run().status == SyncRun.Status.DONE
        assert {group: len(school.members(group)) for group in GROUPS} == dict.fromkeys(GROUPS, 5)
        assert IntegrationSettings.load().server_id == other.world.settings["uniqueID"]
    assert AuditEntry.objects.get(action="server_replaced").before["channels"] == len(GROUPS)


def test_on_a_new_workspace_no_account_counts_as_begun_by_us(school: School, settings: Any) -> None:
    SyncOperation.objects.filter(kind="create_account").update(in_doubt=True)
    with another_server(school, settings):
        school.run()
        server_command("--new", "--reason", "the old one is lost")
    assert not SyncOperation.objects.filter(in_doubt=True).exists()


def test_a_replaced_server_is_noticed_at_once_by_what_is_missing(
    school: School,
) -> None:
    """Under the same address, while what is known of the server is still fresh."""
    world = school.chat.application.world
    with world.lock:
        world.settings["uniqueID"] = "of-another-workspace"
        world.remove_room(world.rooms[school.site.room_of(101)["id"]])
    run = school.run()
    assert codes(run) == {"server/changed"}
    assert run.requests["by_endpoint"]["GET settings.public"] == 1


def test_a_server_that_does_not_tell_who_it_is_changes_nothing(school: School) -> None:
    before = IntegrationSettings.load().server_id
    IntegrationSettings.objects.update(server_facts={})
    school.chat.world.public_settings.discard("uniqueID")
    assert school.run().status == SyncRun.Status.DONE
    assert IntegrationSettings.load().server_id == before


def test_without_links_another_workspace_is_no_question(school: School, settings: Any) -> None:
    ChannelLink.objects.all().delete()
    AccountLink.objects.all().delete()
    with another_server(school, settings) as other:
        assert school.run().status == SyncRun.Status.DONE
        assert IntegrationSettings.load().server_id == other.world.settings["uniqueID"]


def test_a_decision_needs_a_reason_and_the_workspace_that_was_shown(
    school: School, settings: Any
) -> None:
    with another_server(school, settings):
        school.run()
        shown = server_decisions.change()
        assert shown
        with pytest.raises(ConfigurationError, match="reason"):
            server_decisions.moved(shown.now, " ")
        with pytest.raises(ConfigurationError, match="not the one that was shown"):
            server_decisions.replaced("something else", "why")


def test_where_nothing_changed_there_is_nothing_to_decide(school: School) -> None:
    assert "linked to this workspace" in server_command()
    with pytest.raises(CommandError, match="decided"):
        server_command("--new", "--reason", "why")
    assert AccountLink.objects.exists()


def test_the_start_page_asks_and_only_an_administrator_decides(
    school: School, settings: Any, django_user_model: Any, client: Client
) -> None:
    settings.SECURE_SSL_REDIRECT, settings.ALLOWED_HOSTS = False, ["*"]
    client.force_login(django_user_model.objects.create_superuser("boss"))
    assert "Another Rocket.Chat workspace" not in client.get("/admin/").content.decode()
    with another_server(school, settings, copied=True) as other:
        run = school.run()
        assert "Another Rocket.Chat workspace" in client.get("/admin/").content.decode()
        page = client.get(reverse("admin:integration_syncrun_change", args=[run.pk]))
        assert "./rcsync server" in page.content.decode()
        form = {"now": other.world.settings["uniqueID"], "reason": "moved", "decision": "moved"}
        viewer = Client()
        viewer.force_login(django_user_model.objects.create_user("viewer", is_staff=True))
        assert viewer.post("/admin/server/decide/", form).status_code == 403
        assert server_decisions.change()
        client.post("/admin/server/decide/", form)
        assert server_decisions.change() is None
        assert school.run().status == SyncRun.Status.DONE


def test_a_run_that_reached_another_workspace_asks_which_it_is_and_offers_no_approval(
    school: School, settings: Any, django_user_model: Any, client: Client
) -> None:
    settings.SECURE_SSL_REDIRECT, settings.ALLOWED_HOSTS = False, ["*"]
    client.force_login(django_user_model.objects.create_superuser("boss"))
    with another_server(school, settings, copied=True) as other:
        held = school.run()
        preview = school.site.run(kind=SyncRun.Kind.PREVIEW).run
        for run in (held, preview):
            page = page_of(client, run)
            assert "It is the same workspace" in page
            assert "Approve and carry out" not in page
            assert "Apply exactly this" not in page
        assert "waits for your approval" not in client.get("/admin/").content.decode()
        form = {"now": other.world.settings["uniqueID"], "reason": "moved", "decision": "moved"}
        client.post("/admin/server/decide/", form)
        assert "It is the same workspace" not in page_of(client, held)
        assert "the next sync continues" in page_of(client, held)


def page_of(client: Client, run: SyncRun) -> str:
    address = reverse("admin:integration_syncrun_change", args=[run.pk])
    return client.get(address).content.decode()


def test_the_message_about_another_workspace_speaks_of_no_approval(
    school: School, settings: Any
) -> None:
    with another_server(school, settings, copied=True):
        school.run()
        state = notifications._quarantine(IntegrationSettings.load())
    assert "another Rocket.Chat workspace" in state.subject
    assert "approv" not in state.text
