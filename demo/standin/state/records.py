"""The documents a Rocket.Chat server keeps, reduced to what a sync can see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Token:
    """One login or personal access token. Identity: the SHA-256 of its text."""

    digest: str
    user_id: str
    created_at: str
    name: str = ""  # personal access tokens have one
    last_part: str = ""
    bypass_two_factor: bool = False
    trusted_until: float = 0.0  # epoch seconds up to which a passed second factor is remembered


@dataclass(slots=True)
class Subscription:
    """One person in one room. Identity: (room_id, user_id)."""

    id: str
    room_id: str
    user_id: str
    username: str
    ts: str
    serial: int  # orders subscriptions by age
    updated_at: str
    display_name: str = ""  # only subscriptions made by an invitation carry it
    roles: list[str] = field(default_factory=list)
    had_roles: bool = False  # the last one was taken away: an empty list is left


@dataclass(slots=True)
class User:
    """One account. `fragments` keeps its ready-made JSON and is dropped on every change."""

    id: str
    username: str
    name: str
    email: str
    created_at: str
    updated_at: str
    password_digest: str = ""  # sha256 hex, as the two-factor password fallback sends it
    verified: bool = False
    active: bool = True
    type: str = "user"
    roles: list[str] = field(default_factory=list)
    bio: str = ""
    nickname: str = ""
    custom_fields: dict[str, Any] = field(default_factory=dict)
    import_ids: list[str] = field(default_factory=list)
    require_password_change: bool | None = None
    last_login: str = ""
    email_two_factor: bool = False
    made_by_api: bool = True  # the administrator of the set-up carries a few other keys
    made_by_import: bool = False
    federated: bool = False
    inactive_reason: str = ""
    address_asked_at: float = 0.0  # epoch seconds of the last update that named an address
    failed_logins: int = 0
    blocked_until: float = 0.0  # epoch seconds
    subscriptions: dict[str, Subscription] = field(default_factory=dict)  # by room id
    fragments: dict[str, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Room:
    """One channel ("c") or private group ("p"). `None` means the key is absent."""

    id: str
    name: str
    fname: str | None
    t: str
    creator_id: str
    creator_username: str
    creator_name: str
    ts: str
    updated_at: str
    ro: bool | None = False
    default: bool | None = False
    archived: bool | None = None
    topic: str | None = None
    description: str | None = None
    announcement: str | None = None
    custom_fields: dict[str, Any] | None = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    system_messages: bool | list[str] | None = True
    msgs: int = 0
    count_error: int = 0  # by how much `usersCount` differs from the members (contract, 11.2)
    encrypted: bool | None = None
    banned: list[str] = field(default_factory=list)  # ids of people
    team_id: str = ""
    is_team: bool = False  # the main room of the team, not one of its other rooms
    parent_id: str = ""  # the room a discussion belongs to
    managed_by_abac: bool = False
    members: dict[str, Subscription] = field(default_factory=dict)  # by user id
    fragments: dict[str, bytes] = field(default_factory=dict)

    @property
    def users_count(self) -> int:
        """How many people the server believes to be in the room."""
        return len(self.members) + self.count_error


@dataclass(slots=True)
class Team:
    """One team. Its people are the members of its main room, with their roles there."""

    id: str
    name: str
    type: int  # 0: public, 1: private
    room_id: str
    creator_id: str
    creator_username: str
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class LateJoin:
    """A person an invitation lets in after its answer."""

    at: float  # epoch seconds
    room_id: str
    user_id: str


@dataclass(slots=True)
class ImportOperation:
    """One bulk import of accounts (`import.*`)."""

    id: str
    user_id: str
    ts: str
    updated_at: str
    status: str = "importer_new"
    staged: list[dict[str, Any]] = field(default_factory=list)
    count: dict[str, int] = field(default_factory=dict)
