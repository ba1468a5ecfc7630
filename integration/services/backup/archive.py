"""The file of a backup: a tar with `manifest.json`, which says what it holds, and packed data."""

import gzip
import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import IO, cast

from integration.domain.errors import ConfigurationError
from integration.domain.messages import msg

FORMAT = 1
MANIFEST, DATA = "manifest.json", "data.gz"
BLOCK = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. `migrations`: those applied, as "app.name"; `counts`: rows by table."""

    version: str
    made_at: datetime
    vendor: str  # as Django names the database: sqlite, mysql, postgresql
    method: str  # how the data was written: sqlite, mysql, postgresql, rows
    migrations: tuple[str, ...]
    counts: Mapping[str, int]
    sha256: str  # of the packed data
    format: int = FORMAT


def write(target: Path, manifest: Manifest, data: Path) -> None:
    """Whole or not at all, readable by its owner only. `data` is packed already (`pack`)."""
    unfinished = target.with_name(f".{target.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    text = json.dumps({**asdict(manifest), "made_at": manifest.made_at.isoformat()}).encode()
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w") as tar:
                about = tarfile.TarInfo(MANIFEST)
                about.size, about.mode = len(text), 0o600
                tar.addfile(about, BytesIO(text))
                tar.add(data, DATA)
            file.flush()
            os.fsync(file.fileno())
        os.link(unfinished, target)  # FileExistsError rather than in the place of another backup
    finally:
        unfinished.unlink(missing_ok=True)


def read(path: Path) -> Manifest:
    """What the file says of itself, after its data was found to be whole; or ConfigurationError."""
    try:
        with _opened(path) as tar:
            about = json.loads(_member(tar, MANIFEST).read())
            found = _digest(_member(tar, DATA))
        if about["format"] > FORMAT:
            raise _refused(path, msg("it was made by a newer rcsync"))
        manifest = Manifest(
            **{
                **about,
                "made_at": datetime.fromisoformat(about["made_at"]),
                "migrations": tuple(about["migrations"]),
            }
        )
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise _refused(path, str(error)) from None
    if found != manifest.sha256:
        raise _refused(path, msg("its data was changed or truncated"))
    return manifest


@contextmanager
def data_of(path: Path) -> Iterator[IO[bytes]]:
    """The data, unpacked while it is read."""
    with _opened(path) as tar, gzip.open(_member(tar, DATA)) as data:
        yield cast(IO[bytes], data)


def pack(source: Path, target: Path) -> str:
    """Compress the data; the answer is the SHA-256 of what was written."""
    with source.open("rb") as data, gzip.open(target, "wb", compresslevel=6) as packed:
        shutil.copyfileobj(data, packed, BLOCK)
    with target.open("rb") as file:
        return _digest(file)


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    with tarfile.open(path, mode="r:") as tar:
        yield tar


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    found = tar.extractfile(name)
    if found is None:
        raise KeyError(name)
    return found


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := file.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _refused(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        msg("{path} is not a complete backup of rcsync: {reason}.", path=str(path), reason=reason),
        hint=msg("Take another file made by ./rcsync backup."),
    )
