"""Retries transactions that the database rolled back because two machines wrote at once.

MySQL and MariaDB lock gaps between keys; of two transactions that wait for each other one is rolled
back and asked to try again. That is no failure of a run.
"""

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError, connection

logger = logging.getLogger(__name__)

DEADLOCK_ATTEMPTS = 6
PAUSE_SECONDS = 0.05
MYSQL = {1205, 1213}  # lock wait timeout, deadlock
POSTGRESQL = {"40P01", "40001"}  # deadlock, serialization failure

Answer = TypeVar("Answer")


def retry_on_deadlock(
    work: Callable[[], Answer], undo: Callable[[], None] = lambda: None
) -> Answer:
    """Return what `work`, a whole transaction, returns. `undo` is called after each rollback."""
    for attempt in range(1, DEADLOCK_ATTEMPTS):
        try:
            return work()
        except OperationalError as error:
            if connection.in_atomic_block or not is_deadlock(error):
                raise
            logger.info("attempt=%d again after a deadlock", attempt)
            undo()
            time.sleep(PAUSE_SECONDS * attempt * (1 + random.random()))  # noqa: S311
    return work()


def is_deadlock(error: OperationalError) -> bool:
    if error.args and error.args[0] in MYSQL:
        return True
    return getattr(error.__cause__, "sqlstate", None) in POSTGRESQL
