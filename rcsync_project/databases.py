"""Database addresses to Django's database settings. Reads no environment, so tests use it too."""

import re
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

MYSQL = "django.db.backends.mysql"
POSTGRESQL = "django.db.backends.postgresql"
SQLITE = "django.db.backends.sqlite3"
MOODLES_POSTGRESQL = "rcsync_project.postgresql_read_only"

SCHEMES = {
    "mysql": MYSQL,
    "mariadb": MYSQL,
    "postgres": POSTGRESQL,
    "postgresql": POSTGRESQL,
    "sqlite": SQLITE,
}
MEMORY = ":memory:"  # SQLite without a file
PERSISTENT_SECONDS = 60
QUERY_SECONDS = 120  # silence for so long means that Moodle's server hangs


def own_database(url: str, base: Path, *, name: str = "DATABASE_URL") -> dict[str, Any]:
    """rcsync's own database. A relative SQLite path counts from `base`."""
    config = _parsed(url, base, name)
    if config["ENGINE"] == SQLITE:
        if config["NAME"] != MEMORY:
            Path(config["NAME"]).parent.mkdir(parents=True, exist_ok=True)
        # Writers queue up at BEGIN instead of failing half-way, and readers do not block them.
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
            **config["OPTIONS"],
        }
    return config


def moodle_database(
    url: str, base: Path, *, read_only: bool = True, name: str = "MOODLE_DATABASE_URL"
) -> dict[str, Any]:
    """Moodle's database, over a connection that itself refuses to write.

    `read_only=False` is for tests, which have to fill the tables first.
    """
    config = _parsed(url, base, name)
    if config["ENGINE"] == MYSQL:
        config["OPTIONS"].setdefault("read_timeout", QUERY_SECONDS)
    elif config["ENGINE"] == POSTGRESQL:
        config["ENGINE"] = MOODLES_POSTGRESQL
        config["DISABLE_SERVER_SIDE_CURSORS"] = True  # a pooler would lose them
        config["OPTIONS"]["read_only"] = False
        schemas_of(config["OPTIONS"].get("search_path", ""))
    if read_only:
        _refuse_writes(config)
    return config


def schemas_of(search_path: str) -> list[str]:
    """The names in "moodle, public", which `?search_path=` of Moodle's address may hold."""
    names = [name.strip() for name in search_path.split(",") if name.strip()]
    if not all(re.fullmatch(r"[\w$-]+", name) for name in names):
        raise ImproperlyConfigured(
            "search_path in MOODLE_DATABASE_URL names schemas, with commas between them: "
            "?search_path=moodle"
        )
    return names


def no_moodle() -> dict[str, Any]:
    """What stands in while no Moodle is configured: an empty database in memory."""
    return moodle_database("sqlite://", Path())


def _parsed(url: str, base: Path, name: str) -> dict[str, Any]:
    scheme, _, rest = url.partition("://")
    engine = SCHEMES.get(scheme)
    if engine is None:
        raise ImproperlyConfigured(
            f"{name} has to begin with mysql://, postgres:// or sqlite:///. "
            "See .env.example for one of each."
        )
    try:
        config = dict(environ.Env.db_url_config(f"{scheme}://{rest}", engine=engine))
    except ValueError as error:  # a port that is no number, a broken IPv6 address
        raise ImproperlyConfigured(
            f"{name} is not a database address ({error}). "
            "Special characters in its password are written as %XX: / is %2F, @ is %40, # is %23."
        ) from None
    if not config["NAME"]:
        raise ImproperlyConfigured(
            f"{name} names no database: it ends in /NAME, as in mysql://user:password@host/moodle."
        )
    config["CONN_HEALTH_CHECKS"] = True
    options = config.setdefault("OPTIONS", {})
    if engine == SQLITE:
        if config["NAME"] != MEMORY:
            config["NAME"] = str(base / config["NAME"])
        return config
    config.setdefault("CONN_MAX_AGE", PERSISTENT_SECONDS)
    options.setdefault("connect_timeout", 10)
    if engine == MYSQL:
        options.setdefault("charset", "utf8mb4")
    return config


def _refuse_writes(config: dict[str, Any]) -> None:
    options = config["OPTIONS"]
    if config["ENGINE"] == MYSQL:
        options["init_command"] = "SET SESSION TRANSACTION READ ONLY"
    elif config["ENGINE"] == MOODLES_POSTGRESQL:
        options["read_only"] = True
    elif config["NAME"] != MEMORY:
        config["NAME"] = f"{Path(config['NAME']).absolute().as_uri()}?mode=ro"
