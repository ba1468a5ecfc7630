"""What a database driver's error means for an administrator: the cause, and what to do about it.

Error numbers are MySQL's and MariaDB's (four digits), PostgreSQL's SQLSTATE (five characters) or
SQLite's names. Nothing here ever repeats a password, even where a driver's text should hold one.
"""

import re
from collections.abc import Collection

from django.db import Error, InterfaceError
from django.db.backends.base.base import BaseDatabaseWrapper

from integration.domain.errors import ConfigurationError, SourceError, SyncError
from integration.domain.messages import counted, msg
from moodle.models import TABLES, User, UserEnrolment, table

LOST = {"0", "1053", "1927", "2006", "2013", "2055", "4031"}
NO_TABLE = {"1146", "42P01"}
NO_COLUMN = {"1054", "42703"}
NOT_ALLOWED = {"1142", "1143", "1044", "42501"}
TOO_SLOW = {"1205", "1969", "3024", "57014", "55P03", "SQLITE_BUSY"}
WRONG_USER = {"1045", "1698", "1862", "4151", "28000", "28P01"}
NO_DATABASE = {"1049", "3D000", "SQLITE_CANTOPEN", "SQLITE_NOTADB"}


def error_code(error: BaseException) -> str:
    """The driver's own number or name of the error, "" where it gives none."""
    cause = error.__cause__ or error
    if cause.args and isinstance(cause.args[0], int):
        return str(cause.args[0])
    return getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None) or ""


def is_lost(error: Error, connection: BaseDatabaseWrapper) -> bool:
    """Whether the connection broke, rather than the query being refused."""
    code = error_code(error)
    if isinstance(error, InterfaceError) or code in LOST or code[:3] == "57P" or code[:2] == "08":
        return True
    return connection.connection is None or not connection.is_usable()


def explain(error: Error, connection: BaseDatabaseWrapper) -> SyncError:
    """The error of a query: SourceError, or ConfigurationError where a setting has to change."""
    code, text = error_code(error), _drivers_words(error, connection)
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
            hint=msg(
                "It was opened again once, in vain. Look into the log of the database server."
            ),
        )
    return _other(text)


def explain_connect(error: Error, connection: BaseDatabaseWrapper) -> SyncError:
    """The error of opening the connection."""
    code, text = error_code(error), _drivers_words(error, connection)
    if code in NO_DATABASE or re.search('database ".*" does not exist', text):
        return ConfigurationError(
            msg(
                "There is no Moodle database {place} ({text}).", place=_place(connection), text=text
            ),
            hint=msg(
                "Correct the name at the end of MOODLE_DATABASE_URL: it is $CFG->dbname in "
                "Moodle's config.php."
            ),
        )
    if code in NOT_ALLOWED:
        return not_allowed(connection, text)
    if code in WRONG_USER or re.search('authentication failed|role ".*" does not exist', text):
        return ConfigurationError(
            msg(
                "Moodle's database refuses the user {user} ({text}).",
                user=_user(connection),
                text=text,
            ),
            hint=msg(
                "Correct the user and the password in MOODLE_DATABASE_URL (special characters as "
                "%XX), or create the account in the database."
            ),
        )
    return SourceError(
        msg(
            "Moodle's database {place} cannot be reached ({text}).",
            place=_place(connection),
            text=text,
        ),
        hint=msg(
            "Check that the server runs, that host and port in MOODLE_DATABASE_URL are right, and "
            "that no firewall stands between."
        ),
    )


