"""Turning runs back from the admin: look first, then exactly that, and only by who may."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import Q
from django.test import Client

from integration.models import (
    AuditEntry,
    IntegratedCourse,
    IntegrationSettings,
    RemovalLimit,
    SyncRun,
)
from tests.support.admin_client import MAY_OPERATE, MAY_VIEW, person
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


def newest() -> SyncRun:
    return SyncRun.objects.latest("pk")


def page(client: Client, run: SyncRun) -> str:
    return client.get(f"/admin/integration/syncrun/{run.pk}/change/").content.decode()


def look(client: Client, run: SyncRun, *positions: int) -> Any:
    data = {"chosen": "yes", "operation": positions} if positions else {}
    return client.post(f"/admin/run/{run.pk}/look-at-undo/", data, follow=True)


def undo(client: Client, plan: SyncRun, reason: str = "the wrong course", **more: str) -> Any:
    return client.post(f"/admin/run/{plan.pk}/undo/", {"reason": reason, **more}, follow=True)


def archive_by_hand(site: Site) -> str:
    """The first room, in Rocket.Chat; its name."""
    world = site.chat.application.world
    with world.lock:
        room = world.rooms[site.rooms()[0]["id"]]
        room.archived = True
        world.touch_room(room)
        return str(room.name)


@pytest.fixture
def done(chosen: Site) -> SyncRun:
    """A first sync: accounts, channels, members. No limit holds its undo back."""
    IntegrationSettings.load()
    IntegrationSettings.objects.update(limit_percent=100)
    for what in ("accounts", "channels", "memberships"):
        RemovalLimit.objects.create(what=what, span="day")
    return chosen.apply().run


def test_a_look_shows_what_would_be_turned_back_and_writes_nothing(
    administrator: Client, chosen: Site, done: SyncRun
) -> None:
    rooms = chosen.rooms()
    html = look(administrator, done).content.decode()
    plan = newest()
    assert (plan.kind, plan.status, plan.undoes) == ("preview", "planned", done)
    assert plan.planned["archive"] == done.applied["create_channel"]
    assert chosen.rooms() == rooms
    assert "Undo exactly this" in html
    assert f"undoes run {done.pk}" in html
    assert "archive channel" in html


def test_what_changed_since_stays_and_is_named_with_the_reason(
    administrator: Client, chosen: Site, done: SyncRun
) -> None:
    name = archive_by_hand(chosen)
    html = look(administrator, done).content.decode()
    stays = html[html.index("What stays, and why") :]
    assert name in stays
    assert "it stays" in stays
    assert newest().planned["archive"] == done.applied["create_channel"] - 1


def test_undo_exactly_this_turns_the_run_back_and_both_pages_say_so(
    administrator: Client, chosen: Site, done: SyncRun
) -> None:
    look(administrator, done)
    plan = newest()
    undo(administrator, plan)
    run = newest()
    assert (run.kind, run.status, run.digest, run.undoes) == ("undo", "done", plan.digest, done)
    assert run.applied == plan.planned
    assert all(room["archived"] for room in chosen.rooms())
    assert f"undone by run {run.pk}" in page(administrator, done)
    assert f"undoes run {done.pk}" in page(administrator, run)
    assert "the wrong course" in page(administrator, run)
    assert f"carried out by run {run.pk}" in page(administrator, plan)
    entry = AuditEntry.objects.get(action="undo")
    assert (entry.actor, entry.reason, entry.run_id) == ("admin", "the wrong course", done.pk)


def test_the_courses_leave_the_automatic_sync_unless_the_box_is_ticked(
    administrator: Client, chosen: Site, done: SyncRun
) -> None:
    look(administrator, done)
    undo(administrator, newest(), keep_syncing="on")
    assert IntegratedCourse.objects.filter(background_sync=True).count() == 2
    again = chosen.apply().run
    look(administrator, again)
    html = page(administrator, newest())
    assert "2 courses are taken out of background and event sync: CS101, MA110" in html
    undo(administrator, newest())
    assert not IntegratedCourse.objects.filter(background_sync=True).exists()


def test_without_a_reason_nothing_is_undone(
    administrator: Client, chosen: Site, done: SyncRun
) -> None:
    look(administrator, done)
    html = undo(administrator, newest(), reason=" ").content.decode()
    assert "An undo needs a reason" in html
    assert not SyncRun.objects.filter(kind="undo").exists()


def test_a_plan_that_has_changed_since_is_refused_with_the_reason(
    administrator: Client, chosen: Site, done: SyncRun
) -> None:
    look(administrator, done)
    plan = newest()
    archive_by_hand(chosen)
    html = undo(administrator, plan).content.decode()
    assert newest().status == "error"
    assert "has changed since it was shown" in html
    assert IntegratedCourse.objects.filter(background_sync=True).count() == 2
    assert not all(room["archived"] for room in chosen.rooms())
    assert "undone by" not in page(administrator, done)  # a run that could not begin undid nothing


def test_only_the_ticked_operations_are_undone(
    administrator: Client, chosen: Site, done: SyncRun
) -> None:
    created = done.operations.filter(kind="create_channel").first()
    assert created is not None
    url = f"/admin/integration/syncrun/{done.pk}/change/?kind=create_channel"
    html = administrator.get(url).content.decode()
    assert f'name="operation" value="{created.position}"' in html
    look(administrator, done, created.position)
    plan = newest()
    assert (plan.chosen, plan.planned) == ([created.position], {"archive": 1})
    undo(administrator, plan)
    archived = [room for room in chosen.rooms() if room["archived"]]
    assert [room["customFields"]["moodle_group"] for room in archived] == [created.moodle_group_id]
    assert f"undone in part by run {newest().pk}" in page(administrator, done)


def test_ticking_nothing_undoes_nothing(administrator: Client, done: SyncRun) -> None:
    data = {"chosen": "yes", "operation": ["-1", "x"]}
    html = administrator.post(f"/admin/run/{done.pk}/look-at-undo/", data, follow=True)
    assert "Tick the operations" in html.content.decode()
    assert newest() == done


def test_an_undo_can_be_undone_from_its_own_page(
    administrator: Client, chosen: Site, done: SyncRun
) -> None:
    look(administrator, done)
    undo(administrator, newest())
    undone = newest()
    assert "Undo this run" in page(administrator, undone)
    look(administrator, undone)
    undo(administrator, newest())
    assert newest().status == "done"
    assert not any(room["archived"] for room in chosen.rooms())


@pytest.mark.parametrize("name", ["viewer", "operator"])
def test_who_may_not_undo_finds_no_button_and_is_refused(
    request: pytest.FixtureRequest, name: str, chosen: Site, done: SyncRun
) -> None:
    client = request.getfixturevalue(name)
    html = page(client, done)
    assert "Undo this run" not in html
    assert 'name="operation"' not in html
    assert look(client, done).status_code == 403
    assert newest() == done
    plan = chosen.run(kind="preview", keep_plan=True, undoes=done.pk).run
    assert "Undo exactly this" not in page(client, plan)
    assert undo(client, plan).status_code == 403
    assert client.post(f"/admin/run/{plan.pk}/again/").status_code == 403
    assert newest() == plan
    assert not any(room["archived"] for room in chosen.rooms())


def test_the_permission_undo_alone_is_what_it_takes(chosen: Site, done: SyncRun) -> None:
    user = person("second", MAY_VIEW)
    user.user_permissions.add(Permission.objects.get(codename="undo"))
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    assert "Undo this run" in page(client, done)
    look(client, done)
    undo(client, newest())
    assert (newest().status, newest().actor) == ("done", "second")


def test_undo_wants_post(administrator: Client, done: SyncRun) -> None:
    for what in ("look-at-undo", "undo"):
        assert administrator.get(f"/admin/run/{done.pk}/{what}/").status_code == 405, what


def test_a_plan_of_an_undo_is_not_applied_as_a_sync_nor_the_other_way_round(
    administrator: Client, chosen: Site, done: SyncRun
) -> None:
    look(administrator, done)
    plan = newest()
    administrator.post(f"/admin/run/{plan.pk}/apply/")
    administrator.post(f"/admin/run/{plan.pk}/retry/")
    sync = chosen.run(kind="preview", keep_plan=True).run
    undo(administrator, sync)
    assert newest() == sync


def test_looking_again_is_about_the_same_operations(
    administrator: Client, chosen: Site, done: SyncRun
) -> None:
    created = done.operations.filter(kind="create_channel").first()
    assert created is not None
    look(administrator, done, created.position)
    first = newest()
    administrator.post(f"/admin/run/{first.pk}/again/")
    assert newest() != first
    assert (newest().undoes, newest().chosen, newest().digest) == (
        done,
        first.chosen,
        first.digest,
    )


def test_what_wrote_nothing_or_is_not_over_has_no_undo(administrator: Client, chosen: Site) -> None:
    preview = chosen.run(kind="preview", keep_plan=True).run
    assert "Undo this run" not in page(administrator, preview)
    html = look(administrator, preview).content.decode()
    assert "wrote nothing" in html
    running = SyncRun.objects.create(kind="apply", trigger="admin", status="running")
    assert "Undo this run" not in page(administrator, running)
    assert "not finished yet" in look(administrator, running).content.decode()


def test_operators_of_the_migration_may_not_undo() -> None:
    assert not Permission.objects.filter(MAY_OPERATE & Q(codename="undo")).exists()


def test_an_undo_over_the_limits_waits_on_its_page_and_is_approved_there(
    administrator: Client, chosen: Site, done: SyncRun
) -> None:
    IntegrationSettings.objects.update(limit_percent=30)
    look(administrator, done)
    plan = newest()
    undo(administrator, plan)
    waiting = newest()
    assert (waiting.kind, waiting.status) == ("undo", "quarantined")
    assert "wait for a decision" in page(administrator, waiting)
    assert f"undone by run {waiting.pk}" not in page(administrator, done)
    assert "carried out by run" not in page(administrator, plan)
    decision = {"decision": "approve", "reason": "really"}
    administrator.post(f"/admin/run/{waiting.pk}/decide/", decision)
    run = newest()
    assert (run.kind, run.status, run.approves) == ("undo", "done", waiting)
    assert all(room["archived"] for room in chosen.rooms())
    assert f"undone by run {run.pk}" in page(administrator, done)
    assert f"carried out by run {run.pk}" in page(administrator, plan)


def test_the_limits_of_an_undo_name_courses_and_not_their_numbers(
    administrator: Client, done: SyncRun
) -> None:
    RemovalLimit.objects.create(what="channels", span="course", absolute=0)
    look(administrator, done)
    html = page(administrator, newest())
    course = IntegratedCourse.objects.exclude(known_shortname="").earliest("pk")
    assert f"in course {course.shortname}" in html
    assert f"in course {course.course_id} " not in html
