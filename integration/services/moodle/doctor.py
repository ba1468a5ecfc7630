"""Is Moodle as rcsync needs it? One line per question, each with its repair."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from integration.domain.checks import Check, CheckStatus
from integration.domain.errors import SyncError
from integration.domain.messages import joined, msg
from integration.services.moodle import server, versions
from integration.services.moodle.connection import open_connection
from integration.services.moodle.errors import explain
from integration.services.moodle.log_store import standard_log_is_on
from integration.services.moodle.rights import grant, write_rights
from moodle.models import (
    TABLES,
    Config,
    Course,
    Group,
    GroupMember,
    LogEntry,
    User,
    table,
)
from moodle.router import MOODLE

CLOCK_SECONDS = 120


class Finding(NamedTuple):
    """The answer to one question."""

    status: CheckStatus
    found: str
    fix: str = ""


Question = Callable[[BaseDatabaseWrapper], Finding]


def check_moodle(clock: Callable[[], float] = time.time, alias: str = MOODLE) -> list[Check]:
    """Every check, in the order in which things have to be put right. Never raises SyncError."""
    try:
        connection = open_connection(alias)
    except SyncError as error:
        return [Check(msg("Moodle's database"), CheckStatus.FAILED, error.message, error.hint)]
    return list(_checks(connection, clock))


def _checks(connection: BaseDatabaseWrapper, clock: Callable[[], float]) -> Iterator[Check]:
    """Until one fails: those behind it would only say the same in other words."""
    clocks: Question = partial(_clocks, clock=clock)
    for name, question in {**QUESTIONS, msg("Moodle's clock"): clocks}.items():
        try:
            finding = question(connection)
        except Error as error:
            cause = explain(error, connection)
            finding = Finding(CheckStatus.FAILED, cause.message, cause.hint)
        yield Check(name, *finding)
        if finding.status is CheckStatus.FAILED:
            return


def _reachable(connection: BaseDatabaseWrapper) -> Finding:
    return Finding(CheckStatus.OK, server.description(connection))


def _tables(connection: BaseDatabaseWrapper) -> Finding:
    """Every table that rcsync reads, with every column."""
    for model in TABLES:
        columns = [column.attname for column in model._meta.concrete_fields]
        rows = model._default_manager.using(connection.alias)
        list(rows.values_list(*versions.readable(connection, model, columns))[:1])
    found: str = msg(
        "all {count} tables, with the prefix '{prefix}'", count=len(TABLES), prefix=table("")
    )
    absent = versions.absent_columns(connection)
    if absent:
        names = ", ".join(f"{model._meta.db_table}.{column}" for model, column in absent)
        found = joined("; ", [found, msg("this Moodle is older than {names}", names=names)])
    return Finding(CheckStatus.OK, found)


def _version(connection: BaseDatabaseWrapper) -> Finding:
    rows = Config.objects.using(connection.alias).filter(name__in=("version", "release"))
    settings = dict(rows.values_list("name", "value"))
    number = versions.number_of(settings.get("version", ""))
    if number is None:
        return Finding(
            CheckStatus.FAILED,
            msg("{table} contains no version", table=Config._meta.db_table),
            msg("Restore Moodle's database completely, or correct MOODLE_DATABASE_URL."),
        )
    found = settings.get("release") or str(number)
    if number < versions.OLDEST:
        fix = msg("rcsync supports Moodle 3.9 and newer: upgrade Moodle.")
        return Finding(CheckStatus.WARNING, found, fix)
    if number // 100 > versions.NEWEST_TRIED:
        found = msg(
            "{version} is newer than the versions rcsync was tested with (up to 5.1)", version=found
        )
        fix = msg("Try with a few courses first, and look for a newer rcsync.")
        return Finding(CheckStatus.WARNING, found, fix)
    return Finding(CheckStatus.OK, found)


def _content(connection: BaseDatabaseWrapper) -> Finding:
    people, courses, groups, memberships = (
        model._default_manager.using(connection.alias).count()
        for model in (User, Course, Group, GroupMember)
    )
    if not people or not courses:
        return Finding(
            CheckStatus.FAILED,
            msg(
                "{people} accounts and {courses} courses: no Moodle in use has so few",
                people=people,
                courses=courses,
            ),
            msg(
                "Check MOODLE_DATABASE_URL and MOODLE_DB_PREFIX, or restore the database "
                "completely."
            ),
        )
    return Finding(
        CheckStatus.OK,
        msg(
            "{people} accounts, {courses} courses, {groups} groups, {memberships} memberships",
            people=people,
            courses=courses - 1,
            groups=groups,
            memberships=memberships,
        ),
    )


def _session(connection: BaseDatabaseWrapper) -> Finding:
    refusal = server.refusal_to_write(connection)
    if refusal:
        return Finding(CheckStatus.OK, msg("a write was refused: {words}", words=refusal))
    return Finding(
        CheckStatus.FAILED,
        msg("the session would let rcsync write to Moodle's database"),
        msg(
            "Set MOODLE_DATABASE_URL, which opens read-only sessions, and not "
            "RCSYNC_MOODLE_TESTING."
        ),
    )


def _account(connection: BaseDatabaseWrapper) -> Finding:
    if connection.vendor == "sqlite":
        return Finding(CheckStatus.OK, msg("a file, which has no database accounts"))
    rights = write_rights(connection)
    if not rights:
        return Finding(CheckStatus.OK, msg("read-only"))
    return Finding(
        CheckStatus.WARNING,
        msg(
            "the account has rights to write: {rights}",
            rights="; ".join(rights[:3]),
        ),
        msg(
            "Create an account for rcsync alone with this right only: {statement}",
            statement=grant(connection, "rcsync"),
        ),
    )


def _characters(connection: BaseDatabaseWrapper) -> Finding:
    found = server.encoding(connection)
    if found in server.FULL_UNICODE:
        return Finding(CheckStatus.OK, found)
    return Finding(
        CheckStatus.WARNING,
        msg("{encoding}, which cannot store emoji and some scripts", encoding=found),
        msg("Convert the database with Moodle's admin/cli/mysql_collation.php."),
    )


def _log(connection: BaseDatabaseWrapper) -> Finding:
    if not standard_log_is_on(connection.alias):
        return Finding(
            CheckStatus.WARNING,
            msg(
                "the standard log is off, so changes are found by the schedule only, not by events"
            ),
            msg("Switch on 'Standard log' in Moodle under Plugins, Logging, Manage log stores."),
        )
    entries = LogEntry.objects.using(connection.alias).order_by("-id")
    newest = entries.values_list("timecreated", flat=True).first()
    if newest is None:
        return Finding(CheckStatus.OK, msg("on, but empty"))
    when = timezone.localtime(datetime.fromtimestamp(newest, UTC))
    found = msg("on, its newest entry is of {time}", time=f"{when:%Y-%m-%d %H:%M}")
    return Finding(CheckStatus.OK, found)


def _clocks(connection: BaseDatabaseWrapper, clock: Callable[[], float]) -> Finding:
    ahead = server.seconds(connection) - clock()
    distance = f"{abs(ahead):.0f}"
    found = msg("the database's clock is {seconds} s behind this machine's", seconds=distance)
    if distance == "0":
        found = msg("the database's clock agrees with this machine's")
    elif ahead > 0:
        found = msg("the database's clock is {seconds} s ahead of this machine's", seconds=distance)
    if abs(ahead) <= CLOCK_SECONDS:
        return Finding(CheckStatus.OK, found)
    fix = msg(
        "Synchronise both clocks by NTP: rcsync's clock decides when enrolments begin and end."
    )
    return Finding(CheckStatus.WARNING, found, fix)


QUESTIONS: dict[str, Question] = {
    msg("Moodle's database"): _reachable,
    msg("Moodle's tables"): _tables,
    msg("Moodle's version"): _version,
    msg("Moodle's content"): _content,
    msg("Moodle's session"): _session,
    msg("Moodle's account"): _account,
    msg("Moodle's character set"): _characters,
    msg("Moodle's log"): _log,
}
