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
    nullable: tuple[str, ...] = ()
    exclusive: bool = False  # an alternative does not take the keys of the others
    inner: Mapping[str, Schema] = field(default_factory=dict)
    since: tuple[int, int] = (8, 8)
    in_query: bool = False
    legacy: bool = False  # the call is judged in the words of older servers


MORE_PROPERTIES = "must NOT have additional properties"


class Mismatch(Exception):
    """A value does not fit its schema; carries the validator's text."""


def check(schema: Schema, value: Any, dialect: Dialect) -> dict[str, Any]:
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
    if dialect.schema_style == "ajv-coded" or schema.legacy:
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


def _fitting(schema: Schema, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Mismatch("must be object")
    _check_alternatives(schema, value)
    _check_required(schema.required, value)
    for key in value:
        if key not in schema.types:
            raise Mismatch(MORE_PROPERTIES)
    return {key: _fitting_item(schema, key, item) for key, item in value.items()}


def _check_required(required: tuple[str, ...], value: dict[str, Any]) -> None:
    for key in required:
        if key not in value:
            raise Mismatch(f"must have required property '{key}'")


def _check_alternatives(schema: Schema, value: dict[str, Any]) -> None:
    """Each alternative is a schema of its own; the refusal lists what is wrong with each."""
    if not schema.alternatives:
        return
    wrong = [_wrong_with(schema, key, value) for key in schema.alternatives]
    fitting = wrong.count("")
    if fitting == 1 or (fitting and schema.choice == "anyOf"):
        return
    number = "exactly one" if schema.choice == "oneOf" else "a"
    lines = [line for line in wrong if line]
    raise Mismatch("\n ".join([*lines, f"must match {number} schema in {schema.choice}"]))


def _wrong_with(schema: Schema, alternative: str, value: dict[str, Any]) -> str:
    """Why the value does not fit one alternative; empty if it does."""
    for key in (alternative, *schema.required):
        if key not in value:
            return f"must have required property '{key}'"
    others = set(schema.alternatives) - {alternative} if schema.exclusive else set()
    if any(key not in schema.types or key in others for key in value):
        return MORE_PROPERTIES if schema.exclusive else ""
    return ""


def _fitting_item(schema: Schema, key: str, given: Any) -> Any:
    wanted = schema.types[key]
    if given is None and key in schema.nullable:
        return None
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
    """AJV's `coerceTypes`: "false" becomes false, 1 becomes "1", nothing the empty value."""
    if item is None:
        return {"string": "", "boolean": False, "number": 0}.get(wanted)
    if wanted == "boolean" and item in ("true", "false", 0, 1):
        return item in ("true", 1)
    if wanted == "string" and isinstance(item, (int, float)):
        return str(item).lower() if isinstance(item, bool) else str(item)
    if wanted == "number" and isinstance(item, str) and item.lstrip("-").isdecimal():
        return int(item)
    return item
