"""How the admin's pages and the pruning behave over large tables: statements and time of each.

    ./rcsync python benchmarks/admin.py --scale 0.05
    ./rcsync python benchmarks/admin.py --scale 1 --database mariadb --prune

Fills a throw-away database with plain SQL (`admin_rows.py`). Scale 1 is 5,000 courses, 50,000
channels, 500,000 accounts, 1,500,000 memberships, 10,000,000 operations in 20,000 runs (half of
them in the first one) and as many entries of the audit trail; it needs 10 GB of disk. Moodle is not
there, so no page asks it. The exit status is 0 when no page needs more statements than over fewer
rows, and none has a condition on a big table that no index helps with (`admin_plans.py`).
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from benchmarks.leftovers import leaving_nothing
from benchmarks.site import BUFFER_MEGABYTES
from tests.support.servers import running_mariadb, running_postgres

MOST_AT_FIRST = 0.01  # the smaller size is a tenth of the greater one, but at most this
MOST_SEARCHED = 50_000  # rows, as the pages have it
LOG_BYTES = 2 << 30  # of changes that MariaDB has not written into its tables yet
PAGES = (
    "/admin/",
    "/admin/find/?q=group+77",
    "/admin/integration/integratedcourse/",
    "/admin/integration/integratedcourse/?q=Course+7",
    "/admin/integration/integratedcourse/?state=failing",
    "/admin/integration/integratedcourse/7/change/",
    "/admin/integration/channellink/",
    "/admin/integration/channellink/?q=group+77",
    "/admin/integration/channellink/?origin=adopted",
    "/admin/integration/channellink/?p=2",
    "/admin/integration/channellink/77/change/",
    "/admin/integration/accountlink/",
    "/admin/integration/accountlink/?q=person77",
    "/admin/integration/accountlink/?q=nobody",
    "/admin/integration/accountlink/?active=no",
    "/admin/integration/accountlink/?o=2",
    "/admin/integration/accountlink/77/change/",
    "/admin/integration/managedmembership/",
    "/admin/integration/managedmembership/?q=person77",
    "/admin/integration/managedmembership/?q=nobody",
    "/admin/integration/managedmembership/?ours__exact=0",
    "/admin/integration/managedmembership/?room_role__exact=moderator",
    "/admin/integration/managedmembership/?o=1",
    "/admin/integration/syncrun/",
    "/admin/integration/syncrun/?q=nobody",
    "/admin/integration/syncrun/?kind__exact=preview",
    "/admin/integration/syncrun/1/change/",
    "/admin/integration/syncrun/1/change/?search=nobody",
    "/admin/integration/syncrun/1/change/?course=7",
    "/admin/integration/syncrun/{last}/change/",
    "/admin/integration/conflict/?status__exact=open",
    "/admin/integration/conflict/?q=nobody",
    "/admin/integration/pendingending/",
    "/admin/integration/auditentry/",
    "/admin/integration/auditentry/?q=person77",
    "/admin/integration/auditentry/?q=nobody",
    "/admin/integration/auditentry/?person=person77",
    "/admin/integration/auditentry/?course=C7",
    "/admin/integration/auditentry/?action=add_members",
    "/admin/integration/auditentry/?action=claim",
    "/admin/integration/auditentry/?actor_kind__exact=person",
    "/admin/integration/auditentry/?result__exact=failed",
    "/admin/integration/auditentry/?at_from={day}&at_to={day}",
    "/admin/integration/auditentry/{entry}/change/",
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
    whole: tuple[str, ...]  # big tables that are read whole, with the statement


def main() -> int:
    options = _options()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rcsync-benchmark-"))
        _start_django(_database(options.database, folder, stack), folder)
        small = _measured(min(options.scale / 10, MOST_AT_FIRST), clear=False)
        found = _measured(options.scale, clear=True)
        more = _told(found, small, options.slow)
        broken = [one.page for one in (*small, *found) if one.status != 200]
        if options.prune:
            _prune()
        _close()
    whole = [f"{one.page}: {text}" for one in found for text in one.whole]
    print(
        "\n".join(f"NO INDEX: {line}" for line in whole)
        or "No condition on a big table is without an index."
    )
    if broken:
        print(f"No answer 200: {', '.join(broken)}")
    print(f"MORE: {', '.join(more)}" if more else "No page needs more statements than before.")
    return 1 if more or broken or whole else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scale", type=float, default=0.01, metavar="N")
    parser.add_argument("--database", choices=("sqlite", "mariadb", "postgresql"), default="sqlite")
    parser.add_argument("--prune", action="store_true", help="prune half of the history at the end")
    parser.add_argument("--slow", type=float, default=0.3, help="tell the statement from here on")
    return parser.parse_args()


def _database(kind: str, folder: str, stack: ExitStack) -> str:
    """The address of an empty database that ends with the benchmark."""
    if kind == "mariadb":
        mariadb = stack.enter_context(running_mariadb(BUFFER_MEGABYTES))
        mariadb.sql(f"SET GLOBAL innodb_log_file_size = {LOG_BYTES}")
        return mariadb.url(mariadb.create_database())
    if kind == "postgresql":
        postgres = stack.enter_context(running_postgres())
        postgres.sql("ALTER SYSTEM SET max_wal_size = '4GB'")
        postgres.sql("SELECT pg_reload_conf()")
        return postgres.url(postgres.create_database())
    return f"sqlite:///{folder}/own.sqlite3"


def _close() -> None:
    from django.db import connections

    connections.close_all()


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


# --- measuring ------------------------------------------------------------------------------------


def _measured(scale: float, *, clear: bool) -> list[Figure]:
    from django.utils import timezone

    from benchmarks import admin_rows
    from integration.models import AuditEntry
    from integration.services.admin import audit_lists, runs

    numbers = admin_rows.numbers_at(scale)
    # So that a search ends before the last row at every size.
    bound = min(MOST_SEARCHED, numbers["operations"] // 10)
    audit_lists.MOST_SEARCHED = runs.MOST_SEARCHED = bound
    started = time.perf_counter()
    if clear:
        admin_rows.clear()
    admin_rows.fill(numbers)
    print(
        ", ".join(f"{count:,} {name}" for name, count in numbers.items()),
        f"(filled in {time.perf_counter() - started:.0f} s)",
        flush=True,
    )
    day = timezone.localdate() - timedelta(days=20)
    entry = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True)[0]
    _client().get("/admin/")  # templates are compiled, kinds of content are known
    return [_figure(page.format(last=numbers["runs"], day=day, entry=entry)) for page in PAGES]


def _figure(page: str) -> Figure:
    from benchmarks import admin_plans

    client = _client()
    with _watching() as statements:
        started = time.perf_counter()
        answer = client.get(page)
        seconds = time.perf_counter() - started
    slowest = max(statements, key=lambda one: one[0], default=(0.0, "", ()))
    return Figure(
        page,
        answer.status_code,
        len(statements),
        seconds,
        f"{slowest[0]:.2f} s {slowest[1]}",
        tuple(
            f"{table} by {sql[:3000]}"
            for _seconds, sql, params in statements
            for table in admin_plans.whole_tables(sql, params)
        ),
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
def _watching() -> Iterator[list[tuple[float, str, Any]]]:
    """The statements in our own database: seconds, text, parameters."""
    from django.db import connection

    seen: list[tuple[float, str, Any]] = []

    def on_statement(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            seen.append((time.perf_counter() - started, sql, params))

    with connection.execute_wrapper(on_statement):
        yield seen


def _told(found: list[Figure], small: list[Figure], slow: float) -> list[str]:
    """Prints the figures; pages that need more statements than over fewer rows."""
    print(f"\n{'page':<66}{'statements':>11}{'fewer rows':>12}{'seconds':>9}{'fewer rows':>12}")
    more = []
    for one, before in zip(found, small, strict=True):
        print(
            f"{one.page:<66}{one.statements:>11}{before.statements:>12}"
            f"{one.seconds:>9.2f}{before.seconds:>12.2f}" + ("" if one.status == 200 else "  !")
        )
        if one.seconds > slow:
            print(f"    {one.slowest[:1000]}")
        if one.statements > before.statements:
            more.append(one.page)
    slowest = max(found, key=lambda one: one.seconds)
    print(f"\nThe slowest page: {slowest.page} {slowest.seconds:.2f} s\n")
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
    longest = max(statements, key=lambda one: one[0])
    print(
        f"Pruned {runs:,} runs in {seconds:.1f} s, {len(statements):,} statements, "
        f"the longest {longest[0]:.2f} s: {longest[1][:200]}\n"
    )


if __name__ == "__main__":
    sys.exit(leaving_nothing(main))
