"""Making accounts and channels once, and taking none for ours that is not what was asked for.

An unknown outcome (no answer, an answer that makes no sense, a refusal that does not prove that
nothing happened) is followed by a look: what is there as we asked for it was made by us.
"""

import logging
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from integration.domain.errors import NameTaken, NotFound, RocketChatError, TransientError
from integration.domain.messages import msg
from integration.domain.operations import CREATE_CHUNK
from integration.domain.outcomes import MadeChannel
from integration.domain.room_texts import RoomTexts
from integration.domain.secret import Secret
from integration.domain.state import Mark, RemoteAccount, RemoteChannel
from integration.services.rocketchat.answers import (
    Json,
    account,
    channel,
    inner,
    mark,
    mark_fields,
    objects,
    texts,
    wrong,
)
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.errors import in_doubt
from integration.services.rocketchat.invitations import SLOW_INVITE_FROM, Invitations
from integration.services.rocketchat.members import kind_of

logger = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 1.0  # the server may still be at it when our time runs out


# ── What an earlier attempt may have made ─────────────────────────────────────────────────────────


def find_created_account(client: RocketChat, username: str, email: str) -> RemoteAccount | None:
    """The account of that name and address, None when there is none; NameTaken for another's."""
    where = "GET users.info"
    try:
        user = inner(client.get("users.info", {"username": username}), "user", where)
    except NotFound:
        return None
    found = account(user, where)
    if _is_account(found, username, email):
        return found
    raise NameTaken(
        msg("The username {name} belongs to another account in Rocket.Chat.", name=username),
        hint=msg("Link that account to the person, or rename one of the two."),
        endpoint="GET users.info",
        code="error-field-unavailable",
    )


def find_created_channel(client: RocketChat, name: str, wanted: Mark) -> RemoteChannel | None:
    """The room of that name with the mark, None when there is none; NameTaken for another's."""
    room = _room_by_name(client, name)
    found = channel(room, "GET rooms.info") if room else None
    if found is None or room is None:
        return None
    if mark(room) == wanted:
        return found
    raise NameTaken(
        msg("Another channel in Rocket.Chat has the name {name}.", name=name),
        hint=msg("Link that channel to the group, or rename one of the two."),
        endpoint="GET rooms.info",
        code="error-duplicate-channel-name",
    )


def _is_account(found: RemoteAccount, username: str, email: str) -> bool:
    """Whether it is the person's account as it was asked for."""
    same_name = found.username.lower() == username.lower()
    return same_name and email.lower() in found.emails and found.kind == "user"


def _room_by_name(client: RocketChat, name: str) -> Json | None:
    """By its slug, else (names with special characters have another slug) by what people see."""
    try:
        return inner(client.get("rooms.info", {"roomName": name}), "room", "GET rooms.info")
    except NotFound:
        pass
    except RocketChatError as error:
        if error.code not in ("not-allowed", "error-forbidden"):  # the second from 9.0 on
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


# ── Making ────────────────────────────────────────────────────────────────────────────────────────


