#!/usr/bin/env python3
"""Django's command line. `./rcsync COMMAND` runs this in rcsync's own environment."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

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


if __name__ == "__main__":
    main()
