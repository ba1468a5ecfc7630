"""Drivers' errors: mysqlclient and PyMySQL say the same, and each refusal says its cause."""

import pytest

from integration.domain.database_errors import Refusal, refusal_of, words_of


@pytest.mark.parametrize(
    ("mysqlclient", "pymysql", "words"),
    [
        (
            (2005, "Unknown server host 'x.invalid' (-2)"),
            (
                2003,
                "Can't connect to MySQL server on 'x.invalid' ([Errno -2] Name not known)",
            ),
            "the name of the host is not known",
        ),
        (
            (2002, "Can't connect to server on '127.0.0.1' (115)"),
            (2003, "Can't connect to MySQL server on '127.0.0.1' ([Errno 111] Connection refused)"),
            "nothing answers there",
        ),
        (
            (2002, "Can't connect to server on '10.0.0.1' (110)"),
            (2003, "Can't connect to MySQL server on '10.0.0.1' (timed out)"),
            "nothing answers there",
        ),
        (
            (2002, "Can't connect to local server through socket '/no/socket' (2)"),
            (
                2003,
                "Can't connect to MySQL server on 'localhost' ([Errno 2] No such file)",
            ),
            "there is no socket at that path",
        ),
        (
            (2002, "Can't connect to local server through socket '/root/socket' (13)"),
            (2003, "Can't connect to MySQL server on 'localhost' ([Errno 13] Permission denied)"),
            "rcsync may not open the socket",
        ),
        (
            (2013, "Lost connection to server during query"),
            (2013, "Lost connection to MySQL server during query"),
            "the connection broke",
        ),
        (
            (2006, "Server has gone away"),
            (2006, "MySQL server has gone away (BrokenPipeError(32, 'Broken pipe'))"),
            "the connection broke",
        ),
        ((2006, "MySQL server has gone away"), (0, ""), "the connection broke"),
        ((1146, "Table 'm.x' does not exist"), (1146, "Table 'm.x' does not exist"), "Table 'm.x'"),
    ],
)
def test_mysqlclient_and_pymysql_say_the_same(
    mysqlclient: tuple[int, str], pymysql: tuple[int, str], words: str
) -> None:
    assert words_of(Exception(*mysqlclient)) == words_of(Exception(*pymysql))
    assert words_of(Exception(*pymysql)).startswith(words)


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (("PostgreSQL 14 or later is required (found 13.4).",), Refusal.TOO_OLD),
        (("MariaDB 10.5 or later is required (found 10.3.39).",), Refusal.TOO_OLD),
        (('connection failed: FATAL:  database "m" does not exist',), Refusal.NO_DATABASE),
        (("FATAL:  password authentication failed for user",), Refusal.WRONG_USER),
        (("FATAL:  unsupported startup parameter: options",), Refusal.POOLER),
        (("FATAL:  sorry, too many clients already",), Refusal.BY_SERVER),
        (("FATAL:  no pg_hba.conf entry for host",), Refusal.BY_SERVER),
        ((1040, "Too many connections"), Refusal.BY_SERVER),
        ((1130, "Host 'x' is not allowed to connect"), Refusal.BY_SERVER),
        ((1045, "Access denied for user"), Refusal.WRONG_USER),
        ((1044, "Access denied for user to database"), Refusal.NOT_ALLOWED),
        ((2003, "Can't connect"), Refusal.UNREACHABLE),
        (("connection failed: Connection refused",), Refusal.UNREACHABLE),
    ],
)
def test_a_refused_connection_says_why(arguments: tuple[object, ...], refusal: Refusal) -> None:
    assert refusal_of(Exception(*arguments)) is refusal
