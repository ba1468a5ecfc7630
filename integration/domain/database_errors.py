"""What a database driver's error means, for Moodle's database and for our own. Pure.

The one place that knows the drivers' numbers and words. Numbers are MySQL's and MariaDB's (four
digits), PostgreSQL's SQLSTATE (five characters) or SQLite's names. Those from 2000 to 2999 come
from the driver and not from the server: mysqlclient and PyMySQL differ there in number and words,
so ours stand in for both.
"""

import re
from enum import StrEnum

from integration.domain.messages import msg

LOST = {"0", "1053", "1927", "2006", "2013", "2055", "4031"}
NO_TABLE = {"1146", "42P01"}
NO_COLUMN = {"1054", "42703"}
NOT_ALLOWED = {"1142", "1143", "1044", "42501"}
TOO_SLOW = {"1205", "1969", "3024", "57014", "55P03", "SQLITE_BUSY"}
WRONG_USER = {"1045", "1698", "1862", "4151", "28000", "28P01"}
NO_DATABASE = {"1049", "3D000", "SQLITE_CANTOPEN", "SQLITE_NOTADB"}
_TOO_OLD = re.compile(r"or later is required")  # Django's NotSupportedError
_NO_DATABASE = re.compile(r'database ".*" does not exist')
_WRONG_USER = re.compile(r'authentication failed|role ".*" does not exist|no password supplied')
_POOLER = re.compile(r"unsupported startup parameter")
_SYSTEM_ERROR = re.compile(r"\((?:\[Errno )?(-?\d+)\]?[^()]*\)$")
UNKNOWN_HOST, NO_FILE, NO_PERMISSION = {-2, -3, -5}, 2, 13  # of getaddrinfo, and of the system


class Refusal(StrEnum):
    """Why a connection was not opened."""

    TOO_OLD = "too_old"  # the server, for Django
    NO_DATABASE = "no_database"
    NOT_ALLOWED = "not_allowed"
    WRONG_USER = "wrong_user"
    POOLER = "pooler"  # between us and the server, and refuses an option
    BY_SERVER = "by_server"  # it answered, and refused for another reason
    UNREACHABLE = "unreachable"


class Trouble(StrEnum):
    """What keeps a database that is connected to from doing its work."""

    LOCKED = "locked"  # by another process, for longer than we wait
    FULL = "full"
    DISK = "disk"  # the system could not read or write the file
    CORRUPT = "corrupt"
    READ_ONLY = "read_only"
    OLD_TABLES = "old_tables"  # a table or column is missing


TROUBLES = {  # codes; SQLite's names have endings of their own
    Trouble.LOCKED: r"1205|1213|55P03|40P01|SQLITE_BUSY.*|SQLITE_LOCKED.*",
    Trouble.FULL: r"1021|1114|53100|SQLITE_FULL",
    Trouble.DISK: r"1026|1030|58030|SQLITE_IOERR.*",
    Trouble.CORRUPT: r"1034|1035|1194|1195|XX00[12]|SQLITE_CORRUPT.*|SQLITE_NOTADB",
    Trouble.READ_ONLY: r"1290|1792|1836|25006|SQLITE_READONLY.*",
    Trouble.OLD_TABLES: r"1146|1054|42P01|42703",
}
_OLD_TABLES = re.compile(r"no such (table|column)")  # SQLite gives them no code of their own


def trouble_of(error: BaseException) -> Trouble | None:
    """None: it is of another kind, or the connection was not opened."""
    code = code_of(error)
    for trouble, codes in TROUBLES.items():
        if re.fullmatch(codes, code):
            return trouble
    return Trouble.OLD_TABLES if _OLD_TABLES.match(words_of(error)) else None


def code_of(error: BaseException) -> str:
    """The driver's own number or name of the error, "" where it gives none."""
    cause = error.__cause__ or error
    if cause.args and isinstance(cause.args[0], int):
        return str(cause.args[0])
    return getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None) or ""


def words_of(error: BaseException) -> str:
    """What the driver said, on one line; what the driver made up by itself, in our words."""
    cause = error.__cause__ or error
    words = cause.args[-1] if cause.args else type(cause).__name__
    words = getattr(getattr(cause, "diag", None), "message_primary", None) or words
    text, code = " ".join(str(words).split()), code_of(error)
    return _of_client(code, text) if re.fullmatch(r"0|2\d\d\d", code) else text


def refusal_of(error: BaseException) -> Refusal:
    """Why a connection was not opened."""
    code, text = code_of(error), words_of(error)
    if _TOO_OLD.search(text):
        return Refusal.TOO_OLD
    if code in NO_DATABASE or _NO_DATABASE.search(text):
        return Refusal.NO_DATABASE
    if code in NOT_ALLOWED:
        return Refusal.NOT_ALLOWED
    if code in WRONG_USER or _WRONG_USER.search(text):
        return Refusal.WRONG_USER
    if _POOLER.search(text):
        return Refusal.POOLER
    if re.fullmatch(r"1\d\d\d|[34]\d\d\d", code) or "FATAL:" in text:
        return Refusal.BY_SERVER
    return Refusal.UNREACHABLE


def _of_client(code: str, text: str) -> str:
    """The same words for every driver of MySQL and MariaDB."""
    found = _SYSTEM_ERROR.search(text)
    number = int(found[1]) if found else None
    if code == "2005" or number in UNKNOWN_HOST:
        return msg("the name of the host is not known")
    if "SSL" in text or "TLS" in text:
        return text
    if code in ("2002", "2003"):
        if number == NO_FILE:
            return msg("there is no socket at that path")
        if number == NO_PERMISSION:
            return msg("rcsync may not open the socket")
        return msg("nothing answers there")
    return msg("the connection broke") if code in LOST else text
