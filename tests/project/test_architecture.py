"""Rules about the code that import-linter (pyproject.toml) cannot say.

A rule is about folders, so that a new module falls under it by where it lies.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

SERVICES = ROOT / "integration" / "services"
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


def uses(path: Path, *libraries: str) -> set[str]:
    return {
        name
        for name in imports(path)
        if any(name == one or name.startswith(f"{one}.") for one in libraries)
    }


def pure_modules() -> list[Path]:
    return [*modules(ROOT / "integration" / "domain"), *modules(SERVICES / "sync")]


PURE = [name_of(path) for path in pure_modules()]


def path_of(name: str) -> Path:
    module = ROOT / name.replace(".", "/")
    return module / "__init__.py" if module.is_dir() else module.with_suffix(".py")


def test_services_hold_rooms_and_no_flat_file() -> None:
    assert [path.name for path in SERVICES.glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("name", PURE)
def test_domain_and_sync_know_no_io_and_two_libraries(name: str) -> None:
    """Threads only where operations are carried out; logging only there and in the line."""
    outside = {one.split(".")[0] for one in imports(path_of(name))} - {"integration"}
    known = PURE_LIBRARIES | {
        *(
            "array",
            "bisect",
            "collections",
            "concurrent",
            "contextlib",
            "dataclasses",
            "datetime",
            "enum",
        ),
        *("functools", "gc", "hashlib", "ipaddress", "itertools", "json", "logging", "math"),
        *("operator", "re", "sys", "threading", "types", "typing", "unicodedata", "contextvars"),
        *("html", "urllib", "zoneinfo"),
    }
    assert outside <= known


@pytest.mark.parametrize("name", PURE)
def test_domain_and_sync_have_no_clock(name: str) -> None:
    path = path_of(name)
    assert uses(path, "time") == set()
    called = {
        ast.unparse(one.func)
        for one in ast.walk(ast.parse(path.read_text()))
        if isinstance(one, ast.Call)
    }
    assert not {name for name in called if name.endswith((".now", ".utcnow", ".today"))}


def test_the_settings_are_read_by_the_wiring_only() -> None:
    """domain, sync and the boundaries take values; only Moodle's connection asks for its prefix."""
    for room in ("sync", "moodle", "rocketchat", "ledger"):
        for path in modules(SERVICES / room):
            if path.name == "connection.py" and room == "moodle":
                continue
            assert uses(path, "django.conf") == set(), name_of(path)


def test_only_settings_read_the_environment() -> None:
    for path in [*modules(ROOT / "integration"), *modules(ROOT / "moodle")]:
        assert uses(path, "os.environ", "os.getenv", "environ") == set(), name_of(path)


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
    for path in modules(SERVICES / "rocketchat"):
        for text in strings(path):
            assert ".delete" not in text.lower(), f"{name_of(path)}: {text}"
            assert "deleteuser" not in text.lower(), f"{name_of(path)}: {text}"


def test_rocketchat_is_never_asked_to_give_up_ownership() -> None:
    """`confirmRelinquish` deletes private rooms in which nobody else is left."""
    for path in modules(SERVICES / "rocketchat"):
        assert all("relinquish" not in text.lower() for text in strings(path)), name_of(path)


@pytest.mark.parametrize("name", PURE)
def test_modules_and_functions_of_the_line_stay_short(name: str) -> None:
    source = path_of(name).read_text()
    assert len(source.splitlines()) <= 400
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{name}.{node.name}"


def test_no_test_module_imports_another_and_no_fixture_comes_by_a_star() -> None:
    """Fixtures come from plugins (tests/conftest.py), helpers from tests/support."""
    for path in modules(ROOT / "tests"):
        for name in imports(path) if path.name != "settings.py" else ():
            *folders, module = name.split(".")
            assert module != "*", name_of(path)
            assert not any(part.startswith("test_") for part in [*folders, module]), name_of(path)
