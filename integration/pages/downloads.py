"""Answers that a browser saves as a file."""

from collections.abc import Iterable

from django.http import StreamingHttpResponse

CSV = "text/csv; charset=utf-8"


def download(name: str, lines: Iterable[str], content_type: str = CSV) -> StreamingHttpResponse:
    """`lines` as a file of that name, sent while it is made."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(lines, content_type=content_type, headers=headers)
