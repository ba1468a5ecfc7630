"""The little of MongoDB's query language that `query`, `fields` and `sort` need."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from demo.standin.errors import failure, meteor

Document = Mapping[str, Any]


def parsed(text: str, parameter: str) -> dict[str, Any]:
    """The JSON object given as a query parameter; no parameter is the empty object.

    Raises:
        ApiError: the text is no JSON object.
    """
    if not text:
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise meteor(
            f"error-invalid-{parameter}",
            f'Invalid {parameter} parameter provided: "{text}"',
            helperMethod="parseJsonQuery",
        )
    return value


def matches(document: Document, query: Mapping[str, Any]) -> bool:
    """Whether a document satisfies a query."""
    return all(_condition_holds(document, path, wanted) for path, wanted in query.items())


def projected(document: Document, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A document reduced to the wanted fields; `_id` always stays."""
    wanted = {name for name, keep in fields.items() if keep}
    if not wanted:
        return {key: value for key, value in document.items() if key not in fields}
    return {key: value for key, value in document.items() if key in wanted or key == "_id"}


def refuse_where(query: Mapping[str, Any]) -> None:
    """What a server says whose database runs without a script engine."""
    if "$where" in query:
        raise failure("no globalScriptEngine in $where parsing")


def _condition_holds(document: Document, path: str, wanted: Any) -> bool:
    found = list(_values(document, path.split(".")))
    if isinstance(wanted, dict) and any(key.startswith("$") for key in wanted):
        return all(
            _operator_holds(found, name, operand, wanted) for name, operand in wanted.items()
        )
    return wanted in found or any(isinstance(v, list) and wanted in v for v in found)


def _operator_holds(found: list[Any], name: str, operand: Any, siblings: Document) -> bool:
    match name:
        case "$exists":
            return bool(found) == bool(operand)
        case "$in":
            return any(value in operand for value in found)
        case "$ne":
            return operand not in found
        case "$regex":
            flags = re.IGNORECASE if "i" in siblings.get("$options", "") else 0
            return any(isinstance(v, str) and re.search(operand, v, flags) for v in found)
        case "$options":
            return True
        case _:
            raise failure(f"unknown operator: {name}")


def _values(value: Any, path: list[str]) -> Iterator[Any]:
    """All values at a dotted path; lists on the way are searched through."""
    if not path:
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _values(item, path)
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _values(value[path[0]], path[1:])
