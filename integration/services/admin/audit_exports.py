"""The audit trail for other programs: CSV for spreadsheets, JSON lines for everything else."""

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any

from integration.models import AuditEntry
from integration.services.admin.exports import harmless

COLUMNS = (
    "id",
    "at",
    "actor_kind",
    "actor",
    "run_id",
    "action",
    "subject",
    "moodle_user_id",
    "moodle_group_id",
    "moodle_course_id",
    "before",
    "after",
    "result",
    "reason",
    "error",
)


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def export_audit(entries: Iterable[AuditEntry], form: str) -> Iterator[str]:
    """Line by line; `form` is "csv" or "jsonl"."""
    if form == "csv":
        return _csv(entries)
    if form == "jsonl":
        return _json_lines(entries)
    raise ValueError(f"unknown form {form!r}: csv or jsonl")


def _csv(entries: Iterable[AuditEntry]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for entry in entries:
        row = _values(entry)
        row["before"], row["after"] = json.dumps(row["before"]), json.dumps(row["after"])
        yield writer.writerow([harmless(row[name]) for name in COLUMNS])


def _json_lines(entries: Iterable[AuditEntry]) -> Iterator[str]:
    for entry in entries:
        yield json.dumps(_values(entry), ensure_ascii=False) + "\n"


def _values(entry: AuditEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in COLUMNS} | {"at": entry.at.isoformat()}
