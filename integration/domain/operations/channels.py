"""What can happen to a channel itself; its members are in members.py. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from integration.domain.messages import joined, msg
from integration.domain.operations.base import (
    About,
    ChannelRef,
    Facts,
    LinkedChannel,
    Now,
    Operation,
    Wave,
)
from integration.domain.permissions import ARCHIVE_ROOM, EDIT_ROOM, UNARCHIVE_ROOM, Permission
from integration.domain.policy import Policy, Removal
from integration.domain.room_texts import LABELS, TEXTS, RoomTexts
from integration.domain.state import Ending


@dataclass(frozen=True, slots=True)
class ChannelOperation(Operation):
    """About one channel."""

    channel: ChannelRef

    @property
    def about(self) -> About:
        return About(None, self.channel.group_id, self.channel.course_id)

    @property
    def remote_ids(self) -> tuple[str, ...]:
        return (self.channel.room_id or "",)

    @property
    def group_id(self) -> int:
        return self.channel.group_id

    @property
    def course_id(self) -> int:
        return self.channel.course_id

    @property
    def name(self) -> str:
        return self.channel.name

    @property
    def room_id(self) -> str | None:
        return self.channel.room_id

    @property
    def private(self) -> bool:
        return self.channel.private

    def channel_now(self, now: Now) -> LinkedChannel | None:
        return now.channel(self.channel.group_id)


@dataclass(frozen=True, slots=True)
class AdoptChannel(ChannelOperation):
    """Store the pair of ids; nothing is sent.

    `created`: the room carries our own mark. The texts are those of the
    room. `read_only`: it is that, by us.
    """

    kind: ClassVar[str] = "adopt_channel"
    label: ClassVar[str] = msg("adopt channel")
    wave: ClassVar[Wave] = Wave.LINK

    created: bool
    topic: str = ""
    read_only: bool = False
    description: str = ""
    announcement: str = ""

    @property
    def texts(self) -> RoomTexts:
        return RoomTexts(self.topic, self.description, self.announcement)

    @property
    def requests(self) -> int:
        return 0

    def describe(self) -> str:
        return msg("adopt channel {channel}", channel=self.name)

    def changes(self) -> tuple[Facts, Facts]:
        return {}, {"linked": True}


@dataclass(frozen=True, slots=True)
class RenameChannel(ChannelOperation):
    kind: ClassVar[str] = "rename_channel"
    label: ClassVar[str] = msg("rename channel")
    wave: ClassVar[Wave] = Wave.RENAME
    seen_later: ClassVar[bool] = True
    permissions: ClassVar[tuple[Permission, ...]] = (EDIT_ROOM,)

    counts_as: ClassVar[Removal | None] = Removal.RENAMES

    old_name: str
    via: str = ""
    """A name in between: the server takes the technical name of a channel for no new name."""

    @classmethod
    def needs(cls, policy: Policy) -> tuple[Permission, ...]:
        return cls.permissions if policy.follow_renames else ()

    @property
    def particulars(self) -> tuple[str, ...]:
        """The room and its new name (16 hexadecimal digits of it): the approval of one name is none
        of another.
        """
        name = hashlib.sha256(self.name.encode()).hexdigest()[:16]
        return (*self.remote_ids, name)

    @property
    def requests(self) -> int:
        return 2 if self.via else 1

    def describe(self) -> str:
        return msg("rename channel {channel} to {name}", channel=self.old_name, name=self.name)

    def changes(self) -> tuple[Facts, Facts]:
        return {"name": self.old_name}, {"name": self.name}

    def inverse(self, now: Now, reason: str) -> Iterable[Operation]:
        found = self.channel_now(now)
        if found is not None and found.room.name == self.name:
            back = replace(found.ref, name=self.old_name)
            via = f"moving-{self.group_id}" if self.old_name == found.room.slug else ""
            yield RenameChannel(back, found.room.name, via, reason=reason)


@dataclass(frozen=True, slots=True)
class FreeName(RenameChannel):
    """Gives up a name that another channel gets in the same plan. The last name follows later."""

    kind: ClassVar[str] = "free_name"
    label: ClassVar[str] = msg("free a name")
    wave: ClassVar[Wave] = Wave.FREE_NAMES
    counts_as: ClassVar[Removal | None] = None  # a step on the way of a rename that counts

    def describe(self) -> str:
        return msg(
            "rename {old} temporarily, so that another channel can take its name", old=self.old_name
        )

    def inverse(self, now: Now, reason: str) -> Iterable[Operation]:
        return ()


@dataclass(frozen=True, slots=True)
class SetTexts(ChannelOperation):
    """Topic, description and announcement, in one request. None: that text stays as it is."""

    kind: ClassVar[str] = "set_topic"  # of stored rows: earlier versions changed the topic only
    label: ClassVar[str] = msg("set texts")
    wave: ClassVar[Wave] = Wave.RENAME
    seen_later: ClassVar[bool] = True
    permissions: ClassVar[tuple[Permission, ...]] = (EDIT_ROOM,)

    topic: str | None = None
    old_topic: str = ""
    description: str | None = None
    old_description: str = ""
    announcement: str | None = None
    old_announcement: str = ""

    @classmethod
    def of(
        cls, channel: ChannelRef, new: Mapping[str, str], old: RoomTexts, *, reason: str
    ) -> "SetTexts":
        """`new`: name of a text -> what it is to be; `old`: as the room has them."""
        before = {f"old_{name}": getattr(old, name) for name in new}
        return cls(channel, **new, **before, reason=reason)

    @classmethod
    def needs(cls, policy: Policy) -> tuple[Permission, ...]:
        return cls.permissions if any(policy.text_templates) else ()

    @property
    def new(self) -> dict[str, str]:
        """Name of a text that changes -> what it is to be."""
        found = ((name, getattr(self, name)) for name in TEXTS)
        return {name: text for name, text in found if text is not None}

    @property
    def old(self) -> dict[str, str]:
        return {name: getattr(self, f"old_{name}") for name in self.new}

    def describe(self) -> str:
        new = self.new
        if len(new) > 1:
            parts = (
                msg("{name}: {text}", name=LABELS[name], text=text) for name, text in new.items()
            )
            texts = joined("; ", parts)
            return msg("set texts of {channel}: {texts}", channel=self.name, texts=texts)
        if self.description is not None:
            text = self.description
            return msg("set description of {channel}: {text}", channel=self.name, text=text)
        if self.announcement is not None:
            text = self.announcement
            return msg("set announcement of {channel}: {text}", channel=self.name, text=text)
        return msg("set topic of {channel}: {topic}", channel=self.name, topic=self.topic or "")

    def changes(self) -> tuple[Facts, Facts]:
        return {**self.old}, {**self.new}

    def inverse(self, now: Now, reason: str) -> Iterable[Operation]:
        """Of the texts those that are as this operation left them."""
        found = self.channel_now(now)
        if found is None:
            return
        there = found.room.texts
        back = {
            name: self.old[name] for name, text in self.new.items() if getattr(there, name) == text
        }
        if back:
            yield SetTexts.of(found.ref, back, there, reason=reason)


@dataclass(frozen=True, slots=True)
class MarkChannel(ChannelOperation):
    """Complete the mark of a room that was made before marks held the installation."""

    kind: ClassVar[str] = "mark_channel"
    label: ClassVar[str] = msg("mark channel")
    wave: ClassVar[Wave] = Wave.RENAME
    permissions: ClassVar[tuple[Permission, ...]] = (EDIT_ROOM,)

    @property
    def requests(self) -> int:
        return 2

    def describe(self) -> str:
        return msg("mark {channel} as a channel of this installation", channel=self.name)

    def changes(self) -> tuple[Facts, Facts]:
        return {"marked": False}, {"marked": True}


@dataclass(frozen=True, slots=True)
class SetReadOnly(ChannelOperation):
    """Only those with a room role may write."""

    kind: ClassVar[str] = "set_read_only"
    label: ClassVar[str] = msg("make read-only")
    wave: ClassVar[Wave] = Wave.READ_ONLY
    takes: ClassVar[Removal | None] = Removal.CHANNELS
    permissions: ClassVar[tuple[Permission, ...]] = (EDIT_ROOM,)

    @classmethod
    def needs(cls, policy: Policy) -> tuple[Permission, ...]:
        return cls.permissions if Ending.READ_ONLY in policy.endings else ()

    def describe(self) -> str:
        return msg("make {channel} read-only", channel=self.name)

    def changes(self) -> tuple[Facts, Facts]:
        return {"read_only": False}, {"read_only": True}

    def inverse(self, now: Now, reason: str) -> Iterable[Operation]:
        found = self.channel_now(now)
        if found is not None and found.room.read_only:
            yield UnsetReadOnly(found.ref, reason=reason)


@dataclass(frozen=True, slots=True)
class UnsetReadOnly(ChannelOperation):
    """Everybody in the channel may write again."""

    kind: ClassVar[str] = "unset_read_only"
    label: ClassVar[str] = msg("make writable again")
    wave: ClassVar[Wave] = Wave.READ_ONLY
    seen_later: ClassVar[bool] = True
    gives: ClassVar[bool] = True
    permissions: ClassVar[tuple[Permission, ...]] = (EDIT_ROOM,)

    @classmethod
    def needs(cls, policy: Policy) -> tuple[Permission, ...]:
        return SetReadOnly.needs(policy)

    def describe(self) -> str:
        return msg("make {channel} writable again", channel=self.name)

    def changes(self) -> tuple[Facts, Facts]:
        return {"read_only": True}, {"read_only": False}

    def inverse(self, now: Now, reason: str) -> Iterable[Operation]:
        found = self.channel_now(now)
        if found is not None and not found.room.read_only:
            yield SetReadOnly(found.ref, reason=reason)


@dataclass(frozen=True, slots=True)
class Archive(ChannelOperation):
    kind: ClassVar[str] = "archive"
    label: ClassVar[str] = msg("archive channel")
    wave: ClassVar[Wave] = Wave.ARCHIVE
    takes: ClassVar[Removal | None] = Removal.CHANNELS
    permissions: ClassVar[tuple[Permission, ...]] = (ARCHIVE_ROOM,)

    @classmethod
    def needs(cls, policy: Policy) -> tuple[Permission, ...]:
        return cls.permissions if Ending.ARCHIVE in policy.endings else ()

    def describe(self) -> str:
        return msg("archive channel {channel}", channel=self.name)

    def changes(self) -> tuple[Facts, Facts]:
        return {"archived": False}, {"archived": True}

    def inverse(self, now: Now, reason: str) -> Iterable[Operation]:
        found = self.channel_now(now)
        if found is not None and found.room.archived:
            yield Unarchive(found.ref, reason=reason)


@dataclass(frozen=True, slots=True)
class Unarchive(ChannelOperation):
    kind: ClassVar[str] = "unarchive"
    label: ClassVar[str] = msg("unarchive channel")
    wave: ClassVar[Wave] = Wave.UNARCHIVE
    seen_later: ClassVar[bool] = True
    gives: ClassVar[bool] = True
    permissions: ClassVar[tuple[Permission, ...]] = (UNARCHIVE_ROOM,)

    @classmethod
    def needs(cls, policy: Policy) -> tuple[Permission, ...]:
        return cls.permissions if Ending.ARCHIVE in policy.endings else ()

    def describe(self) -> str:
        return msg("unarchive channel {channel}", channel=self.name)

    def changes(self) -> tuple[Facts, Facts]:
        return {"archived": True}, {"archived": False}

    def inverse(self, now: Now, reason: str) -> Iterable[Operation]:
        return archived(self, now, reason)


def archived(operation: ChannelOperation, now: Now, reason: str) -> Iterable[Operation]:
    """Nothing is deleted: a channel is archived."""
    found = operation.channel_now(now)
    if found is not None and not found.room.archived:
        yield Archive(found.ref, reason=reason)
