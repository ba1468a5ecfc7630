"""What an error of rcsync's own database means, for the doctor, for commands and for the worker."""

import logging

from django.db import DEFAULT_DB_ALIAS, Error, InterfaceError, OperationalError, connections

from integration.domain.database_errors import (
    Refusal,
    Trouble,
    code_of,
    refusal_of,
    trouble_of,
    words_of,
)
from integration.domain.errors import ConfigurationError
from integration.domain.messages import msg
from integration.domain.secret import without


def explain_own(error: Error) -> ConfigurationError:
    """The cause and the next step.

    Closes the connection to a server that was refused for its age: it would pass the second time.
    """
    error = _first(error)
    connection, refusal = connections[DEFAULT_DB_ALIAS], refusal_of(error)
    trouble = trouble_of(error)
    text = without(words_of(error), [str(connection.settings_dict.get("PASSWORD") or "")])
    text = text.rstrip(".")
    if refusal is Refusal.TOO_OLD:
        connection.close()
        message = msg("The server of rcsync's own database is too old: {text}.", text=text)
    else:
        message = msg("rcsync's own database does not work: {text}.", text=text)
    hint = HINTS[refusal] if trouble is None else REPAIRS[trouble]
    return ConfigurationError(message, hint=hint)


def is_of_operation(error: Error) -> bool:
    """Whether the database, its server or its disk is the cause. False: a mistake of ours, as a
    wrong query, which needs the traceback.
    """
    error = _first(error)
    if trouble_of(error) is not None:
        return True
    from_outside = isinstance(error, OperationalError | InterfaceError)
    return from_outside and code_of(error) != "SQLITE_ERROR"


def _first(error: Error) -> Error:
    """The error while whose handling the others came: `migrate` makes its own of any."""
    while isinstance(error.__context__, Error):
        error = error.__context__
    return error


def log_failure(logger: logging.Logger, name: str, error: Exception) -> None:
    """Log a step that is repeated until it works: one line where our own database is the cause,
    since it may come every second; else with the traceback.
    """
    if isinstance(error, Error) and is_of_operation(error):
        logger.error("%s failed and is tried again: %s", name, explain_own(error))
    else:
        logger.error("%s failed and is tried again", name, exc_info=error)


HINTS = {
    Refusal.TOO_OLD: msg("Upgrade that server, or name a newer one in DATABASE_URL."),
    Refusal.NO_DATABASE: msg(
        "Create the database, or correct the name at the end of DATABASE_URL."
    ),
    Refusal.NOT_ALLOWED: msg("Give the account of DATABASE_URL every right on that database."),
    Refusal.WRONG_USER: msg(
        "Correct the user and the password in DATABASE_URL (special characters as %XX)."
    ),
    Refusal.POOLER: msg("Take options=… out of DATABASE_URL: a connection pooler refuses them."),
    Refusal.BY_SERVER: msg(
        "The server answers. Its log says more: it may have too many connections, or no entry for "
        "this machine."
    ),
    Refusal.UNREACHABLE: msg(
        "Check that the server runs and that host and port in DATABASE_URL are right."
    ),
}

REPAIRS = {
    Trouble.LOCKED: msg(
        "Another process has locked it for too long. Try again; if that happens "
        "often, use MariaDB, MySQL or PostgreSQL instead of SQLite."
    ),
    Trouble.FULL: msg(
        "Its disk is full: free some space and start again. What was stored before is kept."
    ),
    Trouble.DISK: msg(
        "The system could not read or write its files: check the disk and the system's log."
    ),
    Trouble.CORRUPT: msg(
        "It is damaged, or not a database. Stop rcsync and restore the latest "
        "backup (docs/backup.md)."
    ),
    Trouble.READ_ONLY: msg(
        "It is read-only: check the owner of the file and of its folder, or whether "
        "DATABASE_URL names a replica."
    ),
    Trouble.OLD_TABLES: msg("Its tables are missing or out of date. Run: ./rcsync migrate"),
}
