"""The doctor: every check of Moodle, of Rocket.Chat and of our own tables, for the command and the
admin.
"""

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import DatabaseError

from integration.models import IntegratedCourse, IntegrationSettings
from integration.services.connections import rocketchat_connection
from integration.services.errors import SyncError
from integration.services.ledger.policy import gaps, load_policy
from integration.services.moodle_doctor import check_moodle
from integration.services.moodle_reader import MoodleReader
from integration.services.rocketchat import RocketChat, check_rocketchat
from integration.services.state import Check, CheckStatus


def check_everything() -> list[Check]:
    """Never raises: what cannot be looked at is a failed check."""
    own = check_own_tables()
    if any(check.status is CheckStatus.FAILED for check in own):
        return own
    return [*own, *check_moodle(), *check_chat(), *check_choices()]


def check_own_tables() -> list[Check]:
    """Our own database answers, and its tables are those of this version."""
    name = "rcsync's tables"
    try:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        return [
            Check(
                name,
                CheckStatus.FAILED,
                f"rcsync's own database does not answer: {error}",
                "Check DATABASE_URL and that the database server runs.",
            )
        ]
    if missing:
        found = f"{len(missing)} changes of the tables are missing"
        return [Check(name, CheckStatus.FAILED, found, "Run ./rcsync migrate")]
    return [Check(name, CheckStatus.OK, "up to date"), _secrets()]


def check_chat() -> list[Check]:
    """Rocket.Chat, with the connection that the settings name."""
    try:
        with RocketChat(rocketchat_connection()) as client:
            return check_rocketchat(client)
    except SyncError as error:
        return [Check("Rocket.Chat", CheckStatus.FAILED, error.message, error.hint)]


def check_choices() -> list[Check]:
    """What the administrator has to choose before anything can be synced."""
    name = "Choices"
    try:
        missing = gaps(load_policy(MoodleReader().roles()))
    except SyncError as error:
        return [Check(name, CheckStatus.FAILED, error.message, error.hint)]
    if not IntegratedCourse.objects.exists():
        missing.append("No course is integrated. Add one under Integrated courses.")
    if not missing:
        return [Check(name, CheckStatus.OK, "patterns, roles and courses are chosen")]
    return [Check(name, CheckStatus.WARNING, *_split(text)) for text in missing]


def _secrets() -> Check:
    try:
        IntegrationSettings.load()
    except Exception as error:  # noqa: BLE001  # whatever it is, the administrator has to see it
        return Check("Stored secrets", CheckStatus.FAILED, str(error))
    return Check("Stored secrets", CheckStatus.OK, "readable")


def _split(text: str) -> tuple[str, str]:
    found, _, fix = text.partition(". ")
    return f"{found}." if fix else found, fix
