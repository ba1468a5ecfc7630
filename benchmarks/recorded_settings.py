"""The settings of an installation, with the requests of its worker written down."""

from rcsync_project.settings import *  # noqa: F403
from rcsync_project.settings import INSTALLED_APPS as APPS

INSTALLED_APPS = [*APPS, "benchmarks.recorder.Recorder"]
