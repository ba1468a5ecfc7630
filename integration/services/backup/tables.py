"""Which tables are rcsync's own, and which of its migrations were applied."""

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from integration.models import (
    AccountLink,
    ChannelLink,
    IntegratedCourse,
    ManagedMembership,
    SyncRun,
)

COUNTED = (IntegratedCourse, AccountLink, ChannelLink, ManagedMembership, SyncRun)
NOT_OURS = "moodle"  # an app without tables of its own


def own_tables(connection: BaseDatabaseWrapper) -> list[str]:
    """Tables of our apps that exist, also those of a newer or older rcsync."""
    labels = {config.label for config in apps.get_app_configs()} - {NOT_OURS} | {"django"}
    prefixes = tuple(f"{label}_" for label in labels)
    with connection.cursor() as cursor:
        return sorted(
            t for t in connection.introspection.table_names(cursor) if t.startswith(prefixes)
        )


def applied_migrations(connection: BaseDatabaseWrapper) -> tuple[str, ...]:
    """As "app.name", sorted."""
    return tuple(
        sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())
    )


def known_migrations() -> set[str]:
    """Those that this rcsync brings, and those that they replace."""
    loader = MigrationLoader(None)
    return {f"{app}.{name}" for app, name in {*loader.disk_migrations, *loader.replacements}}


def counts(connection: BaseDatabaseWrapper) -> dict[str, int]:
    """Rows of the tables that people know; those that do not exist are left out."""
    there = own_tables(connection)
    found = {}
    with connection.cursor() as cursor:
        for table in (model._meta.db_table for model in COUNTED):
            if table in there:
                name = connection.ops.quote_name(table)
                cursor.execute(f"SELECT COUNT(*) FROM {name}")  # noqa: S608  # our own name
                found[table] = int(cursor.fetchone()[0])
    return found
