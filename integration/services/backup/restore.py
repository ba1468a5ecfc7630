"""Put a backup in the place of rcsync's own tables; what it replaces is kept in a backup first."""

from dataclasses import dataclass
from pathlib import Path

from django.db import DEFAULT_DB_ALIAS, connections

from integration import __version__
from integration.domain.errors import Busy, ConfigurationError
from integration.domain.messages import msg
from integration.models import SyncRun
from integration.services.backup import archive, engines, make
from integration.services.backup.archive import Manifest
from integration.services.backup.tables import applied_migrations, known_migrations
from integration.services.ledger import heartbeat


@dataclass(frozen=True, slots=True)
class Inspection:
    """A backup that may be restored here."""

    path: Path
    manifest: Manifest
    older: int  # migrations of this rcsync that the backup lacks: `migrate` applies them


def find(path: Path) -> Inspection:
    """Or ConfigurationError: not whole, of a newer rcsync, or of another kind of database."""
    manifest = archive.read(path)
    vendor = connections[DEFAULT_DB_ALIAS].vendor
    known = known_migrations()
    unknown = sorted(set(manifest.migrations) - known)
    if unknown or _numbers(manifest.version) > _numbers(__version__):
        raise ConfigurationError(
            msg(
                "The backup was made by rcsync {theirs}, which is newer than this one ({ours}).",
                theirs=manifest.version,
                ours=f"{__version__}" + (f", without {', '.join(unknown)}" if unknown else ""),
            ),
            hint=msg("Install that version first, or use a backup made by this version."),
        )
    if manifest.vendor != vendor:
        raise ConfigurationError(
            msg(
                "The backup is of {theirs}, but DATABASE_URL names {ours}.",
                theirs=manifest.vendor,
                ours=vendor,
            ),
            hint=msg("Restore it into a database of the same kind."),
        )
    return Inspection(path, manifest, len(known - set(manifest.migrations)))


def apply(found: Inspection, folder: Path) -> Path | None:
    """Replace the tables; the path of what was there, None where nothing was.

    Raises:
        Busy: a worker is alive, or a run is under way.
        ConfigurationError: the database refused.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    before = None
    if applied_migrations(connection):
        _refuse_at_work()
        before = make.make(folder, prefix="replaced")
    with archive.data_of(found.path) as data:
        engines.load(connection, found.manifest.method, data, found.manifest.migrations)
    connection.close()
    return before


def _refuse_at_work() -> None:
    if heartbeat.worker_alive() or SyncRun.objects.filter(status=SyncRun.Status.RUNNING).exists():
        raise Busy(
            msg("A worker is alive, or a run is in progress."),
            hint=msg(
                "Stop the web pages and workers on every machine (a killed worker counts as "
                "alive for 90 seconds), then run it again."
            ),
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
