"""What needs a migration, and what does not."""

from typing import Any

import pytest
from django.core.management import call_command
from django.db import models

from integration.models import IntegrationSettings, SyncRun


def field(model: type[models.Model], name: str) -> Any:
    return model._meta.get_field(name)


@pytest.mark.django_db(databases=["default", "moodle"])
def test_another_sentence_needs_no_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field(IntegrationSettings, "rocketchat_url"), "help_text", "Another one.")
    monkeypatch.setattr(field(SyncRun, "kind"), "choices", [("sync", "In other words")])
    monkeypatch.setattr(SyncRun._meta, "verbose_name", "execution")
    monkeypatch.setitem(SyncRun._meta.original_attrs, "verbose_name", "execution")
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)


@pytest.mark.django_db(databases=["default", "moodle"])
def test_another_column_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    column = field(SyncRun, "kind")
    monkeypatch.setattr(column, "max_length", column.max_length + 1)
    with pytest.raises(SystemExit):
        call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
