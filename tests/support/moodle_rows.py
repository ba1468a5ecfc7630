"""Moodle databases to test with, in every engine: invented ones and the shared samples."""

import json
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper

from demo.sample_moodle.builder import MoodleBuilder
from demo.sample_moodle.expected_members import effective_members
from demo.sample_moodle.records import Records
from demo.sample_moodle.tables import create_tables, insert, one_transaction, reset_sequences
from integration.domain.state import EVERYTHING, MoodleState, Scope
from integration.services.moodle.reader import MoodleReader
from moodle.models import TABLES, MoodleTable
from tests.support.servers import DatabaseServer, MariaDB, Postgres, moodle_at

ENGINES = ("sqlite", "mariadb", "postgresql")
NOW = 1_800_000_000


@dataclass(frozen=True)
class Site:
    """A Moodle in a database of its own. Wants database access to be unblocked."""

    engine: str
    url: str
    database: str = ""
    server: DatabaseServer | None = field(default=None, repr=False)

    def read(
        self,
        scope: Scope = EVERYTHING,
        *,
        integrated: Collection[int],
        linked: Collection[int] = (),
        now: int = NOW,
        **options: Any,
    ) -> MoodleState:
        """A reading as the product does it, in a session that cannot write."""
        reader = MoodleReader(lambda: now, **options)
        with moodle_at(self.url):
            return reader.read(scope, integrated=integrated, linked_users=linked)

    def ask(self, question: Callable[[MoodleReader], Any]) -> Any:
        with moodle_at(self.url):
            return question(MoodleReader(lambda: NOW))

    def truth(self, now: int = NOW, roles: Collection[int] | None = None) -> dict[int, set[int]]:
        """Group id -> effective members, by SQL that the product does not share."""
        with moodle_at(self.url) as connection, connection.cursor() as cursor:
            return effective_members(cursor, "mdl_", now, roles)

    def build(self, *makers: Callable[[MoodleBuilder], None]) -> None:
        """Create the tables, with a fresh Moodle in them and what the makers add to it."""
        world = MoodleBuilder(NOW)
        for make in makers:
            make(world)
        with moodle_at(self.url, read_only=False) as connection:
            create_tables(connection)
            world.save(connection)

    def change(self, change: Callable[[Records], Any]) -> None:
        """Write to single rows."""
        with moodle_at(self.url, read_only=False) as connection:
            change(Records(connection, random.Random(0)))

    def sql(self, *statements: str) -> None:
        with moodle_at(self.url, read_only=False) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def copy_to(self, other: "Site") -> None:
        """Every row that we read, into tables made from our models."""
        with moodle_at(self.url) as source, moodle_at(other.url, read_only=False) as target:
            create_tables(target)
            with one_transaction(target):
                for model in TABLES:
                    insert(target, model, columns_of(model), _rows(source, model))
                reset_sequences(target)


def new_site(engine: str, request: pytest.FixtureRequest, folder: Path) -> Site:
    """An empty database."""
    if engine == "sqlite":
        return Site(engine, f"sqlite:///{folder}/moodle.sqlite3")
    server: MariaDB | Postgres = request.getfixturevalue(
        "mariadb" if engine == "mariadb" else "postgres"
    )
    database = server.create_database()
    return Site(engine, server.url(database), database, server)


def shared_site(
    engine: str, name: str, request: pytest.FixtureRequest, folder: Path
) -> tuple[Site, dict[str, Any]]:
    """A shared sample, and what Moodle's own API says about it.

    Moodle made all of them in MariaDB but those whose names hold "pg", which are PostgreSQL's. In
    another engine the rows are copied.
    """
    shared: Path = request.getfixturevalue("shared")
    original = new_site("postgresql" if "pg" in name else "mariadb", request, folder)
    assert original.server is not None
    original.server.load(shared / "moodle" / f"{name}.sql.gz", original.database)
    says = json.loads((shared / "moodle" / f"{name}.oracle.json").read_text())
    if engine == original.engine:
        return original, says
    site = new_site(engine, request, folder)
    original.copy_to(site)
    return site, says


def columns_of(model: type[MoodleTable]) -> list[str]:
    return [column.attname for column in model._meta.concrete_fields]


def _rows(connection: BaseDatabaseWrapper, model: type[MoodleTable]) -> list[tuple[Any, ...]]:
    columns = ", ".join(columns_of(model))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {model._meta.db_table}")
        return list(cursor.fetchall())