def missing_tables(connection: BaseDatabaseWrapper) -> SyncError | None:
    """Why tables are not there: another prefix, a half-restored database or another one."""
    names = _table_names(connection)
    missing = sorted({model._meta.db_table for model in TABLES} - names)
    if not missing:
        return None
    if User._meta.db_table in names:
        return SourceError(
            counted(
                "Moodle's database has no table {names}, though it has others.",
                "Moodle's database has no tables {names}, though it has others.",
                len(missing),
                names=", ".join(missing),
            ),
            hint=msg("It is incomplete: restore it whole, or let Moodle's upgrade finish."),
        )
    prefixes = _prefixes(names)
    if prefixes:
        return ConfigurationError(
            msg(
                "Moodle's tables do not begin with '{prefix}': the database has {names}.",
                prefix=table(""),
                names=", ".join(f"{prefix}user" for prefix in prefixes),
            ),
            hint=counted(
                "Set MOODLE_DB_PREFIX={prefixes}.",
                "Set MOODLE_DB_PREFIX to one of {prefixes}.",
                len(prefixes),
                prefixes=", ".join(prefixes),
            ),
        )
    return ConfigurationError(
        msg(
            "The database {place} shows no table {name} and nothing else of a Moodle.",
            place=_place(connection),
            name=User._meta.db_table,
        ),
        hint=msg(
            "Correct the name at the end of MOODLE_DATABASE_URL, or give the account the right: "
            "{statement}",
            statement=grant(connection),
        ),
    )


def missing_columns(text: str) -> SyncError:
    return SourceError(
        msg("A column that rcsync reads is missing in Moodle's database ({text}).", text=text),
        hint=msg(
            "rcsync reads Moodle 3.9 and newer: let Moodle's upgrade finish, or upgrade rcsync "
            "where Moodle is the newer one."
        ),
    )


def not_allowed(connection: BaseDatabaseWrapper, text: str) -> SyncError:
    return ConfigurationError(
        msg(
            "The database account {user} may not read all of Moodle's tables ({text}).",
            user=_user(connection),
            text=text,
        ),
        hint=msg("Run as administrator of the database: {statement}", statement=grant(connection)),
    )


def grant(connection: BaseDatabaseWrapper, account: str = "") -> str:
    """The statement that lets an account (ours, if none is named) read Moodle, and nothing else."""
    user, name = account or connection.settings_dict["USER"], connection.settings_dict["NAME"]
    if connection.vendor == "postgresql":
        return f'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{user}";'
    if connection.vendor == "mysql":
        host = "%" if account else _mysql_host(connection)
        return f"GRANT SELECT ON `{name}`.* TO '{user}'@'{host}';"
    return msg("make the file readable for the user rcsync runs as.")


def _mysql_host(connection: BaseDatabaseWrapper) -> str:
    """The host part of our account, which MySQL takes for a part of its name."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT CURRENT_USER()")
            return str(cursor.fetchone()[0]).rpartition("@")[2]
    except Error:
        return "%"


def _prefixes(names: Collection[str]) -> list[str]:
    """What Moodle's table names begin with here: what stands before "user_enrolments"."""
    ending = UserEnrolment._meta.db_table.removeprefix(table(""))
    return sorted(name.removesuffix(ending) for name in names if name.endswith(ending))


def _table_names(connection: BaseDatabaseWrapper) -> set[str]:
    try:
        return set(connection.introspection.table_names())
    except Error:
        return set()


def _other(text: str) -> SyncError:
    return SourceError(
        msg("Moodle's database refused a query ({text}).", text=text),
        hint=msg("./rcsync doctor looks at each table by itself and says what is wrong with it."),
    )


def _drivers_words(error: Error, connection: BaseDatabaseWrapper) -> str:
    """The driver's words on one line, without the password."""
    cause = error.__cause__ or error
    words = cause.args[-1] if cause.args else type(cause).__name__
    words = getattr(getattr(cause, "diag", None), "message_primary", None) or words
    text = " ".join(str(words).split())
    password = str(connection.settings_dict.get("PASSWORD") or "")
    return text.replace(password, "***") if password else text


def _user(connection: BaseDatabaseWrapper) -> str:
    return f"'{connection.settings_dict['USER']}'"


def _place(connection: BaseDatabaseWrapper) -> str:
    """'moodle' on moodle-db:3306, without user and password."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        path = str(settings["NAME"]).removeprefix("file://").removesuffix("?mode=ro")
        return msg("at {path}", path=path)
    options = settings.get("OPTIONS", {})
    host = settings["HOST"] or options.get("unix_socket") or options.get("read_default_file")
    if not host:
        return f"'{settings['NAME']}'"
    port = f":{settings['PORT']}" if settings["PORT"] else ""
    return msg("'{name}' on {host}", name=settings["NAME"], host=f"{host}{port}")
