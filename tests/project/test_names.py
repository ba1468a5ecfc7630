"""The old layout and the old names are gone, and what the pages say of the code exists.

The names are looked for by their definitions: as ordinary words they stay allowed.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.paths import ROOT

CODE = ("integration", "moodle", "demo", "benchmarks", "rcsync_project")
OLD_MODULES = {
    "demo": "playground verdict",
    "demo/sample_moodle": "campus oddities office truth world",
    "demo/standin": (
        "call clock defaults faults fresh limits membership mongo names paging people records "
        "rooms routes_import routes_members routes_method routes_room_lists routes_rooms "
        "routes_session routes_site routes_users routing schema schemas storage targets "
        "two_factor views wire world"
    ),
    "integration": "health middleware reporting throttle watch",
    "integration/pages": "filters start zone",
    "integration/services": (
        "actor apply audit cells channels checkup collector condition conflicts connections "
        "decisions desired digest endings errors estimate exports facts failures gathering "
        "guard heartbeat importer keeper manners matching membership moodle_doctor "
        "moodle_reader moodle_rows naming notify operations operator patterns plan policy "
        "ports quarantine reconcile report runner settled sizes standing state translation "
        "turns undo undoing wording"
    ),
    "integration/services/admin": "cells undone",
    "integration/services/background": "cluster passes supervisor",
    "integration/services/desk": (
        "__init__ campus candidates checks exports failures history inbox links lists "
        "overview previews secrets sentences start undone why"
    ),
    "integration/services/events": "clock door gaps log other",
    "integration/services/ledger": "approvals deadlocks deeds pace safekeeping",
    "integration/services/monitoring": "checks doctor",
    "integration/services/rocketchat": (
        "access concurrency factory importing invite login look parallel reactions rows rules "
        "secret settings stats translate"
    ),
    "integration/services/runs": "connection manners undo",
    "integration/services/sync": "collector quarantine turns",
    "integration/tables": "chosen operation policies site_settings",
    "moodle": "diagnosis paging reading server",
}
OLD_NAMES = frozenset(
    [
        "Campus",
        "Channels",
        "Condition",
        "Deed",
        "Found",
        "Gathering",
        "Holds",
        "Judged",
        "Keeper",
        "LettingGo",
        "Manners",
        "Matching",
        "Named",
        "Office",
        "Patience",
        "Places",
        "Said",
        "SaidField",
        "SaidJSONField",
        "Settled",
        "Span",
        "Standing",
        "Ties",
        "Turn",
        "Turns",
        "UnsafePlan",
        "What",
        "World",
        "Worlds",
        "_Back",
        "arriving",
        "asleep",
        "bury_the_dead",
        "call_again",
        "concerned",
        "created_account",
        "created_channel",
        "crowded",
        "cut_off",
        "deeds_of",
        "estimate_counts",
        "estimate_of_run",
        "gaps",
        "groups_of_person",
        "lacks",
        "manners",
        "manners_of",
        "origins",
        "pace",
        "reactions",
        "repeated",
        "safekeeping",
        "said",
        "settle",
        "settled",
        "short_turns",
        "translate",
        "turn_back",
        "weigh",
        "woken",
    ]
)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def definitions(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def test_no_module_lies_where_it_lay_before() -> None:
    back = [
        f"{folder}/{name}.py"
        for folder, names in OLD_MODULES.items()
        for name in names.split()
        if (ROOT / folder / f"{name}.py").exists()
    ]
    assert back == []


def test_no_class_and_no_function_has_an_old_name() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for folder in CODE
        for path in (ROOT / folder).rglob("*.py")
        for name in definitions(ast.parse(path.read_text()))
        if name in OLD_NAMES
    }
    assert found == set()


@cache
def definitions_by_file() -> dict[str, set[str]]:
    return {
        str(path.relative_to(ROOT)): set(definitions(ast.parse(path.read_text())))
        for path in (ROOT / "tests").rglob("*.py")
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    known = definitions_by_file()
    text = page.read_text()
    for file, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?", text):
        assert file in known, file
        assert not name or name in known[file], f"{file}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    for name in re.findall(r"`((?:integration|moodle|demo|tests|benchmarks|docs)/[\w/.]+)`", text):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"`(services/[\w/.]+)`", text):
        assert (ROOT / "integration" / name).exists(), name


def anchors(page: Path) -> set[str]:
    """Of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target
