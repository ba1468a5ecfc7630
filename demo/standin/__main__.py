"""Starts a stand-in without Django."""

import sys

from demo.standin.cli import main

sys.exit(main())
