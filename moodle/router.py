"""Which database a model lives in. Moodle's tables are read through the alias "moodle" and never
written.

This is the first of three locks. The others are the connection, whose session refuses writes
(rcsync_project/databases.py), and the account, which should have no other right than SELECT.
"""

from typing import Any

from django.conf import settings
from django.db.models import Model

MOODLE = "moodle"  # the app's label and the database's alias


class MoodleIsReadOnly(RuntimeError):
    """Code tried to write to Moodle: a mistake in the code, never in the data."""


class MoodleRouter:
    """Reads of Moodle's models go to Moodle; everything else is none of our business."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return MOODLE if model._meta.app_label == MOODLE else None

    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        if model._meta.app_label != MOODLE:
            return None
        raise MoodleIsReadOnly(
            f"rcsync only ever reads Moodle: writing to {model._meta.db_table} is refused."
        )

    def allow_relation(self, obj1: Model, obj2: Model, **hints: Any) -> bool | None:
        """No foreign key may lead into Moodle or out of it: these are two databases."""
        return False if MOODLE in (obj1._meta.app_label, obj2._meta.app_label) else None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """Nothing is ever created in Moodle, except Moodle's own tables in the tests' databases."""
        if MOODLE not in (db, app_label):
            return None
        return bool(settings.MOODLE_TESTING) and db == app_label == MOODLE
