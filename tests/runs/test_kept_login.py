"""One log-in for all runs of a worker: shared, bound to server and username, renewed, given up."""

from multiprocessing import util
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection

from demo.standin import ADMIN_ID, ADMIN_PASSWORD, ADMIN_TOKEN, ADMIN_USERNAME, StandIn
from integration.domain.addresses import origin
from integration.domain.checks import CheckStatus
from integration.models import KeptLogin, SyncRun
from integration.services.ledger import heartbeat
from integration.services.monitoring import diagnostics
from integration.services.runs import kept_login
from tests.support.background import clusters_alive
from tests.support.site import Site

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "moodle"]),
    pytest.mark.usefixtures("no_pauses"),
]

WORKER = "machine/1"
LOGIN, LOGOUT = "POST login", "POST logout"


@pytest.fixture
def worker(small_site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Site:
    """This process is one of a worker's, which runs on a password."""
    settings.RCSYNC_SECRET_KEYS = [Fernet.generate_key().decode()]
    monkeypatch.setenv(heartbeat.CLUSTER_VARIABLE, WORKER)
    monkeypatch.setattr(kept_login, "_of_process", None)
    return small_site


def calls(chat: StandIn) -> tuple[int, int]:
    """Log-ins and log-outs since the last question."""
    found = chat.stats()["by_endpoint"]
    chat.reset_stats()
    return found.get(LOGIN, 0), found.get(LOGOUT, 0)


def test_three_runs_of_a_worker_log_in_once(worker: Site) -> None:
    for _ in range(3):
        worker.apply()
    assert calls(worker.chat) == (1, 0)


def test_without_a_worker_every_run_logs_in_and_out(
    worker: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(heartbeat.CLUSTER_VARIABLE)
    for _ in range(2):
        worker.apply()
    assert calls(worker.chat) == (2, 2)
    assert not KeptLogin.objects.exists()


def test_another_process_of_the_worker_uses_it_too(
    worker: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.apply()
    monkeypatch.setattr(kept_login, "_of_process", None)
    worker.apply()
    assert calls(worker.chat) == (1, 0)


def test_another_worker_has_its_own(worker: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.apply()
    monkeypatch.setenv(heartbeat.CLUSTER_VARIABLE, "machine/2")
    worker.apply()
    assert calls(worker.chat) == (2, 0)
    assert KeptLogin.objects.count() == 2


def test_what_is_stored_is_encrypted(worker: Site) -> None:
    worker.apply()
    token = str(KeptLogin.objects.get().token)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM integration_keptlogin")
        assert token not in str(cursor.fetchall())
    assert token not in repr(KeptLogin.objects.get().token)


def test_without_keys_nothing_is_stored_and_each_process_keeps_its_own(
    worker: Site, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RCSYNC_SECRET_KEYS = []
    for _ in range(2):
        worker.apply()
    assert calls(worker.chat) == (1, 0)
    assert not KeptLogin.objects.exists()
    monkeypatch.setattr(kept_login, "_of_process", None)
    worker.apply()
    assert calls(worker.chat) == (1, 0)


def test_it_is_sent_to_no_other_server(worker: Site, settings: Any) -> None:
    worker.apply()
    token = str(KeptLogin.objects.get().token)
    with StandIn(like="6.5") as other:
        settings.ROCKETCHAT = {**settings.ROCKETCHAT, "url": other.url}
        worker.run(kind=SyncRun.Kind.PREVIEW)
        assert calls(other) == (1, 0)
        row = KeptLogin.objects.get()
        assert row.server == origin(other.url)
        assert str(row.token) != token


def test_it_is_used_by_no_other_username(worker: Site, settings: Any) -> None:
    worker.apply()
    KeptLogin.objects.update(username="somebody.else")
    worker.apply()
    assert calls(worker.chat) == (2, 0)
    assert KeptLogin.objects.get().username == ADMIN_USERNAME


def test_it_is_made_anew_when_the_server_does_not_know_it_any_more(worker: Site) -> None:
    worker.apply()
    row = KeptLogin.objects.get()
    row.token = "ended-long-ago"
    row.save()
    calls(worker.chat)
    worker.apply()
    assert calls(worker.chat)[0] == 1
    assert str(KeptLogin.objects.get().token) != "ended-long-ago"
    worker.apply()
    assert calls(worker.chat) == (0, 0)


def test_keys_that_were_changed_lead_to_a_new_log_in(worker: Site, settings: Any) -> None:
    worker.apply()
    settings.RCSYNC_SECRET_KEYS = [Fernet.generate_key().decode()]
    worker.apply()
    assert calls(worker.chat)[0] == 2
    worker.apply()
    assert calls(worker.chat) == (0, 0)


def test_a_worker_that_ends_logs_out(worker: Site) -> None:
    worker.apply()
    calls(worker.chat)
    kept_login.give_up([WORKER])
    assert calls(worker.chat) == (0, 1)
    assert not KeptLogin.objects.exists()


def test_what_a_killed_worker_left_is_given_up_by_the_next_one(worker: Site) -> None:
    worker.apply()
    calls(worker.chat)
    clusters_alive(WORKER)
    kept_login.give_up_left_behind()
    assert calls(worker.chat) == (0, 0)
    clusters_alive("machine/2")
    kept_login.give_up_left_behind()
    assert calls(worker.chat) == (0, 1)


def test_a_worker_ends_although_the_server_is_away(worker: Site, settings: Any) -> None:
    worker.apply()
    worker.chat.fault("reset", endpoint="logout")
    kept_login.give_up([WORKER])
    assert not KeptLogin.objects.exists()


def test_a_process_that_keeps_its_own_logs_out_when_it_ends(
    worker: Site, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_end: list[Any] = []
    monkeypatch.setattr(
        util, "Finalize", lambda _, end, args, **_options: at_end.append((end, args))
    )
    settings.RCSYNC_SECRET_KEYS = []
    worker.apply()
    calls(worker.chat)
    [(end, args)] = at_end
    end(*args)
    assert calls(worker.chat) == (0, 1)


def test_a_log_in_that_no_key_opens_is_forgotten(worker: Site, settings: Any) -> None:
    worker.apply()
    settings.RCSYNC_SECRET_KEYS = [Fernet.generate_key().decode()]
    kept_login.give_up([WORKER])
    assert not KeptLogin.objects.exists()


def test_a_log_in_of_another_server_is_forgotten_and_sent_nowhere(worker: Site) -> None:
    worker.apply()
    calls(worker.chat)
    KeptLogin.objects.update(server="https://another.example:443")
    kept_login.give_up([WORKER])
    assert calls(worker.chat) == (0, 0)
    assert not KeptLogin.objects.exists()


def test_a_token_needs_no_log_in_and_none_is_kept(worker: Site, settings: Any) -> None:
    token = {"user_id": ADMIN_ID, "auth_token": ADMIN_TOKEN, "username": "", "password": ""}
    settings.ROCKETCHAT = {**settings.ROCKETCHAT, **token}
    worker.apply()
    assert calls(worker.chat) == (0, 0)
    assert not KeptLogin.objects.exists()


def test_the_doctor_advises_a_token_where_a_worker_runs_on_a_password(worker: Site) -> None:
    def advice() -> list[str]:
        checks = diagnostics.check_chat()
        return [c.fix for c in checks if c.status is CheckStatus.WARNING and "token" in c.fix]

    without = advice()
    clusters_alive(WORKER)
    assert len(advice()) == len(without) + 1
    assert ADMIN_PASSWORD not in str(advice())
