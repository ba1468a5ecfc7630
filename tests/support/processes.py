"""Finding processes again, also those that lost their parent."""

from pathlib import Path

MARK = "RCSYNC_TEST_MARK"


def processes_with(mark: str) -> list[int]:
    """Every process that was started, however far below, with MARK=mark in its environment."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in environ.read_bytes().split(b"\0"):
                found.append(int(environ.parent.name))
        except OSError:
            continue
    return found
