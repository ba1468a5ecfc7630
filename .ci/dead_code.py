"""Code that nobody calls: vulture, without what a framework reads by its name.

Functions, methods, properties, classes, imports, constants and unreachable lines count. Attributes
and class variables do not: they are columns, and declarations that Django and Unfold read. A name
in a string or a template is a use: `list_display`, dotted paths in the settings, `{{ run.label }}`.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from vulture.core import Item, Vulture

ROOT = Path(__file__).resolve().parent.parent
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["vulture"]
SETTINGS = ROOT / "rcsync_project/settings.py"
DOTTED = re.compile(r"[A-Za-z_]\w*(\.\w+)*")
IN_TEMPLATE = re.compile(r"{[{%].*?[%}]}", re.DOTALL)
CODE = {"function", "method", "property", "class", "import", "unreachable_code"}


def counts(item: Item) -> bool:
    if item.filename == SETTINGS:
        return False
    return item.typ in CODE or (item.typ == "variable" and item.name.isupper())


def spoken_names(folders: list[Path]) -> Iterator[str]:
    for folder in folders:
        for file in [folder] if folder.is_file() else folder.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                text = node.value if isinstance(node, ast.Constant) else None
                if isinstance(text, str) and DOTTED.fullmatch(text):
                    yield from text.split(".")
        for template in folder.rglob("*.html"):
            for tag in IN_TEMPLATE.findall(template.read_text()):
                yield from re.findall(r"\w+", tag)


def main() -> int:
    vulture = Vulture(
        ignore_names=CONFIG["ignore_names"], ignore_decorators=CONFIG["ignore_decorators"]
    )
    folders = [ROOT / path for path in CONFIG["paths"]]
    vulture.scavenge(folders, exclude=CONFIG["exclude"])
    for name in spoken_names(folders):
        vulture.used_names.add(name)
    found = [item for item in vulture.get_unused_code(CONFIG["min_confidence"]) if counts(item)]
    for item in found:
        place = f"{item.filename.relative_to(ROOT)}:{item.first_lineno}"
        sys.stdout.write(f"{place}: nobody uses the {item.typ} {item.name}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
