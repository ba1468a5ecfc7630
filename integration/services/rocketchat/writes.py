"""One change a call. Repeating any of them is harmless; "it is already so" counts as done.

Rocket.Chat is never asked to delete anything here, nor to give up ownership (`confirmRelinquish`
may delete rooms).
"""

import logging
import secrets
from collections.abc import Sequence
from dataclasses import replace

from integration.domain.errors import (
    AlreadyDone,
    NameTaken,
    NotFound,
    PermissionMissing,
    RocketChatError,
    TransientError,
)
from integration.domain.messages import msg
from integration.domain.operations import CREATE_CHUNK
from integration.domain.secret import Secret
from integration.domain.state import RemoteAccount, RemoteChannel, RoomRole
from integration.services.rocketchat.answers import (
    COURSE_MARK,
    GROUP_MARK,
    Json,
    account,
    channel,
    inner,
    mark,
    objects,
    wrong,
)
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.errors import NotSent, RateLimited, in_doubt
from integration.services.rocketchat.features import Features
from integration.services.rocketchat.members import (
    NO_SUCH_PERSON,
    SLOW_INVITE_FROM,
    Invitations,
    kind_of,
)
from integration.services.rocketchat.permissions import grant

LOOK_AGAIN_SECONDS = 1.0  # seconds; the server may still be at it when our time runs out


def find_created_account(client: RocketChat, username: str, email: str) -> RemoteAccount | None:
    """The account of that name and address, None when there is none; NameTaken for another's."""
    where = "GET users.info"
    try:
        user = inner(client.get("users.info", {"username": username}), "user", where)
    except NotFound:
        return None
    found = account(user, where)
    if email.lower() in found.emails:
        return found
    raise NameTaken(
        msg("The username {name} belongs to another account in Rocket.Chat.", name=username),
        hint=msg("Link that account to the person, or rename one of the two."),
        endpoint="GET users.info",
        code="error-field-unavailable",
    )


def find_created_channel(client: RocketChat, name: str, group_id: int) -> RemoteChannel | None:
    """The room of that name with our mark, None when there is none; NameTaken for another's."""
    room = _room_by_name(client, name)
    found = channel(room, "GET rooms.info") if room else None
    if found is None or room is None:
        return None
    if mark(room) == group_id:
        return found
    raise NameTaken(
        msg("Another channel in Rocket.Chat has the name {name}.", name=name),
        hint=msg("Link that channel to the group, or rename one of the two."),
        endpoint="GET rooms.info",
        code="error-duplicate-channel-name",
    )


def _room_by_name(client: RocketChat, name: str) -> Json | None:
    """By its slug, else (names with special characters have another slug) by what people see."""
    try:
        return inner(client.get("rooms.info", {"roomName": name}), "room", "GET rooms.info")
    except NotFound:
        pass
    except RocketChatError as error:
        if error.code != "not-allowed":
            raise
        return {"_id": "-", "t": "p", "name": name}  # there, but not for the bot: not ours
    return _room_by_shown_name(client, name)


def _room_by_shown_name(client: RocketChat, name: str) -> Json | None:
    where = "GET rooms.adminRooms"
    params = {"types[]": ["c", "p"], "filter": name, "count": 50, "offset": 0}
    for row in objects(client.get("rooms.adminRooms", params), "rooms", where):
        if row.get("fname") == name:
            answer = client.get("rooms.info", {"roomId": row.get("_id")})
            return inner(answer, "room", "GET rooms.info")
    return None


def check_full_view(user: Json) -> None:
    """users.update erases bio and nickname unless they are sent again: we have to see them."""
    if user.get("canViewAllInfo") is False or "roles" not in user:
        raise PermissionMissing(
            msg(
                "Rocket.Chat hides parts of the account from the bot; changing it would erase them."
            ),
            hint=grant("view-full-other-user-info"),
            endpoint="GET users.info",
            status=200,
        )


logger = logging.getLogger(__name__)


