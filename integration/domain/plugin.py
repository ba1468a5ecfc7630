"""What the Moodle plugin local_rocketchat keeps in Moodle's database. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class PluginCourse(NamedTuple):
    """One course of mdl_local_rocketchat_courses; several rows of a course are OR-ed."""

    course_id: int
    event_sync: bool = False
    pending: bool = False


@dataclass(frozen=True, slots=True)
class PluginRows:
    """The plugin's settings, courses and roles. Its password and tokens are never read.

    `scheme` is "https" or "http". `pattern_text` is the setting groupregex as it is stored.
    `accounts`: Moodle user id -> what that person's own log-in to Rocket.Chat left, the id or the
    username of the account; None: could not be read. `task_on`: whether its scheduled task is on;
    None: could not be read.
    """

    scheme: str = ""
    host: str = ""
    port: str = ""
    username: str = ""
    pattern_text: str = ""
    courses: tuple[PluginCourse, ...] = ()
    roles: frozenset[int] = frozenset()
    accounts: Mapping[int, str] | None = field(default_factory=dict)
    task_on: bool | None = False

    @property
    def event_courses(self) -> frozenset[int]:
        return frozenset(one.course_id for one in self.courses if one.event_sync)

    @property
    def is_on(self) -> bool:
        """Whether it may still write to Rocket.Chat: it would let suspended people in again."""
        return self.task_on is not False or bool(self.event_courses)
