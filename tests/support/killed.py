"""A sync in a process of its own that is killed in the middle of one operation.

Runs in children of a fork server, which has no threads and no connections that a fork could break.
"""

import os
import signal
from collections.abc import Mapping
from typing import Any

import django

django.setup()  # in the fork server, once for all children

from django.conf import settings  # noqa: E402
from django.db import connections  # noqa: E402

from integration.domain.operations import Operation  # noqa: E402
from integration.models import SyncRun  # noqa: E402
from integration.services.runs import runner  # noqa: E402
from integration.services.runs.order import Order  # noqa: E402
from integration.services.sync import apply  # noqa: E402
from integration.services.sync.report import Outcome  # noqa: E402


def sync_until(
    operation: str,
    *,
    after_the_effect: bool,
    databases: Mapping[str, str],
    rocketchat: Mapping[str, str],
) -> None:
    """SIGKILL before or after the server did `operation`; never comes back where it is met."""
    for alias, name in databases.items():
        connections[alias].settings_dict["NAME"] = name
    settings.MOODLE_CONFIGURED = True
    settings.ROCKETCHAT = dict(rocketchat)
    one = apply._Run._one

    def deadly(run: Any, current: Operation) -> Outcome:
        doomed = repr(current) == operation
        if doomed and not after_the_effect:
            os.kill(os.getpid(), signal.SIGKILL)
        outcome = one(run, current)
        if doomed:
            os.kill(os.getpid(), signal.SIGKILL)
        return outcome

    apply._Run._one = deadly  # type: ignore[method-assign,assignment]
    runner.execute(Order(kind=SyncRun.Kind.APPLY, trigger=SyncRun.Trigger.COMMAND))
