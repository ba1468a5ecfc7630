"""Which changes of models need a migration: those of the tables, not of texts and checks."""

from typing import Any

from django.db import models
from django.db.migrations.autodetector import MigrationAutodetector

NOT_IN_TABLES = frozenset({"verbose_name", "help_text", "choices", "validators"})
TEXTS_OF_MODELS = ("verbose_name", "verbose_name_plural")


class TableAutodetector(MigrationAutodetector):
    """Leaves out names, help texts, labels and validators, which no database stores: a better
    sentence is no change of the tables.
    """

    def deep_deconstruct(self, obj: Any) -> Any:
        found = super().deep_deconstruct(obj)
        if not isinstance(obj, models.Field):
            return found
        path, args, options = found
        return path, args, {key: options[key] for key in options if key not in NOT_IN_TABLES}

    def generate_altered_options(self) -> None:
        for state in (self.from_state, self.to_state):
            for model in state.models.values():
                for text in TEXTS_OF_MODELS:
                    model.options.pop(text, None)
        super().generate_altered_options()
