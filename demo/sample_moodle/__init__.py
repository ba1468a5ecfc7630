"""A sample Moodle: its tables in a SQLite file, with a small invented university in them.

The same `now` gives the same sample. All times in it are relative to `now`, so that what has ended
and what has not begun stay so.
"""

import random
from pathlib import Path

from demo.sample_moodle.builder import MoodleBuilder
from demo.sample_moodle.edge_cases import add_oddities
from demo.sample_moodle.tables import create_tables, writable
from demo.sample_moodle.university import University

__all__ = ["create_sample_moodle", "writable"]

SEED = 20261122


def create_sample_moodle(path: Path, now: int) -> None:
    """Make the file. It must not exist yet; it appears whole or not at all."""
    if path.exists():
        raise FileExistsError(f"{path} is there already.")
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    world = MoodleBuilder(now)
    add_oddities(University(world, random.Random(SEED)))
    with writable(unfinished) as connection:
        create_tables(connection)
        world.save(connection)
    unfinished.rename(path)
