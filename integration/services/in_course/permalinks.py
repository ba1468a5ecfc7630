"""Links to channels that stay the same while names, keys and rooms change. They never expire.

A link names a Moodle group and the stored channel link that the group had when it was copied. It
is followed while that stored link, or its room, is still the group's: so it survives renames, a
room that was made anew and a channel that was let go of and taken up again, but not a group number
that Moodle gave to another group. The signature keeps people from counting through all groups.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property

from django.core.signing import BadSignature, Signer
from django.urls import reverse

from integration.models import ChannelLink
from integration.services.in_course.link_keys import link_keys

SALT = "rcsync.in_course.permalinks"
GROUP = re.compile(r"g(-?\d{1,18})_(\d{1,18})_(\d{1,18})_([0-9a-f]{0,12})")
COURSE = re.compile(r"c(\d{1,18})")


@dataclass(frozen=True, slots=True)
class GroupTarget:
    """What the link of a group says. `stored` is the primary key of its ChannelLink, 0 where there
    was none yet; `room` a digest of its room id.
    """

    group_id: int
    course_id: int
    stored: int
    room: str


@dataclass(frozen=True, slots=True)
class CourseTarget:
    """What the link of a course says: Moodle's course id."""

    course_id: int


class Permalinks:
    """Makes links, with the keys read once."""

    @cached_property
    def _signer(self) -> Signer:
        return _signer()

    def of_channel(self, link: ChannelLink) -> str:
        """The path of a channel's link."""
        return self._path(
            f"g{link.moodle_group_id}_{link.moodle_course_id}_{link.pk}_{_digest(link.room_id)}"
        )

    def of_group(self, group_id: int, course_id: int) -> str:
        """The path for a group whose channel does not exist yet."""
        return self._path(f"g{group_id}_{course_id}_0_")

    def of_course(self, course_id: int) -> str:
        """The path of the link to all channels of a course."""
        return self._path(f"c{course_id}")

    def _path(self, target: str) -> str:
        return reverse("rcsync:go", args=[self._signer.sign(target)])


def target_of(token: str) -> GroupTarget | CourseTarget | None:
    """What the link was made for; None where no key of ours signed it."""
    try:
        text = _signer().unsign(token)
    except BadSignature:
        return None
    if found := GROUP.fullmatch(text):
        return GroupTarget(int(found[1]), int(found[2]), int(found[3]), found[4])
    found = COURSE.fullmatch(text)
    return CourseTarget(int(found[1])) if found else None


def channel_of(target: GroupTarget) -> ChannelLink | None:
    """The stored link that this one follows; None where the channel is not there, or another's."""
    link = ChannelLink.objects.filter(moodle_group_id=target.group_id).first()
    if link is None:
        return None
    if not target.stored:
        return link if link.moodle_course_id == target.course_id else None
    same = link.pk == target.stored or _digest(link.room_id) == target.room
    return link if same else None


def channels_of(target: CourseTarget) -> list[ChannelLink]:
    """All channels of the course, by name."""
    return list(ChannelLink.objects.filter(moodle_course_id=target.course_id))


def _signer() -> Signer:
    first, *others = link_keys()
    older: list[str | bytes] = [*others]
    return Signer(key=first, sep=".", salt=SALT, fallback_keys=older)


def _digest(room_id: str) -> str:
    return hashlib.sha256(room_id.encode()).hexdigest()[:12]