class Creations:
    """Makes accounts and channels. Threads may share it."""

    def __init__(self, client: RocketChat, invitations: Invitations) -> None:
        self._client, self._invitations = client, invitations

    def account(self, *, username: str, name: str, email: str) -> RemoteAccount:
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
            return self._made_account(body, username, email)
        except RocketChatError as problem:
            if not problem.may_have_happened:
                raise
            with in_doubt():
                return self._account_after_all(body, username, email, problem)

    def _account_after_all(
        self, body: dict[str, object], username: str, email: str, problem: RocketChatError
    ) -> RemoteAccount:
        """The account that an earlier attempt made; else a new one, unless that was refused."""
        _log_unknown(problem)
        self._client.pause(LOOK_AGAIN_SECONDS)
        if found := find_created_account(self._client, username, email):
            self._client.limiter.forgive()
            return found
        if not isinstance(problem, TransientError):
            raise problem
        try:
            return self._made_account(body, username, email)
        except NameTaken:  # the first attempt may have come through in the meantime
            if found := find_created_account(self._client, username, email):
                return found
            raise

    def _made_account(self, body: dict[str, object], username: str, email: str) -> RemoteAccount:
        where = "POST users.create"
        answer = self._client.post("users.create", body, slow=True)  # it may fetch an avatar
        found = account(inner(answer, "user", where), where)
        if not _is_account(found, username, email):
            raise wrong(where, msg("it is about another account"))
        return found

    def channel(
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
        """Members go in at creation; whoever is over 1000 follows at once.

        The texts of the result are those of the room: only the topic goes in here, and 3.x makes
        it without.
        """
        wanted = Mark(group_id, course_id, self._client.connection.installation)
        members = list(dict.fromkeys(usernames))  # twice the same name is an error on 3.x
        body: dict[str, object] = {
            "name": name,
            "members": members[:CREATE_CHUNK],
            "customFields": mark_fields(wanted),
        }
        if read_only:
            body["readOnly"] = True
        if texts.topic:  # the other texts cannot be given here (8.8 refuses them)
            body["extraData"] = {"topic": texts.topic}
        kind = kind_of(private)
        try:
            made, left_out = self._made_channel(kind, body, wanted)
            rest = members[CREATE_CHUNK:]
        except NameTaken:
            found = self._made_by_another_run(name, wanted)
            if found is None:
                raise
            made, left_out = found, frozenset()
            rest = _rest_of(made, members, left_out)
        except RocketChatError as problem:
            if not problem.may_have_happened:
                raise
            with in_doubt():
                made, left_out = self._channel_after_all(kind, body, wanted, problem)
            rest = _rest_of(made, members, left_out)
        return MadeChannel(self._with_rest(made, rest), left_out)

    def _made_by_another_run(self, name: str, wanted: Mark) -> RemoteChannel | None:
        """The room that bears our own mark: a run that died made it after we had read the rooms."""
        with suppress(NameTaken):
            return find_created_channel(self._client, name, wanted)
        return None

    def _channel_after_all(
        self, kind: str, body: dict[str, object], wanted: Mark, problem: RocketChatError
    ) -> MadeChannel:
        """The room that an earlier attempt made; else a new one, unless that was refused."""
        _log_unknown(problem)
        self._client.pause(LOOK_AGAIN_SECONDS)
        name = str(body["name"])
        if found := find_created_channel(self._client, name, wanted):
            self._client.limiter.forgive()
            return MadeChannel(found)
        if not isinstance(problem, TransientError):
            raise problem
        try:
            return self._made_channel(kind, body, wanted)
        except NameTaken:  # the first attempt may have come through in the meantime
            if found := find_created_channel(self._client, name, wanted):
                return MadeChannel(found)
            raise

    def _made_channel(self, kind: str, body: dict[str, object], wanted: Mark) -> MadeChannel:
        where = f"POST {kind}.create"
        members = body["members"]
        many = isinstance(members, list) and len(members) > SLOW_INVITE_FROM
        answer = self._client.post(f"{kind}.create", body, slow=many)
        room = inner(answer, kind.removesuffix("s"), where)
        found = channel(room, where)
        if (
            found is None
            or found.name != body["name"]
            or found.private != (kind == kind_of(True))
            or found.mark != wanted
        ):
            raise wrong(where, msg("it is about another channel"))
        skipped = texts(answer, "skippedMembers", where)
        return MadeChannel(found, frozenset(skipped))

    def _with_rest(self, made: RemoteChannel, rest: Sequence[str]) -> RemoteChannel:
        """The room exists, its id must not be lost: what fails from here on waits for the next run.

        The count that is returned tells the caller what is missing.
        """
        if not rest:
            return made
        try:
            count = self._invitations.invite(made.room_id, made.private, "username", rest)
        except RocketChatError as problem:
            logger.warning("room=%s made but not complete: %s", made.room_id, problem.message)
            return made
        return replace(made, users_count=made.users_count if count is None else count)


def _rest_of(made: RemoteChannel, members: list[str], left_out: frozenset[str]) -> list[str]:
    """Who may be missing in a room that was made by an earlier attempt."""
    complete = made.users_count is not None and made.users_count > len(members)
    return [] if complete else [name for name in members if name not in left_out]


def _password() -> str:
    """Random, and within every password policy: long, of all kinds of characters. Kept nowhere."""
    return f"{secrets.token_urlsafe(32)}-aA1"


def _log_unknown(problem: RocketChatError) -> None:
    logger.debug("endpoint=%s outcome=unknown status=%d", problem.endpoint, problem.status)
