#!/usr/bin/env python3
"""Django's command line. `./rcsync COMMAND` runs this in rcsync's own environment."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import Error as DatabaseError

CANNOT_RUN = 2  # the exit status that `sync` promises for it


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rcsync_project.settings")
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        sys.argv[1] = sys.argv[1].replace("-", "_")  # make-key is the module make_key
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        if "--traceback" in sys.argv:
            raise
        sys.stderr.write(f"rcsync is not configured: {error}\n")
        sys.exit(CANNOT_RUN)
    except DatabaseError as error:  # of our own: Moodle's are told by those who read it
        cause = None if "--traceback" in sys.argv else in_words(error)
        if cause is None:
            raise
        sys.stderr.write(f"{cause}\n")
        sys.exit(CANNOT_RUN)


def in_words(error: DatabaseError) -> str | None:
    """None for a mistake of ours, as a wrong query: nobody foresaw it, so the traceback is kept."""
    from integration.services.monitoring.own_database import explain_own, is_of_operation

    return str(explain_own(error)) if is_of_operation(error) else None


if __name__ == "__main__":
    main()
