"""The doctor: every check of Moodle, of Rocket.Chat and of our own tables, for the command and the
admin.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.migrations.executor import MigrationExecutor

from integration.domain.checks import Check, CheckStatus
from integration.domain.errors import SyncError
from integration.domain.messages import msg
from integration.domain.policy import Policy
from integration.fields import UnreadableSecret
from integration.models import IntegratedCourse, IntegrationSettings, LinkKey, LtiPlatform
from integration.services.ledger import heartbeat
from integration.services.ledger.policy import load_policy, missing_choices
from integration.services.monitoring.own_database import explain_own
from integration.services.monitoring.own_text import check_own_text
from integration.services.moodle.doctor import check_moodle
from integration.services.moodle.reader import MoodleReader
from integration.services.rocketchat import RocketChat, check_access, check_rocketchat
from integration.services.runs import connection_test
from integration.services.runs.configured_connection import rocketchat_connection


def all_checks() -> list[Check]:
    """Never raises: what cannot be looked at is a failed check."""
    own = check_own_tables()
    if any(check.status is CheckStatus.FAILED for check in own):
        return own
    return [*own, *check_moodle(), *check_chat(), *check_choices()]


def check_own_tables() -> list[Check]:
    """Our own database answers, and its tables are those of this version."""
    name = msg("rcsync's tables")
    try:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        narrow = check_own_text()
    except Error as error:
        cause = explain_own(error)
        return [Check(name, CheckStatus.FAILED, cause.message, cause.hint)]
    if missing:
        found = msg("{count} changes of the tables are missing", count=len(missing))
        return [Check(name, CheckStatus.FAILED, found, msg("Run ./rcsync migrate"))]
    up_to_date = Check(name, CheckStatus.OK, msg("up to date"))
    return [up_to_date, *narrow, _secrets(), *_link_key(), *_lti()]


def check_chat() -> list[Check]:
    """Rocket.Chat, with the connection that the settings name."""
    return [*_tested(check_rocketchat), *_worker_log_in()]


def check_access_to_chat() -> list[Check]:
    """Only whether the connection works: a handful of requests."""
    return _tested(check_access)


def _tested(checks: Callable[..., list[Check]]) -> list[Check]:
    """What the settings can need is looked for. The result is kept for the pages."""
    try:
        connection = rocketchat_connection()
        with RocketChat(connection) as client:
            found = checks(client, _policy(), bulk_import=_bulk_import())
    except SyncError as error:
        return [Check("Rocket.Chat", CheckStatus.FAILED, error.message, error.hint)]
    connection_test.remember(connection, found)
    return found


def _policy() -> Policy | None:
    """None where Moodle does not tell its roles: that has a check of its own."""
    try:
        return load_policy(MoodleReader().roles())
    except SyncError:
        return None


def _bulk_import() -> bool:
    try:
        return IntegrationSettings.load().bulk_import
    except UnreadableSecret:
        return False


def _worker_log_in() -> list[Check]:
    """A worker logs in where others bring a token: what can go wrong with that, it can avoid."""
    try:
        by_password = rocketchat_connection().credentials.by_password
    except SyncError:  # told by the checks above
        return []
    if not (by_password and heartbeat.worker_alive()):
        return []
    found = msg("a worker runs on a username and a password, so it has to log in")
    if not settings.RCSYNC_SECRET_KEYS:
        found = msg("{found}, separately for each of its processes", found=found)
    fix = msg(
        "Give it a personal access token of the bot (in Rocket.Chat: the bot's "
        "account, Personal Access Tokens, ignoring two-factor authentication): it "
        "needs no log-in and does not expire."
    )
    return [Check(msg("Log-in of the worker"), CheckStatus.WARNING, found, fix)]


def check_choices() -> list[Check]:
    """What the administrator has to choose before anything can be synced."""
    name = msg("Selection")
    try:
        missing = missing_choices(load_policy(MoodleReader().roles()))
    except SyncError as error:
        return [Check(name, CheckStatus.FAILED, error.message, error.hint)]
    if not IntegratedCourse.objects.exists():
        found, fix = msg("No course is integrated."), msg("Add one under Integrated courses.")
        missing.append((found, fix))
    if not missing:
        return [Check(name, CheckStatus.OK, msg("patterns, roles and courses are chosen"))]
    return [Check(name, CheckStatus.WARNING, found, fix) for found, fix in missing]


def _secrets() -> Check:
    try:
        IntegrationSettings.load()
    except Exception as error:  # noqa: BLE001  # whatever it is, the administrator has to see it
        return Check(msg("Stored secrets"), CheckStatus.FAILED, str(error))
    return Check(msg("Stored secrets"), CheckStatus.OK, msg("readable"))


def _link_key() -> list[Check]:
    """Says something only where links to channels cannot be checked."""
    name = msg("Links to channels")
    try:
        LinkKey.objects.first()
    except UnreadableSecret:
        found = msg("The key that signs them cannot be decrypted with RCSYNC_SECRET_KEYS.")
        fix = msg("Put the old key back: without it, links that were pasted into courses are lost.")
        return [Check(name, CheckStatus.FAILED, found, fix)]
    return []


def _lti() -> list[Check]:
    """Of the activity in Moodle; nothing as long as no registration is switched on."""
    name = msg("Moodle activity (LTI)")
    platforms = list(LtiPlatform.objects.filter(enabled=True).prefetch_related("deployments"))
    if not platforms:
        return []
    if find_spec("jwt") is None:
        found = msg("PyJWT is not installed, so every launch is refused.")
        return [Check(name, CheckStatus.FAILED, found, msg("Run ./rcsync install --extra lti"))]
    bare = [platform.name for platform in platforms if not platform.deployments.all()]
    if bare:
        found = msg("without a deployment, so refused: {names}", names=", ".join(bare))
        fix = msg("Add the deployment ID that Moodle shows for the tool.")
        return [Check(name, CheckStatus.WARNING, found, fix)]
    names = ", ".join(platform.name for platform in platforms)
    return [Check(name, CheckStatus.OK, msg("registered: {names}", names=names))]


RANK = {CheckStatus.FAILED: 0, CheckStatus.WARNING: 1, CheckStatus.OK: 2}


@dataclass(frozen=True, slots=True)
class Checked:
    """The checks of one side."""

    side: str
    checks: tuple[Check, ...]

    @property
    def worst(self) -> str:
        return min((check.status for check in self.checks), key=RANK.__getitem__).value

    @property
    def bad(self) -> int:
        return sum(check.status is not CheckStatus.OK for check in self.checks)


def checks_by_side() -> list[Checked]:
    """Each side on its own, so that one that fails hides nothing of the others."""
    return [
        _checked("Moodle", check_moodle()),
        _checked("Rocket.Chat", _possible("Rocket.Chat", check_chat)),
        _checked(
            "rcsync",
            [*check_own_tables(), *_possible("Choices", check_choices)],
        ),
    ]


def _possible(name: str, checks: Callable[[], list[Check]]) -> list[Check]:
    """Without readable settings the other checks are not possible; that is a finding too."""
    try:
        return checks()
    except ImproperlyConfigured as error:
        return [Check(name, CheckStatus.FAILED, str(error))]


def _checked(side: str, checks: Iterable[Check]) -> Checked:
    return Checked(side, tuple(sorted(checks, key=lambda check: RANK[check.status])))
