"""Real Moodle databases: state T0, then what some 20 changes made of it (../shared/moodle).

The truth is what Moodle's own functions answered, kept in the JSON files beside the dumps.
"""

import json
from pathlib import Path
from typing import Any

from integration.models import Conflict
from tests.support.servers import DatabaseServer, Postgres
from tests.support.site import Site

COURSES = range(2, 9)
ALL_ROLES = range(1, 11)
STUDENT = 5
VISIBILITY_OWN = 2
SAMPLES = ("small", "m41", "m51", "m51pg")


class RealMoodle:
    """The two states of one database."""

    def __init__(self, server: DatabaseServer, shared: Path, name: str = "small") -> None:
        self.server = server
        self.name = name
        self.folder = shared / "moodle"
        self.database = server.load(self.folder / f"{name}.sql.gz")
        self.url = server.url(self.database)

    def move_on(self) -> None:
        """Put the tables of T1 in place of those of T0."""
        self._put_in_place(f"{self.name}_t1.sql.gz")

    def move_back(self) -> None:
        """Put the tables of T0 in place of those of T1."""
        self._put_in_place(f"{self.name}.sql.gz")

    def _put_in_place(self, dump: str) -> None:
        if isinstance(self.server, Postgres):  # its dump drops no tables
            self.server.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public", self.database)
        self.server.load(self.folder / dump, self.database)

    def truth(self, state: str = "") -> dict[str, Any]:
        """What Moodle said of T0, or of "t1"."""
        name = f"{self.name}_{state}" if state else self.name
        answer: dict[str, Any] = json.loads((self.folder / f"{name}.oracle.json").read_text())
        return answer


def expected(truth: dict[str, Any], role: str | None = None) -> dict[int, set[int]]:
    """Visible groups -> effective members, who hold `role` in the course's context path (None: no
    filter), less the people named in an open conflict.
    """
    in_conflict = set(
        Conflict.objects.filter(status=Conflict.Status.OPEN).values_list(
            "moodle_user_id", flat=True
        )
    )
    return {
        group["id"]: {
            member["userid"]
            for member in group["members"]
            if member["effective"]
            and member["userid"] not in in_conflict
            and (role is None or role in {shortname for shortname, *_ in member["roles"]})
        }
        for course in truth["courses"]
        for group in course["groups"]
        if group["visibility"] < VISIBILITY_OWN
    }


def memberships(channels: dict[int, set[int]]) -> int:
    return sum(map(len, channels.values()))


def assert_in_step(site: Site) -> None:
    """A further run plans nothing and writes nothing."""
    site.chat.reset_stats()
    finished = site.apply()
    assert finished.run.planned == {}
    assert {
        endpoint
        for endpoint in site.chat.stats()["by_endpoint"]
        if endpoint.startswith("POST") and endpoint not in ("POST login", "POST logout")
    } == set()
