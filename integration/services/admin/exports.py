"""A plan or a run as CSV. Cells that a spreadsheet would take for a formula are made harmless."""

import csv
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext

from integration.domain.operations import labels
from integration.models import IntegratedCourse, SyncOperation


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def csv_lines(heading: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Line by line, the heading first. A spreadsheet knows by the first character that it is
    UTF-8.
    """
    writer = csv.writer(_Echo())
    yield "\N{BYTE ORDER MARK}" + writer.writerow(heading)
    for row in rows:
        yield writer.writerow([harmless(cell) for cell in row])


def operations_as_csv(rows: Iterable[SyncOperation], courses: dict[int, str]) -> Iterator[str]:
    """Line by line, the heading first."""
    kinds, results = _words()
    yield from csv_lines(_heading(), (_cells(row, courses, kinds, results) for row in rows))


def failures_as_csv(
    rows: Iterable[SyncOperation], courses: dict[int, str], cut: str = ""
) -> Iterator[str]:
    """As the operations of a run, each with its run first; `cut` is said at the end of a list that
    is not all.
    """
    kinds, results = _words()
    lines: Iterable[Iterable[Any]] = (
        (row.run_id, *_cells(row, courses, kinds, results)) for row in rows
    )
    last: list[Iterable[Any]] = [(cut,)] if cut else []
    yield from csv_lines((gettext("Run"), *_heading()), chain(lines, last))


def _heading() -> tuple[str, ...]:
    return (
        gettext("No."),
        gettext("Operation"),
        gettext("What"),
        gettext("Why"),
        gettext("Course"),
        gettext("Result"),
        gettext("Error"),
        gettext("Next step"),
        gettext("Rocket.Chat's answer"),
        gettext("Finished"),
    )


def _words() -> tuple[dict[str, str], dict[str, str]]:
    """Of kinds and results. Looked up once: Django's get_..._display takes most of the time of a
    long export.
    """
    kinds = {kind: gettext(label) for kind, label in labels().items()}
    return kinds, {status.value: str(status.label) for status in SyncOperation.Status}


def names_of_courses() -> dict[int, str]:
    """Of the integrated courses, by Moodle id."""
    return {row.course_id: str(row) for row in IntegratedCourse.objects.order_by()}


def _cells(
    row: SyncOperation, courses: dict[int, str], kinds: dict[str, str], results: dict[str, str]
) -> Iterator[Any]:
    yield row.position + 1
    yield kinds.get(row.kind, row.kind)
    yield row.description
    yield row.reason
    yield courses.get(row.moodle_course_id or 0, row.moodle_course_id or "")
    yield results.get(row.status, row.status)
    yield row.error
    yield row.hint
    yield row.answer
    yield timezone.localtime(row.finished_at).isoformat(" ", "seconds") if row.finished_at else ""


FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "|", "%")


def harmless(cell: Any) -> Any:
    """A leading apostrophe where a spreadsheet would compute or run something (OWASP, CSV
    injection).
    """
    if isinstance(cell, str) and (cell.startswith(FORMULA) or cell.lstrip().startswith(FORMULA)):
        return f"'{cell}"
    return cell
