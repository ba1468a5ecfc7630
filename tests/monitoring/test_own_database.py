"""Errors of rcsync's own database: the true cause, for the doctor and for commands that start."""

from typing import Any

import pytest
from django.db import Error, NotSupportedError, OperationalError

from integration import checks
from integration.services.monitoring import diagnostics
from integration.services.monitoring.own_database import explain_own

pytestmark = pytest.mark.django_db

TOO_OLD = NotSupportedError("PostgreSQL 14 or later is required (found 13.14).")


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (TOO_OLD, "too old: PostgreSQL 14 or later is required (found 13.14).", "Upgrade that"),
        (OperationalError(1049, "Unknown database 'x'"), "Unknown database 'x'", "Create the"),
        (OperationalError(1045, "Access denied for user 'u'"), "Access denied", "the password"),
        (OperationalError(1040, "Too many connections"), "Too many", "too many connections"),
        (
            OperationalError("connection failed: FATAL: unsupported startup parameter: options"),
            "unsupported startup parameter",
            "Take options=… out of DATABASE_URL",
        ),
        (
            OperationalError(2003, "Can't connect to MySQL server on 'db' ([Errno 111] refused)"),
            "nothing answers there",
            "Check that the server runs",
        ),
    ],
)
def test_each_error_of_our_own_database_says_its_cause(
    error: Error, message: str, hint: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.close", lambda _self: 0)
    explained = explain_own(error)
    assert message in explained.message
    assert hint in explained.hint


def test_doctor_and_start_say_the_same_of_a_server_too_old(monkeypatch: Any) -> None:
    def refuse(*_: Any) -> None:
        raise TOO_OLD

    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.close", lambda _self: 0)
    monkeypatch.setattr("django.db.migrations.executor.MigrationExecutor.__init__", refuse)
    (check,) = diagnostics.check_own_tables()
    assert check.found.startswith("The server of rcsync's own database is too old: PostgreSQL 14")
    assert checks.installation_problems() == [f"{check.found} {check.fix}"]
    assert "firewall" not in check.fix
