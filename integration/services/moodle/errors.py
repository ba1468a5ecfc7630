"""What a database driver's error means for who reads Moodle: the cause, and what to do about it.

Nothing here ever repeats a password, even where a driver's text should hold one.
"""

from django.db import Error, InterfaceError
from django.db.backends.base.base import BaseDatabaseWrapper

from integration.domain.database_errors import (
    LOST,
    NO_COLUMN,
    NO_TABLE,
    NOT_ALLOWED,
    TOO_SLOW,
    Refusal,
    code_of,
    refusal_of,
    words_of,
)
from integration.domain.errors import ConfigurationError, SourceError, SyncError
from integration.domain.messages import msg
from integration.domain.secret import without
from integration.services.moodle.missing_tables import missing_tables
from integration.services.moodle.rights import grant
from integration.services.moodle.server import place_of, user_of


def is_lost(error: Error, connection: BaseDatabaseWrapper) -> bool:
    """Whether the connection broke, rather than the query being refused."""
    code = code_of(error)
    if isinstance(error, InterfaceError) or code in LOST or code[:3] == "57P" or code[:2] == "08":
        return True
    return connection.connection is None or not connection.is_usable()


def explain(error: Error, connection: BaseDatabaseWrapper) -> SyncError:
    """The error of a query: SourceError, or ConfigurationError where a setting has to change."""
    code, text = code_of(error), _text(error, connection)
    if code in NO_TABLE or "no such table" in text:
        return missing_tables(connection) or _other(text)
    if code in NO_COLUMN or "no such column" in text:
        return missing_columns(text)
    if code in NOT_ALLOWED:
        return not_allowed(connection, text)
    if code in TOO_SLOW:
        return SourceError(
            msg("Moodle's database took too long to answer ({text}).", text=text),
            hint=msg("Try again when the server is less busy, or allow longer queries there."),
        )
    if is_lost(error, connection):
        return SourceError(
            msg("The connection to Moodle's database was lost while reading ({text}).", text=text),
            hint=msg("Reconnecting once did not help. Check the log of the database server."),
        )
    return _other(text)


def explain_connect(error: Error, connection: BaseDatabaseWrapper) -> SyncError:
    """The error of opening the connection."""
    text, place, refusal = _text(error, connection), place_of(connection), refusal_of(error)
    if refusal is Refusal.UNREACHABLE:
        return SourceError(
            msg("Moodle's database {place} cannot be reached ({text}).", place=place, text=text),
            hint=msg(
                "Check that the server runs, that host and port in MOODLE_DATABASE_URL are "
                "right, and that no firewall blocks the connection."
            ),
        )
    if refusal is Refusal.BY_SERVER:
        return SourceError(
            msg(
                "The server of Moodle's database {place} answers, but refuses the "
                "connection ({text}).",
                place=place,
                text=text,
            ),
            hint=msg("See its log. It may have too many connections, or not allow this machine."),
        )
    if refusal is Refusal.NOT_ALLOWED:
        return not_allowed(connection, text)
    message, hint = _wrong_address(refusal, text, place, user_of(connection))
    return ConfigurationError(message, hint=hint)


def _wrong_address(refusal: Refusal, text: str, place: str, user: str) -> tuple[str, str]:
    """What has to change in MOODLE_DATABASE_URL, or on the server it names."""
    if refusal is Refusal.TOO_OLD:
        return (
            msg("The server of Moodle's database {place} is too old.", place=place),
            msg("Upgrade that database server: {text}", text=text),
        )
    if refusal is Refusal.NO_DATABASE:
        return (
            msg("There is no Moodle database {place} ({text}).", place=place, text=text),
            msg(
                "Correct the name at the end of MOODLE_DATABASE_URL: it is $CFG->dbname in "
                "Moodle's config.php."
            ),
        )
    if refusal is Refusal.POOLER:
        return (
            msg(
                "The connection pooler of Moodle's database {place} refuses an option ({text}).",
                place=place,
                text=text,
            ),
            msg(
                "Remove options=… from MOODLE_DATABASE_URL. Name a schema by "
                "search_path=NAME, which needs no connection option."
            ),
        )
    return (
        msg("Moodle's database refuses the user {user} ({text}).", user=user, text=text),
        msg(
            "Correct the user and the password in MOODLE_DATABASE_URL (special characters as "
            "%XX), or create the account in the database."
        ),
    )


def missing_columns(text: str) -> SyncError:
    return SourceError(
        msg("A column that rcsync reads is missing in Moodle's database ({text}).", text=text),
        hint=msg(
            "rcsync supports Moodle 3.9 and newer: let Moodle's upgrade finish, or "
            "upgrade rcsync if Moodle is newer."
        ),
    )


def not_allowed(connection: BaseDatabaseWrapper, text: str) -> SyncError:
    return ConfigurationError(
        msg(
            "The database account {user} may not read all of Moodle's tables ({text}).",
            user=user_of(connection),
            text=text,
        ),
        hint=msg("Run as administrator of the database: {statement}", statement=grant(connection)),
    )


def _other(text: str) -> SyncError:
    return SourceError(
        msg("Moodle's database refused a query ({text}).", text=text),
        hint=msg("Run ./rcsync doctor: it checks each table and says what is wrong."),
    )


def _text(error: Error, connection: BaseDatabaseWrapper) -> str:
    """What happened, on one line and without the password."""
    words, password = words_of(error), str(connection.settings_dict.get("PASSWORD") or "")
    hidden = without(words, [password])
    return words if hidden == words else hidden  # words of ours can be said in another language
