"""Is the configuration right? Django's system checks, and what `worker` and `run` ask first."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register
from django.db import Error as DatabaseError
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from integration.domain.errors import ConfigurationError, SyncError
from integration.services.monitoring.own_database import explain_own
from integration.services.moodle.reader import MoodleReader
from integration.services.runs.configured_connection import rocketchat_connection


@register("rcsync")
def check_cluster(**_options: Any) -> list[CheckMessage]:
    """The numbers of the cluster that depend on each other."""
    cluster: dict[str, Any] = settings.Q_CLUSTER
    found: list[CheckMessage] = []
    turns = cluster["queue_limit"] + 2
    if cluster["retry"] < cluster["timeout"] * turns:
        found.append(
            Error(
                "A task would be delivered a second time while it still waits.",
                hint=f"Q_CLUSTER's retry has to be at least timeout x {turns}.",
                id="rcsync.E001",
            )
        )
    if settings.WATCHDOG_SECONDS < 20:
        found.append(
            Error(
                f"RCSYNC_WATCHDOG_SECONDS is {settings.WATCHDOG_SECONDS}: a healthy cluster would "
                "be started again and again.",
                hint="It has to be 20 or more; 60 is usual.",
                id="rcsync.E002",
            )
        )
    if settings.EVENT_SECRET and len(settings.EVENT_SECRET) < 16:
        found.append(
            Error(
                "RCSYNC_EVENT_SECRET is too short to be a secret.",
                hint="Use 16 characters or more, for example from: openssl rand -hex 32",
                id="rcsync.E003",
            )
        )
    if any(len(key) < 16 for key in settings.LINK_KEYS):
        found.append(
            Error(
                "RCSYNC_LINK_KEY is too short: links to channels could be guessed.",
                hint="Use 16 characters or more, for example from: openssl rand -hex 32",
                id="rcsync.E004",
            )
        )
    if "orm" not in cluster:
        found.append(
            checks.Warning(
                "This broker loses tasks when a worker dies.",
                hint="The sweep calls again after a minute; the ORM broker needs no such help.",
                id="rcsync.W001",
            )
        )
    return found


def installation_problems() -> list[str]:
    """What keeps even the web pages from working, one sentence each."""
    try:
        executor = MigrationExecutor(connections["default"])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return ["rcsync's own tables are missing or out of date. Run: ./rcsync migrate"]
    except DatabaseError as error:
        return [str(explain_own(error))]
    return [
        f"{message.msg} {message.hint or ''}".strip()
        for message in check_cluster()
        if isinstance(message, Error)
    ]


def startup_problems() -> list[str]:
    """What keeps the worker from working, one sentence each. A server that is down is none."""
    problems = installation_problems()
    if problems:
        return problems
    for look in (rocketchat_connection, MoodleReader().roles):
        try:
            look()
        except ConfigurationError as error:
            problems.append(str(error))
        except SyncError:
            pass  # it may be well again soon: runs will say so
    return problems
