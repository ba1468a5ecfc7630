"""What systemd is told of the worker (`Type=notify`): nothing where it did not start us."""

import logging

from gunicorn.systemd import sd_notify

logger = logging.getLogger(__name__)


def ready(words: str) -> None:
    """It counts as started. `words` are what `systemctl status` shows; may be said again."""
    sd_notify(f"READY=1\nSTATUS={words}", logger)


def alive() -> None:
    """Feeds the watchdog (`WatchdogSec`), which ends who is silent for too long."""
    sd_notify("WATCHDOG=1", logger)


def stopping() -> None:
    sd_notify("STOPPING=1\nSTATUS=finishes the tasks under way", logger)
