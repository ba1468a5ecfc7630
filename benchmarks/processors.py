"""Whose processor time a while took: the workers', the servers' of a benchmark, or other programs'.

Linux tells it in /proc.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

NAMES = {"manage.py worker": "workers", "demo.standin": "stand-in", "mariadbd": "MariaDB"}
OTHERS = "other programs"
USED, REAPED = slice(11, 13), slice(13, 15)  # after the name in a process's `stat`
PARENT = 1
IDLE = (3, 4)  # among the times of a machine: idle, and waiting for a disk
TIMES = 8  # of a machine; what guests use is in them


class Process(NamedTuple):
    parent: int
    seconds: float  # its own, and of its children that have ended
    command: str


@dataclass(frozen=True)
class Processors:
    """At one moment: seconds used so far by name, of all cores together, and of these idle."""

    used: Mapping[str, float]
    all: float
    idle: float

    @classmethod
    def now(cls, benchmark: int) -> "Processors":
        """`benchmark` is the process whose descendants are told apart."""
        tick = os.sysconf("SC_CLK_TCK")
        first = Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
        times = [int(one) / tick for one in first[:TIMES]]
        return cls(by_name(processes(), benchmark), sum(times), sum(times[n] for n in IDLE))


def seconds_of(before: Processors, after: Processors) -> dict[str, Any]:
    """Between the two: seconds used by name, the share of the machine that was idle, its load."""
    used = {name: after.used[name] - before.used[name] for name in NAMES.values()}
    all_, idle = after.all - before.all, after.idle - before.idle
    used[OTHERS] = max(0.0, all_ - idle - sum(used.values()))
    load = os.getloadavg()[0]
    return {"used": used, "idle": idle / all_, "cores": os.cpu_count(), "load": load}


def words(found: Mapping[str, Any]) -> str:
    """What `seconds_of` found, on one line."""
    used = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in found["used"].items())
    idle = f"idle {100 * found['idle']:.0f} % of {found['cores']} cores, load {found['load']:.1f}"
    return f"processor time: {used}; {idle}"


def processes() -> dict[int, Process]:
    tick, found = os.sysconf("SC_CLK_TCK"), {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (
                (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            )
        except OSError:  # it has ended
            continue
        ticks = sum(int(one) for one in (*fields[USED], *fields[REAPED]))
        parent = int(fields[PARENT])
        found[int(folder.name)] = Process(parent, ticks / tick, command.replace("\0", " "))
    return found


def by_name(found: dict[int, Process], benchmark: int) -> dict[str, float]:
    """Seconds of the benchmark's descendants, each by the name of the child that it comes from."""
    used = dict.fromkeys(NAMES.values(), 0.0)
    for pid, process in found.items():
        child = pid
        while child in found and found[child].parent != benchmark:
            child = found[child].parent
        if child not in found:
            continue
        for word, name in NAMES.items():
            if word in found[child].command:
                used[name] += process.seconds
    return used
