"""The recordings of a real server as one tape that can be played to a stand-in.

The recordings of one server depend on one another: a room made by one is renamed by another. So
they are played in the order in which they were made. The stand-in is told to give its documents
the ids of the recording, hence requests need no translation and answers can be compared as they
are.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

FIRST_PAGE_OF_HTML = "<!DOCTYPE html>"


@dataclass(frozen=True, slots=True)
class Case:
    """One recorded request with its answer."""

    name: str
    session: str  # "main", "private" ...: each was made on a server of its own
    method: str
    path: str
    parameters: dict[str, Any]
    headers: dict[str, str]
    body: Any
    status: int
    answer: Any
    answer_headers: dict[str, str]
    made_at: float
    position: int  # in the recording's index
    kept: dict[str, int] = field(default_factory=dict)  # lists that were cut, with what was kept

    @property
    def endpoint(self) -> str:
        """Such as "users.list"."""
        return self.path.removeprefix("/api/v1/")

    @property
    def caller(self) -> str:
        """The id of the account that called; empty for strangers."""
        return self.headers.get("X-User-Id", "")

    @property
    def is_unknown_endpoint(self) -> bool:
        """Whether the recorded server itself had no such endpoint."""
        if self.status == 404 and self.answer == "404 Not Found":
            return True
        is_page = isinstance(self.answer, str) and self.answer.startswith(FIRST_PAGE_OF_HTML)
        return (is_page and self.status == 200) or (self.status == 405 and self.answer == "")


# The series of a recording by the beginnings of their names. Up to 6.5.3 the import was recorded on
# a server of its own, later on that of the private groups.
SESSIONS = {"p": "private", "import": "import"}
LATER_SESSIONS = {"p": "private", "import": "private", "n": "new", "nb": "tokens"}
CUT = re.compile(r"list ([\w.]+) cut from \d+ to (\d+)")


def read_cases(folder: Path, sessions: dict[str, str] = SESSIONS) -> list[Case]:
    """All recorded cases of one server in the order of the index."""
    lines = (folder / "_index.tsv").read_text(encoding="utf-8").splitlines()
    names = [line.split("\t")[0] for line in lines]
    return [_read_case(folder, name, at, sessions) for at, name in enumerate(names)]


def _read_case(folder: Path, name: str, position: int, sessions: dict[str, str]) -> Case:
    record = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    request, response = record["request"], record["response"]
    return Case(
        name=name,
        session=sessions.get(name.partition("_")[0], "main"),
        method=request["method"],
        path=request["path"],
        parameters=request["params"] or {},
        headers=request["headers"] or {},
        body=request["body"],
        status=response["status"],
        answer=response["body"],
        answer_headers={key.lower(): value for key, value in response["headers"].items()},
        made_at=parsedate_to_datetime(response["headers"]["Date"]).timestamp(),
        position=position,
        kept={key: int(count) for key, count in CUT.findall(record["note"])},
    )


def in_order(
    cases: list[Case], others: list[Case], before: dict[str, tuple[str, ...]]
) -> list[Case]:
    """Cases in the order they were made in.

    The clock counts whole seconds, but the same program recorded several servers of different
    speed, so that their clocks together tell more. What is left is told by `before`.

    Args:
        others: the cases of another server.
        before: for a case the names of those of the same moment that came earlier.
    """
    other_clock = {case.name: case.made_at for case in others}
    moments = {case.name: _moment(case, other_clock) for case in cases}
    waiting = sorted(cases, key=lambda case: moments[case.name])
    missing = set(moments)
    done: list[Case] = []
    while waiting:
        ready = next(
            case for case in waiting if not missing.intersection(before.get(case.name, ()))
        )
        waiting.remove(ready)
        missing.remove(ready.name)
        done.append(ready)
    return done


def _moment(case: Case, other_clock: dict[str, float]) -> tuple[float, float, int]:
    """The index has the later sessions in order already."""
    if case.session != "main":
        return (0.0, 0.0, case.position)
    return (other_clock[case.name], case.made_at, case.position)


def cut(answer: Any, kept: dict[str, int]) -> Any:
    """The answer with the lists shortened that the recording shortened."""
    for path, count in kept.items():
        *outer, last = path.split(".")
        inner = answer
        for key in outer:
            inner = inner.get(key, {})
        if isinstance(inner, dict) and isinstance(inner.get(last), list):
            inner[last] = inner[last][:count]
    return answer


def ids_by_username(cases: list[Case]) -> dict[str, str]:
    """The recorded id of everybody the recordings mention."""
    found: dict[str, str] = {}
    for case in cases:
        for document in _documents(case.answer):
            if isinstance(document.get("username"), str) and isinstance(document.get("_id"), str):
                found[document["username"]] = document["_id"]
    return found


def _documents(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [document for item in value for document in _documents(item)]
    if isinstance(value, dict):
        return [value, *(document for item in value.values() for document in _documents(item))]
    return []


# Values that mean something to a program; all others only need the right type.
TELLING = {
    *("success", "error", "errorType", "details", "message", "status", "state", "method"),
    *("_id", "rid", "userId", "username", "name", "fname", "t", "type", "roles", "importIds"),
    *("active", "archived", "ro", "default", "verified", "address", "canViewAllInfo", "unread"),
    *("topic", "description", "announcement", "customFields", "version"),
    *("usersCount", "msgs", "count", "offset", "total"),
    *("codeGenerated", "availableMethods"),
}


def differences(recorded: Any, given: Any, path: str = "") -> list[str]:
    """Where an answer differs: keys, types, and values that mean something; as "path: how"."""
    if isinstance(recorded, dict) and isinstance(given, dict):
        return _object_differences(recorded, given, path)
    if isinstance(recorded, list) and isinstance(given, list):
        return _list_differences(recorded, given, path)
    if _kind(recorded) != _kind(given):
        return [f"{path}: {_kind(recorded)} became {_kind(given)}"]
    if path.rpartition(".")[2].rstrip("[]") in TELLING and _timeless(recorded) != _timeless(given):
        return [f"{path}: {recorded!r} became {given!r}"]
    return []


def _object_differences(recorded: dict[str, Any], given: dict[str, Any], path: str) -> list[str]:
    found = []
    for key in sorted(recorded.keys() | given.keys()):
        inner = f"{path}.{key}" if path else key
        if key == "_id" and ("rid" in recorded or path.endswith("subscription")):
            continue
        if key not in given:
            found.append(f"{inner}: missing")
        elif key not in recorded:
            found.append(f"{inner}: too much")
        else:
            found += differences(recorded[key], given[key], inner)
    return found


def _list_differences(recorded: list[Any], given: list[Any], path: str) -> list[str]:
    """Documents are compared with their namesakes, other items with the one at the same place."""
    if bool(recorded) != bool(given):
        return [f"{path}: {len(recorded)} items became {len(given)}"]
    if recorded and isinstance(recorded[0], dict) and recorded[0].keys() & {"_id", "user"}:
        return _document_differences(recorded, given, path)
    if len(recorded) != len(given):
        return [f"{path}: {len(recorded)} items became {len(given)}"]
    pairs = zip(recorded, given, strict=True)
    return [line for pair in pairs for line in differences(*pair, f"{path}[]")]


def _document_differences(recorded: list[Any], given: list[Any], path: str) -> list[str]:
    wanted = {_identity(document): document for document in recorded}
    found = {_identity(document): document for document in given}
    order = [key for key in wanted if key in found]
    lines = [f"{path}[]: missing" for _ in wanted.keys() - found.keys()]
    lines += [f"{path}[]: too much" for _ in found.keys() - wanted.keys()]
    if order != [key for key in found if key in wanted]:
        lines.append(f"{path}: another order")
    for key in order:
        lines += differences(wanted[key], found[key], f"{path}[]")
    return sorted(set(lines))


def _identity(document: dict[str, Any]) -> str:
    """A membership is known by its room (and person): its own id cannot be foretold."""
    if "rid" in document:
        return f"{document['rid']} {document.get('u', {}).get('_id', '')}"
    if "_id" not in document:
        return str(document["user"]["_id"])
    return str(document["_id"])


def _timeless(value: Any) -> Any:
    """How long one has to wait is another number each time."""
    return re.sub(r"\d+ seconds", "some seconds", value) if isinstance(value, str) else value


def _kind(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(type(value).__name__)
    return "number" if isinstance(value, (int, float)) else type(value).__name__
