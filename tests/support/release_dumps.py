"""Make the databases of a filled release that the tests of upgrades start from.

    ./rcsync python -m tests.support.release_dumps

Until a release has its tag its dumps are made anew whenever a migration is added; from the tag on
they stay as they are. Each is a backup of rcsync's own database and the stand-in that fits it.
"""

import gzip
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.standin import StandIn
from demo.standin.dialects import dialect_like
from demo.standin.state.storage import dump, load
from integration import __version__
from tests.support.installation import Installation
from tests.support.paths import ROOT
from tests.support.servers import running_mariadb, running_postgres

FOLDER = ROOT / "tests/data"
LIKE = "8.8"
ENGINES = ("sqlite", "mysql", "postgresql")


@contextmanager
def own_database(engine: str, folder: Path) -> Iterator[str]:
    """The address of an empty database."""
    if engine == "sqlite":
        yield f"sqlite:///{folder / 'rcsync.sqlite3'}"
        return
    with (running_mariadb if engine == "mysql" else running_postgres)() as server:
        yield server.url(server.create_database())


def files(version: str, engine: str) -> tuple[Path, Path]:
    """The backup, and the stand-in's state."""
    return FOLDER / f"{version}-{engine}.backup", FOLDER / f"{version}-{engine}.standin.json.gz"


def stand_in_of(version: str, engine: str) -> StandIn:
    state = json.loads(gzip.decompress(files(version, engine)[1].read_bytes()))
    return StandIn(world=load(state, dialect_like(LIKE)))


def fill(site: Installation) -> None:
    """Two syncs with changes between them, a preview, a person who waits in the inbox."""
    world = site.chat.world
    with world.lock:
        world.add_user("person1109", name="Somebody else", email="else@elsewhere.invalid")
    site.set_up()
    site.manage("sync", "--apply")
    site.in_moodle(
        "from tests.support.small_moodle import rows\n"
        "from moodle.models import GroupMember\n"
        "rows(GroupMember).filter(groupid=101, userid=1004).delete()"
    )
    site.manage("sync", "--apply", "--full-check")
    site.in_moodle(
        "from tests.support.small_moodle import rows\n"
        "from moodle.models import GroupMember\n"
        "rows(GroupMember).create(groupid=101, userid=1004)"
    )
    site.manage("sync")
    site.manage("sync", "--apply")


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    for engine in ENGINES:
        with (
            tempfile.TemporaryDirectory(dir="/tmp") as name,
            StandIn(like=LIKE) as chat,
            own_database(engine, Path(name)) as url,
        ):
            site = Installation(Path(name), url, chat)
            fill(site)
            assert site.plan()["planned"] == {}
            site.manage("backup", "--to", name)
            backup, state = files(__version__, engine)
            (made,) = Path(name).glob("*.backup")
            shutil.copy(made, backup)
            backup.chmod(0o644)
            text = json.dumps(dump(chat.world)).encode()
            state.write_bytes(gzip.compress(text, mtime=0))
            sys.stdout.write(f"{backup} {backup.stat().st_size} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
