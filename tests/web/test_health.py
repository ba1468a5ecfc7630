"""How rcsync is doing: the pages for machines and the command."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from integration import __version__, checks
from integration.models import (
    EventCursor,
    IntegratedCourse,
    IntegrationSettings,
    SyncRun,
    WorkerBeat,
)
from integration.services.background import queue
from integration.services.monitoring import status as health_status
from tests.support.background import clusters_alive, make_dead, order
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

NOBODY = "http://127.0.0.1:9"  # the port "discard", where nobody listens
TOKEN = {"Authorization": "Bearer let-me-see"}


@pytest.fixture(autouse=True)
def asked_anew(settings: Any) -> None:
    health_status.forget()
    settings.ALLOWED_HOSTS = ["*"]
    settings.METRICS_TOKEN = "let-me-see"


@pytest.fixture
def well(small_site: Site) -> Site:
    clusters_alive("one")
    small_site.apply()
    return small_site


def ready(**headers: str) -> tuple[int, dict[str, Any]]:
    answer = Client().get("/readyz", headers={**TOKEN, **headers})
    return answer.status_code, answer.json()


def test_the_process_answers_whatever_the_servers_do(settings: Any) -> None:
    settings.MOODLE_CONFIGURED = False
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_the_health_pages_need_no_tls(well: Site, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    for page in ("/healthz", "/readyz", "/metrics"):
        assert Client().get(page, headers=TOKEN).status_code == 200


def test_all_is_well(well: Site) -> None:
    status, told = ready()
    assert status == 200
    assert told["parts"] == dict.fromkeys(("database", "moodle", "rocketchat", "worker"), "ok")
    assert told["heartbeat_age"] < 60
    assert told["last_good_run_age"] < 60
    assert told["backlog"] == 0


def test_a_worker_that_shows_no_sign_of_life_makes_it_not_ready(well: Site) -> None:
    WorkerBeat.objects.update(beat_at=timezone.now() - timedelta(minutes=5))
    status, told = ready()
    assert (status, told["parts"]["worker"]) == (503, "failed")
    assert "300 seconds old" in told["problems"]["worker"]


def test_a_worker_in_a_long_run_counts_as_alive(well: Site) -> None:
    WorkerBeat.objects.all().delete()
    make_dead(queue.enqueue(order()), silent=10)
    assert ready()[0] == 200


def test_a_server_that_is_down_makes_it_not_ready(well: Site, settings: Any) -> None:
    settings.ROCKETCHAT = {**settings.ROCKETCHAT, "url": NOBODY}
    status, told = ready()
    assert (status, told["parts"]["rocketchat"], told["parts"]["moodle"]) == (503, "failed", "ok")
    settings.MOODLE_CONFIGURED = False
    health_status.forget()
    assert ready()[1]["parts"]["moodle"] == "failed"


def test_the_servers_are_not_asked_at_every_call(well: Site) -> None:
    well.chat.reset_stats()
    for _ in range(5):
        ready()
    assert well.chat.stats()["by_endpoint"]["GET /api/info"] == 1


def test_strangers_see_that_something_fails_but_not_what(well: Site, settings: Any) -> None:
    settings.MOODLE_CONFIGURED = False
    told = Client().get("/readyz").json()
    assert told["parts"]["moodle"] == "failed"
    assert "problems" not in told
    assert "numbers" not in told
    assert "problems" in ready()[1], "with the token"


def figures(client: Client | None = None, **meta: str) -> int:
    return (client or Client()).get("/metrics", **meta).status_code  # type: ignore[arg-type]


def test_figures_are_closed_to_everybody_by_default(well: Site, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert figures() == 403, "from this machine, too: it may be a proxy without headers"
    assert figures(HTTP_AUTHORIZATION="Bearer ") == 403
    assert figures(HTTP_X_FORWARDED_FOR="127.0.0.1") == 403
    assert figures(REMOTE_ADDR="") == 403


def test_figures_are_for_who_has_the_token(well: Site) -> None:
    assert figures() == 403
    assert figures(HTTP_AUTHORIZATION="Bearer wrong") == 403
    assert figures(HTTP_AUTHORIZATION="Bearer let-me-see") == 200


def test_figures_are_for_networks_that_are_listed(well: Site, settings: Any) -> None:
    settings.METRICS_NETWORKS = ["127.0.0.1", "10.1.0.0/16"]
    assert figures() == 200
    assert figures(REMOTE_ADDR="10.1.2.3") == 200
    assert figures(REMOTE_ADDR="10.2.2.3") == 403
    assert figures(REMOTE_ADDR="10.2.2.3", HTTP_X_FORWARDED_FOR="10.1.2.3") == 403
    settings.PROXIES = 1
    assert figures() == 403, "behind a proxy a request without its header is nobody's"
    assert figures(HTTP_X_FORWARDED_FOR="10.1.2.3") == 200
    assert figures(HTTP_X_FORWARDED_FOR="10.1.2.3, 192.0.2.1") == 403


def test_figures_are_for_who_is_signed_in_and_may_see_runs(well: Site) -> None:
    client = Client()
    client.force_login(User.objects.create_user("somebody", is_staff=True))
    assert figures(client) == 403
    client.force_login(User.objects.create_superuser("root"))
    assert figures(client) == 200


def test_figures_are_in_prometheus_format(well: Site) -> None:
    queue.enqueue(order())
    IntegratedCourse.objects.filter(course_id=10).update(pending_sync=True)
    answer = Client().get("/metrics", headers=TOKEN)
    assert answer["Content-Type"].startswith("text/plain; version=")
    lines = answer.content.decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    figures = {name: float(value) for name, value in pairs}
    assert figures['rcsync_up{part="rocketchat"}'] == 1
    assert figures[f'rcsync_build_info{{version="{__version__}"}}'] == 1
    assert figures["rcsync_runs_queued"] == 1
    assert figures["rcsync_courses"] == 3
    assert figures["rcsync_courses_pending"] == 1
    assert figures["rcsync_accounts"] == 12
    assert figures["rcsync_channels"] == 3
    assert "rcsync_event_look_age_seconds" not in figures, "of what never was there is no age"
    assert figures["rcsync_oldest_queued_run_age_seconds"] < 60


# ── The command ──────────────────────────────────────────────────────────────────────────────────


def status(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("status", *arguments, stdout=out, no_color=True)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_status_says_in_words_how_it_is(well: Site) -> None:
    code, text = status()
    assert code == 0
    assert text.startswith(f"rcsync {__version__}\n")
    assert "rocketchat  works" in text
    assert "Workers alive: one" in text
    assert "Courses: 3, 0 failing, 0 pending" in text


def test_status_fails_and_says_why(well: Site) -> None:
    WorkerBeat.objects.all().delete()
    EventCursor.objects.create(pk=1, problem="The log is off.")
    SyncRun.objects.all().delete()
    old = timezone.now() - timedelta(days=3)
    IntegratedCourse.objects.update(last_success=old)
    code, text = status()
    assert code == 1
    assert "Start one: ./rcsync worker" in text
    assert "Events: The log is off." in text
    assert "more than 24 hours" in text


def test_status_as_json(well: Site) -> None:
    code, text = status("--json")
    told = json.loads(text)
    assert (code, told["ready"], told["courses"], told["queued"]) == (0, True, 3, 0)
    assert told["parts"]["moodle"] == {"ok": True, "problem": ""}


# ── What `worker` and `run` ask before they start ────────────────────────────────────────────────


def test_a_right_configuration_has_no_problem(small_site: Site) -> None:
    assert checks.startup_problems() == []


def test_a_missing_moodle_or_rocketchat_is_a_clear_sentence(
    small_site: Site, settings: Any
) -> None:
    settings.MOODLE_CONFIGURED = False
    settings.ROCKETCHAT = {**settings.ROCKETCHAT, "url": ""}
    problems = checks.startup_problems()
    assert any("address of Rocket.Chat is missing" in problem for problem in problems)
    assert any("MOODLE_DATABASE_URL" in problem for problem in problems)


def test_a_server_that_is_down_does_not_keep_the_worker_from_starting(
    small_site: Site, settings: Any
) -> None:
    settings.ROCKETCHAT = {**settings.ROCKETCHAT, "url": NOBODY}
    assert checks.startup_problems() == []


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("WATCHDOG_SECONDS", 5, "rcsync.E002"),
        ("EVENT_SECRET", "short", "rcsync.E003"),
    ],
)
def test_numbers_that_cannot_work_are_errors(
    settings: Any, name: str, value: object, found: str
) -> None:
    setattr(settings, name, value)
    assert [message.id for message in checks.check_cluster()] == [found]


def test_a_retry_that_comes_too_early_is_an_error(settings: Any) -> None:
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "retry": 1000}
    assert [message.id for message in checks.check_cluster()] == ["rcsync.E001"]
    assert "delivered a second time" in checks.installation_problems()[0]


def test_a_broker_that_loses_tasks_is_a_warning(settings: Any) -> None:
    cluster = {key: value for key, value in settings.Q_CLUSTER.items() if key != "orm"}
    settings.Q_CLUSTER = {**cluster, "redis": {"host": "127.0.0.1"}}
    assert [message.id for message in checks.check_cluster()] == ["rcsync.W001"]
    assert checks.installation_problems() == []


@pytest.mark.parametrize(("hours", "said"), [(1, False), (30, True)])
def test_that_nothing_ever_went_well_is_said_as_that_nothing_did_for_long(
    hours: int, said: bool
) -> None:
    run = SyncRun.objects.create(kind="apply", trigger="schedule", status="error")
    SyncRun.objects.filter(pk=run.pk).update(started_at=timezone.now() - timedelta(hours=hours))
    settings = IntegrationSettings.load()
    settings.notify_after_hours = 24
    settings.save()
    warnings = health_status.health().warnings
    assert ("Nothing has gone entirely well for more than 24 hours." in warnings) is said
