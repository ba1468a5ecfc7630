"""Make a backup, and read it again before it counts as one."""

import tempfile
from pathlib import Path

from django.db import DEFAULT_DB_ALIAS, connections
from django.utils import timezone

from integration import __version__
from integration.domain.errors import ConfigurationError
from integration.domain.messages import msg
from integration.services.backup import archive, engines
from integration.services.backup.archive import Manifest
from integration.services.backup.tables import applied_migrations, counts


def make(folder: Path, *, prefix: str = "rcsync", method: str = "") -> Path:
    """A new file in `folder`, which is made if need be; its path. Or ConfigurationError."""
    connection = connections[DEFAULT_DB_ALIAS]
    now = timezone.now()
    migrations = applied_migrations(connection)
    if not migrations:
        raise ConfigurationError(
            msg("There is nothing to back up: rcsync's own tables do not exist."),
            hint=msg("Run: ./rcsync migrate"),
        )
    method = method or engines.method_of(connection)
    name = f"{prefix}-{__version__}-{now:%Y%m%d-%H%M%S-%f}-{connection.vendor}.backup"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as work:  # mode 700
        plain, packed = Path(work) / "data", Path(work) / "packed"
        engines.dump(connection, method, plain)
        digest = archive.pack(plain, packed)
        found = counts(connection)
        manifest = Manifest(__version__, now, connection.vendor, method, migrations, found, digest)
        archive.write(folder / name, manifest, packed)
    archive.read(folder / name)
    return folder / name
