"""One change a call. Repeating any of them is harmless; "it is already so" counts as done.

Rocket.Chat is never asked to delete anything here, nor to give up ownership (`confirmRelinquish`
may delete rooms). An answer about somebody or something else than was asked for is no answer.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from integration.domain.errors import AlreadyDone, NotFound, PermissionMissing, RocketChatError
from integration.domain.messages import msg
from integration.domain.outcomes import MadeChannel
from integration.domain.room_texts import RoomTexts
from integration.domain.state import Mark, RemoteAccount, RoomRole
from integration.services.rocketchat.answers import Json, account, inner, mark_fields, wrong
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.creation import Creations, find_created_account
from integration.services.rocketchat.errors import in_doubt
from integration.services.rocketchat.features import Features
from integration.services.rocketchat.invitations import NO_SUCH_PERSON, Invitations, about_room
from integration.services.rocketchat.members import kind_of
from integration.services.rocketchat.permissions import grant


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
PROPERTIES = {
    "topic": "roomTopic",
    "description": "roomDescription",
    "announcement": "roomAnnouncement",
}  # of rooms.saveRoomSettings, by the names of the texts


class RocketChatWrites:
    """`ports.Writes` for a real server. Threads may share it."""

    def __init__(self, client: RocketChat, features: Features) -> None:
        self._client = client
        self._invitations = Invitations(client, features)
        self._creations = Creations(client, self._invitations)

    def pause(self, seconds: float) -> None:
        self._client.pause(seconds)

    # ── Accounts ──────────────────────────────────────────────────────────────────────────────────

    def create_account(self, *, username: str, name: str, email: str) -> RemoteAccount:
        return self._creations.account(username=username, name=name, email=email)

    def find_account(self, username: str, email: str) -> RemoteAccount | None:
        return find_created_account(self._client, username, email)

    def update_account(self, account_id: str, *, name: str | None, email: str | None) -> None:
        answer = self._client.get("users.info", {"userId": account_id})
        user = inner(answer, "user", "GET users.info")
        _check_about(user, "_id", account_id, "GET users.info")
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
            answer = self._client.post("users.update", body, repeatable=True)
            _check_about(answer.get("user"), "_id", account_id, "POST users.update")

    def send_password_mail(self, email: str) -> None:
        """The server also says yes where its mail gets lost on the way."""
        self._client.post("users.forgotPassword", {"email": email})

    def set_active(self, account_id: str, active: bool) -> None:
        body = {"userId": account_id, "activeStatus": active}
        answer = self._client.post("users.setActiveStatus", body, repeatable=True)
        user = answer.get("user")
        if user is None:  # 3.x answers like this for an unknown id, and that proves nothing
            with in_doubt():
                raise NotFound(
                    msg("The account does not exist in Rocket.Chat any more."),
                    hint=msg("Run the sync again to read it anew."),
                    endpoint="POST users.setActiveStatus",
                    status=200,
                )
        where = "POST users.setActiveStatus"
        _check_about(user, "_id", account_id, where)
        _check_about(user, "active", active, where)

    # ── Channels ──────────────────────────────────────────────────────────────────────────────────

    def create_channel(
        self,
        *,
        name: str,
        private: bool,
        usernames: Sequence[str],
        texts: RoomTexts,
        read_only: bool,
        group_id: int,
        course_id: int,
    ) -> MadeChannel:
        made, left_out = self._creations.channel(
            name=name,
            private=private,
            usernames=usernames,
            texts=texts,
            read_only=read_only,
            group_id=group_id,
            course_id=course_id,
        )
        lacking = {
            name: text
            for name, text in texts._asdict().items()
            if text not in ("", getattr(made, name))
        }
        if not lacking:
            return MadeChannel(made, left_out)
        try:
            self.set_texts(made.room_id, lacking)
        except RocketChatError as problem:  # the room is there: the next run sets its texts
            logger.warning("room=%s lacks texts: %s", made.room_id, problem.message)
            return MadeChannel(made, left_out)
        return MadeChannel(replace(made, **lacking), left_out)

    def rename_channel(self, room_id: str, name: str) -> None:
        self._save(room_id, {"roomName": name})

    def set_texts(self, room_id: str, texts: Mapping[str, str]) -> None:
        self._save(room_id, {PROPERTIES[name]: text for name, text in texts.items()})

    def set_read_only(self, room_id: str, read_only: bool) -> None:
        self._save(room_id, {"readOnly": read_only})

    def _save(self, room_id: str, change: dict[str, object]) -> None:
        answer = self._ensure("rooms.saveRoomSettings", {"rid": room_id, **change})
        _check_about(answer, "rid", room_id, "POST rooms.saveRoomSettings")

    def mark_channel(self, room_id: str, group_id: int, course_id: int) -> None:
        """Other custom fields of the room are sent again: the server replaces all of them."""
        answer = self._client.get("rooms.info", {"roomId": room_id})
        room = inner(answer, "room", "GET rooms.info")
        _check_about(room, "_id", room_id, "GET rooms.info")
        kept, ours = room.get("customFields"), self._client.connection.installation
        fields = mark_fields(Mark(group_id, course_id, ours))
        fields = {**kept, **fields} if isinstance(kept, dict) else fields
        self._save(room_id, {"roomCustomFields": fields})

    def archive(self, room_id: str) -> None:
        self._ensure("rooms.changeArchivationState", {"rid": room_id, "action": "archive"})

    def unarchive(self, room_id: str) -> None:
        self._ensure("rooms.changeArchivationState", {"rid": room_id, "action": "unarchive"})

    # ── Members ───────────────────────────────────────────────────────────────────────────────────

    def add_members(self, room_id: str, private: bool, account_ids: Sequence[str]) -> int | None:
        return self._invitations.invite(room_id, private, "userId", account_ids)

    def remove_member(self, room_id: str, private: bool, account_id: str) -> None:
        kind = kind_of(private)
        try:
            answer = self._ensure(f"{kind}.kick", {"roomId": room_id, "userId": account_id})
            about_room(answer, kind, room_id, f"POST {kind}.kick")
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
        self._ensure(path, {"roomId": room_id, "userId": account_id})

    def _ensure(self, path: str, body: dict[str, object]) -> Json:
        """Make it so; that it is so already is as good. The answer, empty in that case."""
        try:
            return self._client.post(path, body, repeatable=True)
        except AlreadyDone as done:
            logger.debug("endpoint=%s already=%s", done.endpoint, done.code)
            return {}


def _check_about(found: object, key: str, asked: object, where: str) -> None:
    """UnexpectedAnswer where the answer tells of something else than was asked for.

    An answer that tells nothing is believed: several versions and endpoints say no more than yes.
    """
    told = found.get(key) if isinstance(found, dict) else None
    if told is not None and told != asked:
        raise wrong(where, msg("it is about something else than was asked for"))
