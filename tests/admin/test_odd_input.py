"""Whatever is written into an address, a filter, a field or a choice, no page answers 500."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client

from integration.models import Conflict, SyncOperation, SyncRun
from tests.support.admin_addresses import all_addresses
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

HUGE = "9" * 30
ODD = (HUGE, "abc", "-1", "²", "%00", "")
NAMES = (  # of what our own pages read
    *("search", "kind", "status", "course", "category", "page", "choose", "user", "state"),
    *("role", "whole_category", "operation", "row", "pattern", "template", "remote_id", "trigger"),
    *("own", "on_course_hidden", "private_channels", "include_patterns", "name_template"),
    *("q", "p", "o", "all", "at_from", "at_to", "_to_field", "id", "pk", "id__in", "id__exact"),
)
ANSWER = 500
# Every run of the suite asks one question in eleven, which is prime: so it meets each page, list,
# method, value and lookup. The slow ones ask all.
EVERY = pytest.mark.parametrize("every", [11, pytest.param(1, marks=pytest.mark.slow)])
SLOW = ("checks",)  # asks both servers; reads no input


def filled(path: str, value: str) -> str:
    """Of several parameters of one address the first ones are right, so that the last is read."""
    names = re.findall(r"{(\w+)}", path)
    right = {"kind": "person", "app_label": "integration"}
    return path.format(**{name: right.get(name, value) for name in names})


@pytest.fixture
def rows(chosen: Site) -> Site:
    chosen.apply()
    run = SyncRun.objects.create(kind="apply", trigger="admin", status="done")
    SyncOperation.objects.create(run=run, position=0, kind="archive", description="x", reason="y")
    Conflict.objects.create(
        kind="email_taken", moodle_user_id=1, moodle_side="m", advice="a", last_seen=run.started_at
    )
    return chosen


class Fuzzer:
    def __init__(self, every: int) -> None:
        """Of all questions it asks one in so many."""
        self.every = every
        self.thought_of = 0
        self.client = Client(raise_request_exception=False)
        self.client.force_login(User.objects.create_superuser("fuzzer"))
        self.sent = 0
        self.bad: list[str] = []

    def ask(self, method: str, path: str, data: dict[str, Any]) -> None:
        self.thought_of += 1
        if self.thought_of % self.every:
            return
        answer = getattr(self.client, method)(path, data)
        self.sent += 1
        if answer.status_code >= ANSWER:
            self.bad.append(f"{method} {path} {data} -> {answer.status_code}")


@EVERY
def test_no_page_answers_500_to_odd_input(
    rows: Site, note: Callable[[str], None], every: int
) -> None:
    fuzzer = Fuzzer(every)
    paths = all_addresses()
    assert len(paths) > 90
    for path in paths:
        has_parameters = "{" in path
        for value in ODD if has_parameters else ("",):
            fuzzer.ask("get", filled(path, value), {})
            fuzzer.ask("post", filled(path, value), dict.fromkeys(NAMES, HUGE))
        if any(name in path for name in SLOW):
            continue
        for value in ODD:
            fuzzer.ask("get", filled(path, "1"), dict.fromkeys(NAMES, value))
            fuzzer.ask("post", filled(path, "1"), dict.fromkeys(NAMES, value))
    note(f"odd input: {fuzzer.sent} requests to {len(paths)} addresses, {len(fuzzer.bad)} errors")
    assert fuzzer.bad == []


@EVERY
def test_no_list_answers_500_to_odd_filters_ticks_and_rows(
    rows: Site, note: Callable[[str], None], every: int
) -> None:
    fuzzer = Fuzzer(every)
    for model, model_admin in admin.site._registry.items():
        path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        names = [field.name for field in model._meta.fields]
        for value in (HUGE, "abc"):
            for name in names:
                for lookup in ("", "__exact", "__in", "__gt"):
                    fuzzer.ask("get", path, {f"{name}{lookup}": value})
            actions = getattr(model_admin, "actions", None) or ()
            for action in (*actions, "delete_selected", "nonsense"):
                ticked = {"action": action, "_selected_action": [value, "abc", HUGE]}
                fuzzer.ask("post", path, ticked)
            form = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": value}
            fuzzer.ask("post", path, {**form, "_save": "Save"})
            fuzzer.ask("post", path, {"form-TOTAL_FORMS": HUGE, "_save": "Save"})
            for where in (f"{path}add/", f"{path}1/change/"):
                fuzzer.ask("post", where, dict.fromkeys(names, value))
    note(f"odd filters, ticks and rows: {fuzzer.sent} requests, {len(fuzzer.bad)} errors")
    assert fuzzer.bad == []
