"""How the admin's pages and the pruning behave over large tables: statements and time of each.

    ./rcsync python benchmarks/admin.py --scale 0.05
    ./rcsync python benchmarks/admin.py --scale 1 --prune

Fills a throw-away database with plain SQL. Scale 1 is 5,000 courses, 50,000 channels, 1,500,000
memberships, 10,000,000 operations in 20,000 runs (half of them in the first one) and as many
entries of the audit trail. The exit status is 0 when no page needs more statements than at a tenth
of the size.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

SIZES = {
    "courses": 5_000,
    "channels": 50_000,
    "accounts": 500_000,
    "memberships": 1_500_000,
    "runs": 20_000,
    "operations": 10_000_000,
}
FEWEST = {"courses": 20, "channels": 100, "accounts": 200, "runs": 40}
PAGES = (
    "/admin/",
    "/admin/integration/integratedcourse/",
    "/admin/integration/channellink/",
    "/admin/integration/channellink/?q=group+77",
    "/admin/integration/channellink/?p=2",
    "/admin/integration/accountlink/",
    "/admin/integration/accountlink/?q=person77",
    "/admin/integration/managedmembership/",
    "/admin/integration/managedmembership/?q=person77",
    "/admin/integration/syncrun/",
    "/admin/integration/syncrun/1/change/",
    "/admin/integration/syncrun/{last}/change/",
    "/admin/integration/conflict/?status__exact=open",
    "/admin/integration/auditentry/",
    "/admin/integration/auditentry/?q=person77",
    "/admin/integration/auditentry/?action=add_members",
    "/admin/failures/",
)


@dataclass(frozen=True)
class Figure:
    """What one page cost."""

    page: str
    status: int
    statements: int
    seconds: float
    slowest: str  # the statement that took longest, with its time


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="rcsync-benchmark-") as folder:
        _start_django(options.database or f"sqlite:///{folder}/own.sqlite3", folder)
        small = _measured(options.scale / 10, clear=False)
        found = _measured(options.scale, clear=True)
        more = _told(found, small, options.slow)
        broken = [one.page for one in (*small, *found) if one.status != 200]
        if options.prune:
            _prune()
    if broken:
        print(f"No answer 200: {', '.join(broken)}")
    print(f"MORE: {', '.join(more)}" if more else "No page needs more statements than before.")
    return 1 if more or broken else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scale", type=float, default=0.01, metavar="N")
    parser.add_argument("--database", help="address of an empty database; default: SQLite")
    parser.add_argument("--prune", action="store_true", help="prune half of the history at the end")
    parser.add_argument("--slow", type=float, default=0.3, help="tell the statement from here on")
    return parser.parse_args()


def _start_django(database: str, folder: str) -> None:
    import django

    from benchmarks.site import _environment

    os.environ.update(_environment(database, "", "http://127.0.0.1:9"))
    os.environ.update({"SECURE_SSL": "off", "ALLOWED_HOSTS": "*", "MOODLE_DATABASE_URL": ""})
    os.environ["RCSYNC_STATIC_DIR"] = folder  # nothing is collected; it has to be there
    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    call_command("migrate", verbosity=0)


# --- filling --------------------------------------------------------------------------------------


def _measured(scale: float, *, clear: bool) -> list[Figure]:
    numbers = {name: max(int(size * scale), FEWEST.get(name, 0)) for name, size in SIZES.items()}
    started = time.perf_counter()
    if clear:
        _clear()
    _fill(numbers)
    print(
        ", ".join(f"{count:,} {name}" for name, count in numbers.items()),
        f"(filled in {time.perf_counter() - started:.0f} s)",
    )
    return [_figure(page.format(last=numbers["runs"])) for page in PAGES]


def _clear() -> None:
    from django.db import connection

    from integration import models

    with connection.cursor() as cursor:
        for name in ("SyncOperation", "SyncRunCourse", "ManagedMembership", "AccountLink"):
            cursor.execute(f"DELETE FROM {getattr(models, name)._meta.db_table}")
        cursor.execute("UPDATE integration_integratedcourse SET last_run_id = NULL")
        for name in ("SyncRun", "ChannelLink", "IntegratedCourse", "AuditEntry"):
            cursor.execute(f"DELETE FROM {getattr(models, name)._meta.db_table}")


def _fill(numbers: dict[str, int]) -> None:
    """Rows whose ids begin at 1; i is the number of the row."""
    from django.db import connection, transaction
    from django.utils import timezone

    from integration.models import (
        AccountLink,
        AuditEntry,
        ChannelLink,
        IntegratedCourse,
        ManagedMembership,
        SyncOperation,
        SyncRun,
    )

    courses, channels, accounts = (numbers[n] for n in ("courses", "channels", "accounts"))
    runs, operations = numbers["runs"], numbers["operations"]
    old = timezone.now() - timedelta(days=60)
    course = f"(1 + i % {courses})"
    user = f"(1 + (i * 7) % {accounts})"
    half = operations // 2
    run = f"(CASE WHEN i <= {half} THEN 1 ELSE 1 + i % {runs} END)"
    status = "(CASE WHEN i % 50000 = 0 THEN 'failed' ELSE 'done' END)"
    with transaction.atomic(), connection.cursor() as cursor:
        fill = _filler(cursor)
        apart = {"status": "'done'", "kind": "'apply'", "trigger": "'schedule'"}
        fill(SyncRun, runs, {"id": "i", **apart}, started_at=old, finished_at=old)
        names = {"shortname": "'C' || i", "fullname": "'Course ' || i"}
        fill(
            IntegratedCourse,
            courses,
            {"id": "i", "course_id": "i", **names, "last_run_id": f"1 + i % {runs}"},
        )
        fill(
            ChannelLink,
            channels,
            {
                "id": "i",
                "moodle_group_id": "i",
                "moodle_course_id": course,
                "room_id": "'room' || i",
                "name": "'group ' || i",
                "users_count": "30",
            },
        )
        fill(
            AccountLink,
            accounts,
            {
                "id": "i",
                "moodle_user_id": "i",
                "rocketchat_user_id": "'user' || i",
                "username": "'person' || i",
            },
        )
        spread = f"1 + (i / {channels} + i * 31) % {accounts}"
        member = {"id": "i", "channel_id": f"1 + i % {channels}", "account_id": spread}
        fill(ManagedMembership, numbers["memberships"], member)
        about = {"moodle_user_id": user, "moodle_course_id": course}
        kind = "'add_members'"
        what = {"description": "'person' || i || ' joins'", "reason": "'role student'"}
        fill(
            SyncOperation,
            operations,
            {"run_id": run, "position": "i", "kind": kind, "status": status, **about, **what},
            finished_at=old,
        )
        entry = {"action": kind, "subject": "'person' || i || ' joins'", "run_id": run, **about}
        fill(AuditEntry, operations, {**entry, "actor_kind": "'schedule'"}, at=old)
        cursor.execute("ANALYZE")


def _filler(cursor: Any) -> Callable[..., None]:
    """`fill(model, count, {column: SQL of i}, field=value)`; other fields have their default."""
    from django.db import connection
    from django.utils import timezone

    def fill(model: Any, count: int, expressions: dict[str, str], **values: Any) -> None:
        columns, parts, given = [], [], []
        for field in model._meta.concrete_fields:
            if field.primary_key and field.column not in expressions:
                continue
            columns.append(connection.ops.quote_name(field.column))
            if field.column in expressions:
                parts.append(expressions[field.column])
                continue
            value = values.get(field.name, field.get_default())
            if getattr(field, "auto_now_add", False) and field.name not in values:
                value = timezone.now()
            parts.append("%s")
            given.append(field.get_db_prep_save(value, connection))
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) "
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "
            f"SELECT {', '.join(parts)} FROM n".replace("i % ", "i %% ").replace(") % ", ") %% "),
            given,
        )

    return fill


# --- measuring ------------------------------------------------------------------------------------


def _figure(page: str) -> Figure:
    client = _client()
    client.get("/admin/login/")  # templates are compiled, the connection is open
    with _watching() as statements:
        started = time.perf_counter()
        answer = client.get(page)
        seconds = time.perf_counter() - started
    slowest = max(statements, default=(0.0, ""))
    return Figure(
        page, answer.status_code, len(statements), seconds, f"{slowest[0]:.2f} s {slowest[1]}"
    )


def _client() -> Any:
    from django.contrib.auth.models import User
    from django.test import Client

    user, _created = User.objects.get_or_create(
        username="root", defaults={"is_staff": True, "is_superuser": True}
    )
    client = Client(raise_request_exception=True)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@contextmanager
def _watching() -> Iterator[list[tuple[float, str]]]:
    """The statements in our own database: seconds and text."""
    from django.db import connection

    seen: list[tuple[float, str]] = []

    def on_statement(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            seen.append((time.perf_counter() - started, sql))

    with connection.execute_wrapper(on_statement):
        yield seen


def _told(found: list[Figure], small: list[Figure], slow: float) -> list[str]:
    """Prints the figures; pages that need more statements than at a tenth of the size."""
    print(f"\n{'page':<58}{'statements':>11}{'at a tenth':>11}{'seconds':>9}{'a tenth':>9}")
    more = []
    for one, before in zip(found, small, strict=True):
        print(
            f"{one.page:<58}{one.statements:>11}{before.statements:>11}"
            f"{one.seconds:>9.2f}{before.seconds:>9.2f}" + ("" if one.status == 200 else "  !")
        )
        if one.seconds > slow:
            print(f"    {one.slowest[:1000]}")
        if one.statements > before.statements:
            more.append(one.page)
    print()
    return more


def _prune() -> None:
    from integration.models import IntegrationSettings
    from integration.services.background import jobs

    IntegrationSettings.objects.filter(pk=1).update(history_days=30, audit_days=30)
    IntegrationSettings.load()
    with _watching() as statements:
        started = time.perf_counter()
        runs = jobs.prune()
        seconds = time.perf_counter() - started
    longest = max(statements)
    print(
        f"Pruned {runs:,} runs in {seconds:.1f} s, {len(statements):,} statements, "
        f"the longest {longest[0]:.2f} s: {longest[1][:200]}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
