"""docs/privacy.md is complete: who adds a table has to say what of people is in it."""

import re

import pytest
from django.apps import apps

from integration.models import IntegrationSettings
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "privacy.md").read_text()
OURS = [model for model in apps.get_models() if model._meta.app_label != "moodle"]


@pytest.mark.parametrize("name", sorted(model.__name__ for model in OURS))
def test_every_table_is_on_the_privacy_page(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_the_retention_on_the_page_is_the_default() -> None:
    days = dict(re.findall(r"\*keep (?:the )?(.*?) for … days\*, (\d+) unless changed", PAGE))
    row = IntegrationSettings()
    assert days == {"history": str(row.history_days), "audit trail": str(row.audit_days)}
