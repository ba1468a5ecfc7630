"""Log lines for people, or JSON objects for machines; both name the request or run they are of."""

import logging
from typing import Any

from integration import __version__
from integration.domain import request_id

FORMATS = ("line", "json")


class WithRequestId(logging.Filter):
    """Adds `request_id` to every record: that of the request, `run-N` in a run, else "-"."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.current() or "-"
        return True


def logging_config(form: str, level: str) -> dict[str, Any]:
    """One object for each event on standard error (standard output belongs to `--json`)."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": WithRequestId}},
        "formatters": {
            "line": {
                "format": "{asctime} {levelname} {name} [{request_id}] {message}",
                "style": "{",
            },
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "format": "{asctime}{levelname}{name}{message}{request_id}{process}",
                "style": "{",
                "datefmt": "%Y-%m-%dT%H:%M:%S%z",
                "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
                "static_fields": {"service": "rcsync", "version": __version__},
            },
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "filters": ["request_id"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"level": "INFO"},
            "django.db.backends": {"level": "INFO"},  # not every statement, even at DEBUG
        },
    }
