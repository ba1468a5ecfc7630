"""The closed request schemas some servers judge calls by, and the texts of their refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from demo.standin.dialects import Dialect
from demo.standin.errors import ApiError, failure, meteor

PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
}


@dataclass(frozen=True, slots=True)
class Schema:
    """What one endpoint takes. Keys that are not in `types` are refused."""

    types: Mapping[str, str]
    required: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()  # keys of which exactly (or at least) one must be there
    choice: str = "oneOf"
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # allowed words of a key
    filled: tuple[str, ...] = ()  # strings that may not be empty
    inner: Mapping[str, Schema] = field(default_factory=dict)
    since: tuple[int, int] = (8, 8)
    in_query: bool = False


class Mismatch(Exception):
    """A value does not fit its schema; carries the validator's text."""


def check(schema: Schema, value: dict[str, Any], dialect: Dialect) -> dict[str, Any]:
    """The value with its simple types coerced, if it fits.

    Raises:
        ApiError: it does not, in the words of that server.
    """
    if dialect.schema_style == "match":
        _check_like_meteor(schema, value)
        return value
    try:
        return _fitting(schema, value)
    except Mismatch as mismatch:
        raise _refusal(schema, str(mismatch), dialect) from None


def _refusal(schema: Schema, text: str, dialect: Dialect) -> ApiError:
    if dialect.schema_style == "ajv-coded":
        return meteor("invalid-params", text)
    code = "error-invalid-params" if schema.in_query else "invalid-params"
    return ApiError(400, {"success": False, "errorType": code, "error": text})


def _check_like_meteor(schema: Schema, value: dict[str, Any]) -> None:
    for key in schema.required:
        if key not in value:
            raise failure(f"Match error: Missing key '{key}'")
    for key in value:
        if key not in schema.types:
            raise failure(f"Match error: Unknown key in field {key}")


def _fitting(schema: Schema, value: dict[str, Any]) -> dict[str, Any]:
    _check_alternatives(schema, value)
    _check_required(schema.required, value)
    for key in value:
        if key not in schema.types:
            raise Mismatch("must NOT have additional properties")
    return {key: _fitting_item(schema, key, item) for key, item in value.items()}


def _check_required(required: tuple[str, ...], value: dict[str, Any]) -> None:
    for key in required:
        if key not in value:
            raise Mismatch(f"must have required property '{key}'")


def _check_alternatives(schema: Schema, value: dict[str, Any]) -> None:
    """Each alternative is a schema of its own; the refusal lists what each one misses first."""
    if not schema.alternatives:
        return
    given = [key for key in schema.alternatives if key in value]
    complete = all(key in value for key in schema.required)
    if complete and (len(given) == 1 or (given and schema.choice == "anyOf")):
        return
    missing = [_first_missing(schema, key, value) for key in schema.alternatives]
    lines = [f"must have required property '{key}'" for key in missing if key]
    number = "exactly one" if schema.choice == "oneOf" else "a"
    raise Mismatch("\n ".join([*lines, f"must match {number} schema in {schema.choice}"]))


def _first_missing(schema: Schema, alternative: str, value: dict[str, Any]) -> str:
    wanted = (alternative, *schema.required)
    return next((key for key in wanted if key not in value), "")


def _fitting_item(schema: Schema, key: str, given: Any) -> Any:
    wanted = schema.types[key]
    item = _coerced(given, wanted)
    if wanted != "any" and not isinstance(item, PYTHON_TYPES[wanted]):
        raise Mismatch(f"must be {wanted}")
    if key in schema.filled and not item:
        raise Mismatch("must NOT have fewer than 1 characters")
    if key in schema.choices and item not in schema.choices[key]:
        raise Mismatch("must be equal to one of the allowed values")
    inner = schema.inner.get(key)
    return _fitting(inner, item) if inner else item


def _coerced(item: Any, wanted: str) -> Any:
    """AJV's `coerceTypes`: "false" becomes false, 1 becomes "1"."""
    if wanted == "boolean" and item in ("true", "false", 0, 1):
        return item in ("true", 1)
    if wanted == "string" and isinstance(item, (int, float)):
        return str(item).lower() if isinstance(item, bool) else str(item)
    if wanted == "number" and isinstance(item, str) and item.lstrip("-").isdecimal():
        return int(item)
    return item
