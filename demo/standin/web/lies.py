"""Answers that are not true: how each lie of `faults` changes what a call answers.

The values of an answer are its objects and lists one level down: `user`, `group`, `users`, ...
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from demo.standin.web.call import Reply, to_json

Row = dict[str, Any]
Others = Mapping[str, Callable[[str], Row | None]]
"""By the key of an answer's object: what gives another one for its id."""


def told(kind: str, reply: Reply, others: Others) -> Reply:
    """The reply as it was, or another one about the same call if there is anything to change."""
    if kind not in LIES or reply.status != 200:
        return reply
    try:
        answer = json.loads(reply.body)
    except ValueError:
        return reply
    if not isinstance(answer, dict):
        return reply
    if kind in LISTS:
        answer |= _with_lists(answer, LISTS[kind], counted=kind in COUNTED)
    if kind == "wrong_ids":
        answer |= _with_unknown_ids(answer)
    elif kind == "wrong_shape":
        answer |= {key: _misshapen(value) for key, value in answer.items() if key != "success"}
    elif kind == "somebody_else":
        answer |= _about_others(answer, others)
    return replace(reply, body=to_json(answer))


def _misshapen(value: Any) -> Any:
    """A value of another kind."""
    if isinstance(value, list):
        return {"rows": value}
    return [value] if isinstance(value, dict) else {"value": value}


def _with_unknown_ids(answer: Row) -> Row:
    """The objects of an answer with an id that nobody has."""
    found = {key: value for key, value in answer.items() if isinstance(value, dict)}
    return {key: value | {"_id": NO_SUCH_ID} for key, value in found.items() if "_id" in value}


def _about_others(answer: Row, others: Others) -> Row:
    changed: Row = {}
    if "rid" in answer and (other := others["room"](str(answer["rid"]))):
        changed["rid"] = other["_id"]
    for key, other_than in others.items():
        known = answer.get(key)
        if isinstance(known, dict) and (other := other_than(str(known.get("_id", "")))):
            changed[key] = other
    return changed


def _with_lists(answer: Row, change: Callable[[list[Any]], list[Any]], *, counted: bool) -> Row:
    """The lists of objects changed, and the counts with them if the lie is to be seamless."""
    changed: Row = {}
    for key, rows in answer.items():
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            changed[key] = change(rows)
            if counted and "total" in answer:
                gone = len(rows) - len(changed[key])
                changed |= {"count": len(changed[key]), "total": max(0, answer["total"] - gone)}
    return changed


def _nothing(_: list[Row]) -> list[Row]:
    return []


def _first_half(rows: list[Row]) -> list[Row]:
    return rows[: len(rows) // 2]


def _every_second(rows: list[Row]) -> list[Row]:
    return rows[::2]


def _doubled(rows: list[Row]) -> list[Row]:
    return [row for row in rows for _ in range(2)]


def _rotated(rows: list[Row]) -> list[Row]:
    return rows[1:] + rows[:1]


def _with_ids_of_others(rows: list[Row]) -> list[Row]:
    """Each row with the id of the next one."""
    ids = [row.get("_id") for row in _rotated(rows)]
    return [row | {"_id": one} if "_id" in row else row for row, one in zip(rows, ids, strict=True)]


LISTS: dict[str, Callable[[list[Row]], list[Row]]] = {
    "empty_list": _nothing,
    "short_list": _first_half,
    "rows_missing": _every_second,
    "doubled_list": _doubled,
    "rotated_list": _rotated,
    "wrong_ids": _with_ids_of_others,
}
NO_SUCH_ID = "standin-no-such-id"
LIES = (*LISTS, "wrong_shape", "somebody_else")
COUNTED = ("empty_list", "rows_missing")  # total and count agree with what is shown