class RocketChatWrites:
    """`ports.Writes` for a real server. Threads may share it."""

    def __init__(self, client: RocketChat, features: Features) -> None:
        self._client = client
        self._invitations = Invitations(client, features)

    # ── Accounts ──────────────────────────────────────────────────────────────────────────────────

    def create_account(self, *, username: str, name: str, email: str) -> RemoteAccount:
        """A local account with a password nobody knows; no mail leaves, no channel is joined."""
        body = {
            "username": username,
            "name": name,
            "email": email,
            "password": Secret(_password()),
            "verified": True,
            "joinDefaultChannels": False,
            "requirePasswordChange": False,
            "sendWelcomeEmail": False,
        }
        try:
            return self._created_account(body)
        except (NotSent, RateLimited):
            raise
        except TransientError as unknown:
            _log_unknown(unknown)
        with in_doubt():
            return self._account_after_all(body, username, email)

    def _account_after_all(
        self, body: dict[str, object], username: str, email: str
    ) -> RemoteAccount:
        """The account that an earlier attempt made, else a new one."""
        self._client.pause(LOOK_AGAIN_SECONDS)
        if found := find_created_account(self._client, username, email):
            return found
        try:
            return self._created_account(body)
        except NameTaken:  # the first attempt may have come through in the meantime
            if found := find_created_account(self._client, username, email):
                return found
            raise

    def _created_account(self, body: dict[str, object]) -> RemoteAccount:
        answer = self._client.post("users.create", body)
        return account(inner(answer, "user", "POST users.create"), "POST users.create")

    def update_account(self, account_id: str, *, name: str | None, email: str | None) -> None:
        answer = self._client.get("users.info", {"userId": account_id})
        user = inner(answer, "user", "GET users.info")
        check_full_view(user)
        now = account(user, "GET users.info")
        data: dict[str, object] = {}
        if name is not None and name != now.name:
            data["name"] = name
        if email is not None and email.lower() not in now.emails[:1]:
            data |= {"email": email, "verified": True}  # else the server sends mails
        if data:
            kept = {key: user[key] for key in ("bio", "nickname") if user.get(key)}
            body = {"userId": account_id, "data": data | kept}
            self._client.post("users.update", body, repeatable=True)

    def set_active(self, account_id: str, active: bool) -> None:
        body = {"userId": account_id, "activeStatus": active}
        answer = self._client.post("users.setActiveStatus", body, repeatable=True)
        if not isinstance(answer.get("user"), dict):  # 3.x answers like this for an unknown id
            raise NotFound(
                msg("The account does not exist in Rocket.Chat any more."),
                hint=msg("Run the sync again to see it anew."),
                endpoint="POST users.setActiveStatus",
                status=200,
            )

    # ── Channels ──────────────────────────────────────────────────────────────────────────────────

    def create_channel(
        self,
        *,
        name: str,
        private: bool,
        usernames: Sequence[str],
        topic: str,
        group_id: int,
        course_id: int,
    ) -> RemoteChannel:
        """Members go in at creation; what is left out (topic on 3.x, over 1000) follows at once."""
        members = list(dict.fromkeys(usernames))  # twice the same name is an error on 3.x
        body: dict[str, object] = {
            "name": name,
            "members": members[:CREATE_CHUNK],
            "customFields": {COURSE_MARK: course_id, GROUP_MARK: group_id},
        }
        if topic:
            body["extraData"] = {"topic": topic}
        kind = kind_of(private)
        try:
            made, rest = self._created_channel(kind, body), members[CREATE_CHUNK:]
        except (NotSent, RateLimited):
            raise
        except TransientError as unknown:
            _log_unknown(unknown)
            with in_doubt():
                made = self._channel_after_all(kind, body, name, group_id)
            rest = members if made.users_count <= len(members) else []
        return self._completed(made, rest, topic)

    def _channel_after_all(
        self, kind: str, body: dict[str, object], name: str, group_id: int
    ) -> RemoteChannel:
        """The room that an earlier attempt made, else a new one."""
        self._client.pause(LOOK_AGAIN_SECONDS)
        if found := find_created_channel(self._client, name, group_id):
            return found
        try:
            return self._created_channel(kind, body)
        except NameTaken:  # the first attempt may have come through in the meantime
            if found := find_created_channel(self._client, name, group_id):
                return found
            raise

    def _created_channel(self, kind: str, body: dict[str, object]) -> RemoteChannel:
        where = f"POST {kind}.create"
        members = body["members"]
        many = isinstance(members, list) and len(members) > SLOW_INVITE_FROM
        answer = self._client.post(f"{kind}.create", body, slow=many)
        room = inner(answer, kind.removesuffix("s"), where)
        found = channel({**room, "customFields": body["customFields"]}, where)
        if found is None:
            raise wrong(where, msg("what it made is no channel"))
        return found

    def _completed(self, made: RemoteChannel, rest: Sequence[str], topic: str) -> RemoteChannel:
        """The room exists, its id must not be lost: what fails from here on waits for the next run.

        The count and the topic that are returned tell the caller what is missing.
        """
        try:
            if rest:
                count = self._invitations.invite(made.room_id, made.private, "username", rest)
                made = replace(made, users_count=made.users_count if count is None else count)
            if topic != made.topic:
                self.set_topic(made.room_id, topic)
                made = replace(made, topic=topic)
        except RocketChatError as problem:
            logger.warning("room=%s made but not complete: %s", made.room_id, problem.message)
        return made

    def rename_channel(self, room_id: str, name: str) -> None:
        self._save(room_id, {"roomName": name})

    def set_topic(self, room_id: str, topic: str) -> None:
        self._save(room_id, {"roomTopic": topic})

    def set_read_only(self, room_id: str, read_only: bool) -> None:
        self._save(room_id, {"readOnly": read_only})

    def _save(self, room_id: str, change: dict[str, object]) -> None:
        self._settle("rooms.saveRoomSettings", {"rid": room_id, **change})

    def archive(self, room_id: str) -> None:
        self._settle("rooms.changeArchivationState", {"rid": room_id, "action": "archive"})

    def unarchive(self, room_id: str) -> None:
        self._settle("rooms.changeArchivationState", {"rid": room_id, "action": "unarchive"})

    # ── Members ───────────────────────────────────────────────────────────────────────────────────

    def add_members(self, room_id: str, private: bool, account_ids: Sequence[str]) -> int | None:
        return self._invitations.invite(room_id, private, "userId", account_ids)

    def remove_member(self, room_id: str, private: bool, account_id: str) -> None:
        try:
            self._settle(f"{kind_of(private)}.kick", {"roomId": room_id, "userId": account_id})
        except NotFound as error:
            if error.code not in NO_SUCH_PERSON:
                raise  # the room is gone, or we cannot see it

    def set_role(self, room_id: str, private: bool, account_id: str, role: RoomRole) -> None:
        self._role("add", room_id, private, account_id, role)

    def unset_role(self, room_id: str, private: bool, account_id: str, role: RoomRole) -> None:
        self._role("remove", room_id, private, account_id, role)

    def _role(
        self, verb: str, room_id: str, private: bool, account_id: str, role: RoomRole
    ) -> None:
        if role is RoomRole.MEMBER:
            raise ValueError("a plain member has no role to set")
        path = f"{kind_of(private)}.{verb}{role.capitalize()}"
        self._settle(path, {"roomId": room_id, "userId": account_id})

    def _settle(self, path: str, body: dict[str, object]) -> None:
        """Make it so; that it is so already is as good."""
        try:
            self._client.post(path, body, repeatable=True)
        except AlreadyDone as done:
            logger.debug("endpoint=%s already=%s", done.endpoint, done.code)


def _password() -> str:
    """Random, and within every password policy: long, of all kinds of characters. Kept nowhere."""
    return f"{secrets.token_urlsafe(32)}-aA1"


def _log_unknown(problem: TransientError) -> None:
    logger.debug("endpoint=%s outcome=unknown status=%d", problem.endpoint, problem.status)
