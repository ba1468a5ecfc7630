"""Who may import whom: docs/architecture.md section 2, as the modules really are.

A rule is about folders and names, so that a new module falls under it by where it lies.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SERVICES = ROOT / "integration" / "services"

PURE = (
    *("errors", "state", "patterns", "naming", "standing", "policy", "desired", "operations"),
    *("conflicts", "matching", "membership", "channels", "settled", "plan", "guard"),
    *("sizes", "quarantine", "endings", "facts", "wording"),
)
LINE = ("ports", "report", "apply", "reconcile")
BOUNDARIES = ("moodle_reader", "rocketchat", "ledger", "events")
WIRING = ("door.py", "poller.py")  # of the folder events: they start runs
ENTRY_POINTS = ("admin", "pages", "views", "urls", "tasks", "management")
PURE_LIBRARIES = {"regex", "anyascii"}


def modules(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*.py")) if "migrations" not in path.parts)


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Absolute names of what the file imports, wherever in it; "module.name" for `from` imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = name_of(path).split(".")
            if path.name != "__init__.py":
                package = package[:-1]
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def services_used(path: Path) -> set[str]:
    """The first part of the names below integration.services that the file imports."""
    prefix = "integration.services."
    return {
        name.removeprefix(prefix).split(".")[0] for name in imports(path) if name.startswith(prefix)
    }


def of_boundary(name: str) -> list[Path]:
    module, package = SERVICES / f"{name}.py", SERVICES / name
    if module.exists():
        return [module]
    return [path for path in modules(package) if name != "events" or path.name not in WIRING]


def uses(path: Path, *libraries: str) -> set[str]:
    return {
        name
        for name in imports(path)
        if any(name == one or name.startswith(f"{one}.") for one in libraries)
    }


def test_the_modules_named_here_exist() -> None:
    missing = [name for name in (*PURE, *LINE) if not (SERVICES / f"{name}.py").exists()]
    assert missing == []
    assert all(of_boundary(name) for name in BOUNDARIES)


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_import_only_pure_modules(name: str) -> None:
    assert services_used(SERVICES / f"{name}.py") <= set(PURE)


@pytest.mark.parametrize("name", [*PURE, *LINE])
def test_neither_pure_modules_nor_the_line_know_django_http_or_settings(name: str) -> None:
    path = SERVICES / f"{name}.py"
    assert uses(path, "django", "requests", "environ", "moodle", "rcsync_project") == set()
    assert uses(path, "integration") == uses(path, "integration.services")


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_use_the_standard_library_and_two_others_without_io(name: str) -> None:
    path = SERVICES / f"{name}.py"
    outside = {one.split(".")[0] for one in imports(path)} - {"integration"}
    stateful = {
        "os",
        "socket",
        "random",
        "secrets",
        "subprocess",
        "pathlib",
        "logging",
        "threading",
    }
    assert outside & stateful == set()
    known = PURE_LIBRARIES | {
        *("collections", "dataclasses", "datetime", "enum", "functools", "hashlib", "json"),
        *("itertools", "operator", "re", "typing", "unicodedata"),
    }
    assert outside <= known


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_have_no_clock(name: str) -> None:
    source = (SERVICES / f"{name}.py").read_text()
    assert uses(SERVICES / f"{name}.py", "time") == set()
    called = {
        ast.unparse(one.func) for one in ast.walk(ast.parse(source)) if isinstance(one, ast.Call)
    }
    assert not {name for name in called if name.endswith((".now", ".utcnow", ".today"))}


def test_errors_import_nothing_but_their_words() -> None:
    assert services_used(SERVICES / "errors.py") == {"wording"}
    assert imports(SERVICES / "errors.py") == {"integration.services.wording.joined"}


@pytest.mark.parametrize("name", LINE)
def test_the_line_imports_no_boundary_and_nothing_above_itself(name: str) -> None:
    above = {"runner", "connections", *BOUNDARIES}
    assert services_used(SERVICES / f"{name}.py") & above == set()


@pytest.mark.parametrize("name", BOUNDARIES)
def test_boundaries_never_import_each_other_nor_the_line(name: str) -> None:
    """Values (state, plan, report, policy) they may know where they store or make them."""
    others = {*BOUNDARIES, "runner", "reconcile", "apply", "desired", "matching"} - {name}
    for path in of_boundary(name):
        assert services_used(path) & others == set(), name_of(path)


def test_rocketchat_knows_nothing_of_plans_policies_and_django() -> None:
    for path in of_boundary("rocketchat"):
        assert services_used(path) <= {"rocketchat", "state", "errors", "facts", "wording"}, (
            name_of(path)
        )
        assert uses(path, "django", "moodle", "integration.models") == set(), name_of(path)


def test_the_reader_of_moodle_knows_none_of_our_own_tables() -> None:
    for path in of_boundary("moodle_reader"):
        assert uses(path, "integration.models") == set()


def test_only_the_reader_and_the_pages_know_moodles_tables() -> None:
    for name in (*PURE, *LINE, "rocketchat", "ledger"):
        for path in of_boundary(name):
            assert uses(path, "moodle") == set(), name_of(path)


def test_the_settings_are_read_by_the_wiring_only() -> None:
    """Nothing below the runner: pure modules, the line and the boundaries take values."""
    for name in (*PURE, *LINE, *BOUNDARIES):
        for path in of_boundary(name):
            assert uses(path, "django.conf") == set(), name_of(path)


def test_only_settings_read_the_environment() -> None:
    for path in [*modules(ROOT / "integration"), *modules(ROOT / "moodle")]:
        assert uses(path, "os.environ", "os.getenv", "environ") == set(), name_of(path)


def test_integration_never_imports_demo() -> None:
    for path in modules(ROOT / "integration"):
        assert uses(path, "demo") == set(), name_of(path)


def test_moodle_knows_nothing_of_integration_but_its_errors_and_their_words() -> None:
    for path in modules(ROOT / "moodle"):
        known = uses(path, "integration.services.errors", "integration.services.wording")
        assert uses(path, "integration", "demo") == known, name_of(path)


def test_services_know_nothing_of_pages_and_commands() -> None:
    above = tuple(f"integration.{name}" for name in ENTRY_POINTS)
    for path in modules(SERVICES):
        assert uses(path, *above) == set(), name_of(path)


def strings(path: Path) -> Iterator[str]:
    """Every text in the code, also the parts of f-strings; comments and docstrings are none."""
    tree = ast.parse(path.read_text())
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def test_rocketchat_is_never_asked_to_delete_anything() -> None:
    for path in of_boundary("rocketchat"):
        for text in strings(path):
            assert ".delete" not in text.lower(), f"{name_of(path)}: {text}"
            assert "deleteuser" not in text.lower(), f"{name_of(path)}: {text}"


def test_rocketchat_is_never_asked_to_give_up_ownership() -> None:
    """`confirmRelinquish` deletes private rooms in which nobody else is left."""
    for path in of_boundary("rocketchat"):
        assert all("relinquish" not in text.lower() for text in strings(path)), name_of(path)


@pytest.mark.parametrize("name", [*PURE, *LINE])
def test_modules_and_functions_of_the_line_stay_short(name: str) -> None:
    source = (SERVICES / f"{name}.py").read_text()
    assert len(source.splitlines()) <= 400
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{name}.{node.name}"
