"""Rows for the tables of the admin, in the millions, made by the database itself.

Every column is an SQL expression of `i`, the number of the row from 1 on, so that nothing is sent
but a statement for each STEP rows.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from integration.models import (
    AccountLink,
    AuditEntry,
    ChannelLink,
    Conflict,
    IntegratedCourse,
    ManagedMembership,
    PendingEnding,
    SyncOperation,
    SyncRun,
    SyncRunCourse,
)

SIZES = {
    "courses": 5_000,
    "channels": 50_000,
    "accounts": 500_000,
    "memberships": 1_500_000,
    "runs": 20_000,
    "operations": 10_000_000,
    "conflicts": 10_000,
    "endings": 10_000,
}
FEWEST = {"courses": 20, "channels": 100, "accounts": 200, "runs": 120}
DAYS = 60  # of history, as many runs on each
STEP = 200_000  # rows of one statement
TABLES = (
    SyncOperation,
    SyncRunCourse,
    ManagedMembership,
    AccountLink,
    SyncRun,
    ChannelLink,
    IntegratedCourse,
    AuditEntry,
    Conflict,
    PendingEnding,
)


def numbers_at(scale: float) -> dict[str, int]:
    """How many rows of each kind; 1 is an installation of half a million people."""
    return {name: max(int(size * scale), FEWEST.get(name, 0)) for name, size in SIZES.items()}


def clear() -> None:
    """Every table that `fill` fills is empty afterwards."""
    IntegratedCourse.objects.update(last_run=None)
    with connection.cursor() as cursor:
        for model in TABLES:
            cursor.execute(f"DELETE FROM {model._meta.db_table}")


def fill(numbers: Mapping[str, int]) -> None:
    """Half of the operations are in the first run, the others in the runs of DAYS days, the newest
    last; one of 500 failed.
    """
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:  # `||` joins texts, keys are right by construction
            cursor.execute("SET SESSION sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT')")
            cursor.execute("SET SESSION unique_checks = 0, foreign_key_checks = 0")
    _runs(numbers)
    _links(numbers)
    _history(numbers)
    _waiting(numbers)
    with connection.cursor() as cursor:
        for model in TABLES:
            word = "ANALYZE TABLE" if connection.vendor == "mysql" else "ANALYZE"
            cursor.execute(f"{word} {model._meta.db_table}")


def _runs(numbers: Mapping[str, int]) -> None:
    text = {"status": "'done'", "kind": "'apply'", "trigger": "'schedule'"}
    half = numbers["operations"] // 2
    counts = {"done_count": f"(CASE WHEN i = 1 THEN {half} ELSE {half // numbers['runs']} END)"}
    for first, last, moment in _days(numbers["runs"]):
        times = {"started_at": moment, "alive_at": moment, "finished_at": moment}
        _insert(SyncRun, last, {"id": "i", **text, **counts}, first, planned={}, **times)


def _links(numbers: Mapping[str, int]) -> None:
    courses, channels, accounts = (numbers[name] for name in ("courses", "channels", "accounts"))
    runs = numbers["runs"]
    names = {"shortname": "'C' || i", "fullname": "'Course ' || i"}
    last_run = f"{runs} - i % {max(1, runs // 10)}"
    _insert(
        IntegratedCourse,
        courses,
        {"id": "i", "course_id": "i", **names, "last_run_id": last_run},
        last_success=timezone.now(),
    )
    _insert(
        SyncRunCourse,
        courses * 8,
        {"run_id": f"{runs} - {_whole('i - 1', courses)}", "course_id": f"1 + i % {courses}"},
    )
    _insert(
        ChannelLink,
        channels,
        {
            "id": "i",
            "moodle_group_id": "i",
            "moodle_course_id": f"1 + i % {courses}",
            "room_id": "'room' || i",
            "name": "'group ' || i",
            "group_name": "'Group ' || i",
            "users_count": "30",
        },
    )
    _insert(
        AccountLink,
        accounts,
        {
            "id": "i",
            "moodle_user_id": "i",
            "rocketchat_user_id": "'user' || i",
            "username": "'person' || i",
            "moodle_username": "'p' || i",
            "moodle_email": "'person' || i || '@example.org'",
        },
    )
    account = f"1 + ({_whole('i', channels)} + i * 31) % {accounts}"
    _insert(
        ManagedMembership,
        numbers["memberships"],
        {"id": "i", "channel_id": f"1 + i % {channels}", "account_id": account},
    )


def _history(numbers: Mapping[str, int]) -> None:
    """Operations and what the audit trail has of each, by the days of their runs."""
    operations = numbers["operations"]
    half = operations // 2
    each = -(-half // (numbers["runs"] - 1))  # operations of every run but the first
    run = f"(CASE WHEN i <= {half} THEN 1 ELSE 2 + {_whole(f'i - {half} - 1', each)} END)"
    about = {
        "moodle_user_id": f"1 + (i * 7) % {numbers['accounts']}",
        "moodle_group_id": f"1 + i % {numbers['channels']}",
        "moodle_course_id": f"1 + i % {numbers['courses']}",
    }
    kind = "(CASE WHEN i % 2 = 0 THEN 'add_members' ELSE 'remove_member' END)"
    joins = "'person' || i || ' joins'"
    operation = {
        "run_id": run,
        "position": f"(CASE WHEN i <= {half} THEN i - 1 ELSE (i - {half} - 1) % {each} END)",
        "kind": kind,
        "status": "(CASE WHEN i % 500 = 0 THEN 'failed' ELSE 'done' END)",
        "error": "(CASE WHEN i % 500 = 0 THEN 'Rocket.Chat refused it' ELSE '' END)",
        "description": joins,
        "reason": "'role student'",
        **about,
    }
    entry = {"run_id": run, "action": kind, "subject": joins, "actor_kind": "'schedule'", **about}
    oldest = timezone.now() - timedelta(days=DAYS)
    spans = [(1, half, oldest)]
    spans += [(half + first, half + last, at) for first, last, at in _days(operations - half)]
    for first, last, moment in spans:
        _insert(SyncOperation, last, operation, first, finished_at=moment)
        _insert(AuditEntry, last, entry, first, at=moment)


def _waiting(numbers: Mapping[str, int]) -> None:
    """What waits for a person, and what waits for its day."""
    _insert(
        Conflict,
        numbers["conflicts"],
        {
            "kind": "'email_missing'",
            "moodle_user_id": "i",
            "moodle_side": "'person' || i || ' has no e-mail address'",
            "status": "(CASE WHEN i % 5 = 0 THEN 'open' ELSE 'solved' END)",
        },
        last_seen=timezone.now(),
    )
    _insert(
        PendingEnding,
        numbers["endings"],
        {
            "key": "'remove_member:' || i",
            "moodle_user_id": "i",
            "kind": "'remove_member'",
            "description": "'person' || i || ' leaves'",
            "reason": "'not enrolled any more'",
            "since": "1",
            "due": "2000000000 + i",
        },
    )


def _days(rows: int) -> list[tuple[int, int, datetime]]:
    """(first row, last row, moment) of each day, the oldest first."""
    now = timezone.now()
    bounds = [rows * day // DAYS for day in range(DAYS + 1)]
    return [
        (bounds[day] + 1, bounds[day + 1], now - timedelta(days=DAYS - 1 - day))
        for day in range(DAYS)
    ]


def _whole(number: str, divisor: int) -> str:
    """`number` divided, without the rest: `/` does not mean that everywhere."""
    return f"(({number} - ({number}) % {divisor}) / {divisor})"


def _insert(
    model: Any, last: int, expressions: Mapping[str, str], first: int = 1, **values: Any
) -> None:
    """Rows `first` to `last`: columns by SQL, fields by value, and else by their default."""
    names, parts, given = [], [], []
    for field in model._meta.concrete_fields:
        if field.primary_key and field.column not in expressions:
            continue
        names.append(connection.ops.quote_name(field.column))
        if field.column in expressions:
            parts.append(expressions[field.column].replace("%", "%%"))
            continue
        value = values.get(field.name, field.get_default())
        if getattr(field, "auto_now_add", False) and field.name not in values:
            value = timezone.now()
        parts.append("%s")
        given.append(field.get_db_prep_save(value, connection))
    with connection.cursor() as cursor:
        for begin in range(first, last + 1, STEP):
            cursor.execute(
                f"INSERT INTO {model._meta.db_table} ({', '.join(names)}) "
                f"SELECT {', '.join(parts)} FROM {_series(begin, min(last, begin + STEP - 1))}",
                given,
            )


def _series(first: int, last: int) -> str:
    """A table of the numbers from `first` to `last`, as column i."""
    if connection.vendor == "mysql":
        return f"(SELECT seq AS i FROM seq_{first}_to_{last}) n"
    if connection.vendor == "postgresql":
        return f"generate_series({first}, {last}) AS n(i)"
    numbers = f"SELECT {first} AS i UNION ALL SELECT i + 1 FROM n WHERE i < {last}"
    return f"(WITH RECURSIVE n(i) AS ({numbers}) SELECT i FROM n) n"
