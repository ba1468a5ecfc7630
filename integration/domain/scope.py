"""Which part of the world a run looks at. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of the world a run looks at. `courses` None = every integrated course; `users`
    None = everybody.

    A scope narrows what may be changed, never what is known about a person: whether an account is
    to be active is always decided over all integrated courses. Where it names people, the channels
    themselves (name, topic, ending) stay as they are, but for those of `groups`.
    """

    courses: frozenset[int] | None = None
    users: frozenset[int] | None = None
    groups: frozenset[int] = frozenset()

    @property
    def is_narrow(self) -> bool:
        """Whether people (or nobody, but channels) and courses are named: an event. All that a run
        needs then is theirs, and what has the same names and addresses.
        """
        return self.users is not None and self.courses is not None

    @property
    def reads_every_role(self) -> bool:
        """Whether everybody's roles in all integrated courses are read: by a run over all courses,
        and by one for people that touches no course.
        """
        return self.courses is None or (self.users is not None and not self.courses)

    def has_course(self, course_id: int) -> bool:
        return self.courses is None or course_id in self.courses

    def has_channel(self, group_id: int) -> bool:
        """Whether the channel itself is looked at, and not only who is in it."""
        return self.users is None or group_id in self.groups

    def has_user(self, user_id: int) -> bool:
        return self.users is None or user_id in self.users


EVERYTHING = Scope()
