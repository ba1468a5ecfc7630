"""What an error of rcsync's own database means, for the doctor and for commands that start."""

from django.db import DEFAULT_DB_ALIAS, Error, connections

from integration.domain.database_errors import Refusal, refusal_of, words_of
from integration.domain.errors import ConfigurationError
from integration.domain.messages import msg
from integration.domain.secret import without


def explain_own(error: Error) -> ConfigurationError:
    """The cause and the next step.

    Closes the connection to a server that was refused for its age: it would pass the second time.
    """
    connection, refusal = connections[DEFAULT_DB_ALIAS], refusal_of(error)
    text = without(words_of(error), [str(connection.settings_dict.get("PASSWORD") or "")])
    if refusal is Refusal.TOO_OLD:
        connection.close()
        message = msg("The server of rcsync's own database is too old: {text}", text=text)
    else:
        message = msg("rcsync's own database does not work: {text}", text=text)
    return ConfigurationError(message, hint=HINTS[refusal])


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
