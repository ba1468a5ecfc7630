"""Exceptions, named by the reaction they want.

Every message is for an administrator: it names the cause and the place; `hint` names the next step.
"""

from collections.abc import Mapping

from integration.domain.messages import joined, msg


class SyncError(Exception):
    """Base of everything raised on purpose. `hint` says what to do next, in one sentence."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return str(self.text)

    @property
    def text(self) -> str:
        """What happened, and what to do next."""
        return joined(" ", filter(None, (self.message, self.hint)))


class ConfigurationError(SyncError):
    """The run cannot start: somebody has to change a setting first."""


class Busy(SyncError):
    """Another run is at work on the same courses: try again later."""


class MadeElsewhere(SyncError):
    """Another run is making this very account: do everything else first, then ask again."""


class SourceError(SyncError):
    """Moodle was not read completely and without error: plan nothing, remove nothing."""


class StalePlan(SyncError):
    """What was reviewed is not what would be done now: look at the plan again."""


class PatternTimeout(SyncError):
    """A group pattern needs too many steps for a name: undecided, which is neither yes nor no."""


class RocketChatError(SyncError):
    """Rocket.Chat refused one call: record it and go on with the next operation.

    `endpoint` is the method and path below /api/v1 ("POST groups.invite"), `status` the HTTP status
    (0 when no answer came), `code` the server's errorType or the text in its last brackets,
    `answer` the server's own words, shortened. None of them ever holds a secret.

    `may_have_happened`: the call, or an earlier part or attempt of it, may have had its effect.
    """

    may_have_happened = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        endpoint: str = "",
        status: int = 0,
        code: str = "",
        answer: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.endpoint = endpoint
        self.status = status
        self.code = code
        self.answer = answer


class TransientError(RocketChatError):
    """The same call may work later: time-outs, 429, 5xx, dropped connections.

    The effect is unknown, but for the few kinds where the server never acted on the call.
    """

    may_have_happened = True


class UnexpectedAnswer(TransientError):
    """An answer that is not what the API promises: HTML, broken JSON, a missing or lying field."""


class PermissionMissing(RocketChatError):
    """The bot account lacks a permission: an administrator of Rocket.Chat has to grant it."""


class MailRefused(RocketChatError):
    """The server sends no mail of this kind: an administrator of Rocket.Chat has to set that up."""


class NameTaken(RocketChatError):
    """A username, e-mail address or room name already belongs to somebody else: ask a person."""


class NotFound(RocketChatError):
    """The account or room is gone, or the bot can no longer see it."""


BANNED_CODE = "error-user-is-banned"


class Banned(RocketChatError):
    """The person was banned from the room by somebody there: left alone, and said."""


class NoSeatLeft(RocketChatError):
    """The licence allows no further active account: every further one would be refused as well."""


class AccessByAttributes(RocketChatError):
    """The server itself decides by attributes who may be in a room (ABAC): trying again is vain."""


class TooSoonForPerson(RocketChatError):
    """The server changes this account again only after a pause; it says nothing about others."""


class PartlyRefused(RocketChatError):
    """Of several people some were refused; everybody else is in.

    `refused` maps the names that were asked for to the reason of each; `users_count` is the room's
    after the last step, None where the server did not say.
    """

    def __init__(self, refused: Mapping[str, RocketChatError], users_count: int | None) -> None:
        first = next(iter(refused.values()))
        super().__init__(
            msg("{n} people were refused, the first: {why}", n=len(refused), why=first.message),
            hint=first.hint,
            endpoint=first.endpoint,
            status=first.status,
            code=first.code,
            answer=first.answer,
        )
        self.refused = refused
        self.users_count = users_count
        self.may_have_happened = True  # everybody else is in


class AlreadyDone(RocketChatError):
    """The server is already in the state that was asked for: count it as done."""


class AuthenticationError(RocketChatError):
    """Our credentials are refused: stop the run, every further call would fail the same way."""


class SecondFactorRequired(AuthenticationError):
    """The server wants a second factor that we cannot give: stop and say which setting helps."""
