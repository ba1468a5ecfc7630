"""`./rcsync setup`: from an empty machine to the first sign-in.

Asks for the few values that there is no default for, or takes them as options; writes `.env`, makes
the tables and the first administrator, and says what to start and what to open. What is there
already stays as it is, so it can be run again.
"""

import argparse
import getpass
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured, ValidationError

from rcsync_project.databases import moodle_database, own_database

BASE_DIR = Path(__file__).resolve().parent.parent
ENV_FILE = BASE_DIR / (os.environ.get("RCSYNC_ENV_FILE") or ".env")  # as settings.py reads it
HERE = "127.0.0.1,localhost"
WEB = "http://127.0.0.1:8000/"
REFUSED = 2
PASSWORD_VARIABLE = "RCSYNC_ADMIN_PASSWORD"  # noqa: S105  # the name of a variable


@dataclass(frozen=True, slots=True)
class Answers:
    """What goes into `.env`. `host` "" = reached on this machine alone, without TLS."""

    moodle: str
    prefix: str
    host: str
    database: str

    def lines(self) -> list[str]:
        """`.env`, with keys made just now."""
        values = {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "RCSYNC_SECRET_KEYS": Fernet.generate_key().decode(),
            "ALLOWED_HOSTS": f"{self.host},{HERE}" if self.host else HERE,
            "MOODLE_DATABASE_URL": self.moodle,
        }
        if self.prefix:
            values["MOODLE_DB_PREFIX"] = self.prefix
        if self.database:
            values["DATABASE_URL"] = self.database
        values |= {"BEHIND_PROXY": "on"} if self.host else {"SECURE_SSL": "off"}
        note = "# Written by ./rcsync setup. .env.example explains these and all others."
        return [note, *(f"{name}={value}" for name, value in values.items())]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 ready, 2 something has to be changed first (the message says what)."""
    options = _options().parse_args(arguments)
    try:
        _write(options)
        _prepare(options)
    except (ImproperlyConfigured, ValidationError, EOFError) as error:
        _say(f"rcsync: {' '.join(_texts(error))}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return REFUSED
    return 0


def _texts(error: Exception) -> list[str]:
    if isinstance(error, EOFError):
        return ["there was no answer. Give the values as options: ./rcsync setup --help"]
    return error.messages if isinstance(error, ValidationError) else [str(error)]


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./rcsync setup",
        description="Set rcsync up. Whatever is not given as an option is asked for.",
        epilog=f"The administrator's password is asked for, or taken from {PASSWORD_VARIABLE}.",
    )
    parser.add_argument("--moodle", metavar="URL", help="Moodle's database, for example " + EXAMPLE)
    parser.add_argument("--prefix", metavar="mdl_", help="what Moodle's table names begin with")
    parser.add_argument(
        "--host",
        metavar="NAME",
        help="the name under which browsers reach rcsync through a proxy with TLS; "
        "an empty one: only on this machine, without TLS",
    )
    parser.add_argument("--database", metavar="URL", help="rcsync's own tables (default: SQLite)")
    parser.add_argument("--admin", metavar="NAME", help="username of the first administrator")
    return parser


EXAMPLE = "mysql://rcsync:PASSWORD@moodle-db:3306/moodle"


# ── .env ─────────────────────────────────────────────────────────────────────────────────────────


def _write(options: argparse.Namespace) -> None:
    """Only where there is none: the keys in it must never change by accident."""
    if ENV_FILE.exists():
        _say(f"{ENV_FILE} is there already and stays as it is.")
        return
    answers = _answers(options)
    handle = os.open(ENV_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write("\n".join(answers.lines()) + "\n")
    _say(f"Written: {ENV_FILE} (only you may read it; it holds keys, so keep a copy).")


def _answers(options: argparse.Namespace) -> Answers:
    moodle = _value(
        options.moodle,
        f"Moodle's database, with an account that may only SELECT\n  (such as {EXAMPLE}): ",
        _check_moodle,
    )
    host = _value(
        options.host,
        "The name under which browsers reach rcsync, through a proxy with TLS\n"
        "  (such as rcsync.example.org; empty: only on this machine, without TLS): ",
        _check_host,
    )
    database = options.database or ""
    if database:
        own_database(database, BASE_DIR)
    return Answers(moodle, options.prefix or "", host, database)


def _value(given: str | None, question: str, check: Callable[[str], None]) -> str:
    """The option, or an answer that passes the check; a wrong answer is asked for again."""
    if given is not None:
        check(given.strip())
        return given.strip()
    while True:
        answer = input(question).strip()
        try:
            check(answer)
        except ImproperlyConfigured as problem:
            _say(f"  {problem}")
        else:
            return answer


def _check_moodle(url: str) -> None:
    if not url:
        raise ImproperlyConfigured("Without Moodle's database there is nothing to sync.")
    moodle_database(url, BASE_DIR)


def _check_host(name: str) -> None:
    if name and not all(part.isalnum() or part in "-.:" for part in name):
        raise ImproperlyConfigured(f"{name!r} is no name of a host: write it without https://")


# ── Tables, administrator, and what to do next ───────────────────────────────────────────────────


def _prepare(options: argparse.Namespace) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rcsync_project.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    _say("The tables are made.")
    _administrator(options.admin)
    _moodle()
    _next_steps()


def _administrator(name: str | None) -> None:
    from django.contrib.auth import get_user_model
    from django.contrib.auth.password_validation import validate_password

    users = get_user_model()
    if users._default_manager.filter(is_superuser=True).exists():
        _say("There is an administrator already.")
        return
    username = (name or input("Username of the first administrator [admin]: ")).strip() or "admin"
    user = users(username=username, is_staff=True, is_superuser=True)
    user.clean_fields(exclude=["password"])
    password = os.environ.get(PASSWORD_VARIABLE, "")
    while not password:
        password = _ask_password(lambda text: validate_password(text, user))
    validate_password(password, user)
    user.set_password(password)
    user.save()
    _say(f"The administrator {username} can sign in.")


def _ask_password(check: Callable[[str], None]) -> str:
    """ "" where it has to be asked for again."""
    ask = getpass.getpass if sys.stdin.isatty() else input
    password = ask("Password: ")
    try:
        check(password)
    except ValidationError as error:
        _say(f"  {' '.join(error.messages)}")
        return ""
    if ask("Once more: ") != password:
        _say("  These were two different ones.")
        return ""
    return password


def _moodle() -> None:
    """What is wrong with Moodle's side is said now, and hinders nothing."""
    from integration.domain.checks import CheckStatus
    from integration.services.moodle.doctor import check_moodle

    found = [check for check in check_moodle() if check.status is not CheckStatus.OK]
    for check in found:
        _say(f"Moodle: {check.name}: {check.found} {check.fix}".rstrip())
    if not found:
        _say("Moodle answers, and its tables can be read.")


def _next_steps() -> None:
    from django.conf import settings

    _say("\nStart it:   ./rcsync run      (the web pages and the worker)")
    names = [name for name in settings.ALLOWED_HOSTS if name not in HERE.split(",")]
    if settings.SECURE_SSL and names:
        _say(f"Your proxy: passes https://{names[0]}/ on to {WEB} (docs/install.md)")
        _say(f"Then open:  https://{names[0]}/")
    else:
        _say(f"Then open:  {WEB}")
    _say("The start page leads on: connect Rocket.Chat, choose roles, patterns and courses.")


def _say(text: str, file: TextIO | None = None) -> None:
    print(text, file=file or sys.stdout, flush=True)


if __name__ == "__main__":
    sys.exit(main())
