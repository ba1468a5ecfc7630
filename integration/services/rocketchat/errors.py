"""Turns refusals into errors named by the reaction they want.

Rocket.Chat reports a refusal by HTTP status, `errorType`, or the text in the last brackets of
`error`; some routes have the two the wrong way round. Codes and texts: the recordings of 3.11.4
to 8.6.1, source of 7.0 and 8.6.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from integration.domain.errors import (
    AuthenticationError,
    NotFound,
    PermissionMissing,
    RocketChatError,
    SecondFactorRequired,
    TooSoonForPerson,
    TransientError,
    UnexpectedAnswer,
)
from integration.domain.messages import joined, msg
from integration.services.rocketchat.answers import Json, words
from integration.services.rocketchat.before_effect import came_before_the_effect
from integration.services.rocketchat.error_table import Rule, rule_for
from integration.services.rocketchat.limiter import is_about_one_person
from integration.services.rocketchat.permissions import grant, permission_hint

Kind = TypeVar("Kind", bound=RocketChatError)
LAST_BRACKETS = re.compile(r"\[([^\[\]]{1,80})\]\s*$")
CODE = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
UNKNOWN_CALL = (404, 405)  # statuses of pages that say that nothing here answers such a call
NO_JSON_HINT = msg("Check the address of Rocket.Chat (path prefix?) and any proxy in front of it.")
OVERLOADED_HINT = msg("Wait until the server has recovered; a new run finishes what is left.")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the server said, cleaned for showing."""

    endpoint: str
    status: int
    code: str
    answer: str

    def error(self, kind: type[Kind], lead: str, hint: str) -> Kind:
        spoken = LAST_BRACKETS.sub("", self.answer).strip()
        message = msg(
            "{lead} ({call}, HTTP {status}).", lead=lead, call=self.endpoint, status=self.status
        )
        if spoken:
            message = msg(
                '{lead} ({call}, HTTP {status}: "{words}").',
                lead=lead,
                call=self.endpoint,
                status=self.status,
                words=spoken,
            )
        return kind(
            message,
            hint=hint,
            endpoint=self.endpoint,
            status=self.status,
            code=self.code,
            answer=self.answer,
        )


def refused(
    endpoint: str,
    status: int,
    body: Json,
    secrets: Iterable[str] = (),
    *,
    several: bool = False,
) -> RocketChatError:
    """The error for a JSON answer that is no success. `several`: to a call about many people."""
    hidden = tuple(secrets)
    message = words(body.get("message"), hidden)
    answer = words(body.get("error"), hidden) or message
    refusal = Refusal(endpoint, status, words(code_of(body), hidden, longest=80), answer)
    if is_about_one_person(endpoint, status, answer):
        return _too_soon(refusal)
    if status == 429:
        return refusal.error(
            RateLimited, msg("Rocket.Chat limits the rate of requests"), RATE_LIMIT_HINT
        )
    if refusal.code in ("totp-required", "totp-invalid", "totp-max-attempts"):
        return _second_factor(refusal, body)
    if status == 401:
        return _unauthenticated(Refusal(endpoint, status, refusal.code, message or answer))
    if status >= 500:
        return refusal.error(
            TransientError, msg("Rocket.Chat had an internal error"), OVERLOADED_HINT
        )
    error = _by_rule(refusal, body, hidden)
    error.may_have_happened = endpoint.startswith("POST ") and not came_before_the_effect(
        endpoint, status, error.code, answer, several=several
    )
    return error


def _too_soon(refusal: Refusal) -> RocketChatError:
    lead = msg("Rocket.Chat accepts another address for this account only after a minute")
    return refusal.error(TooSoonForPerson, lead, msg("Nothing to do: the next run sends it."))


def _by_rule(refusal: Refusal, body: Json, secrets: tuple[str, ...]) -> RocketChatError:
    rule = rule_for(refusal.endpoint, refusal.status, refusal.code, refusal.answer, _action(body))
    hint = rule.hint
    if rule.kind is PermissionMissing:
        hint = permission_hint(refusal.endpoint)
    if refusal.code == "user-last-owner":
        rooms = rooms_without_owner(body, secrets)
        rule = Rule(rule.kind, joined(": ", (rule.lead, rooms)))
    return refusal.error(rule.kind, rule.lead, hint)


def rooms_without_owner(body: Json, secrets: Iterable[str] = ()) -> str:
    """The rooms that would lose their last owner, from `details` (setActiveStatus)."""
    details = body.get("details")
    names: list[str] = []
    if isinstance(details, dict):
        for key in ("shouldChangeOwner", "shouldBeRemoved"):
            rooms = details.get(key)
            names += [words(name, secrets, 60) for name in rooms] if isinstance(rooms, list) else []
    return ", ".join(sorted(filter(None, names))[:20]) or msg("the server does not say which")


def code_of(body: Json) -> str:
    """The server's code: errorType, else the last brackets of the text, else a text like a code."""
    answer = body.get("error")
    candidates = [
        body.get("errorType"),
        *LAST_BRACKETS.findall(answer if isinstance(answer, str) else ""),
        answer,
    ]
    for candidate in candidates:
        if isinstance(candidate, str) and CODE.fullmatch(candidate):
            return candidate
    kind = body.get("errorType")
    return kind if isinstance(kind, str) else ""


def _action(body: Json) -> str:
    details = body.get("details")
    action = details.get("action") if isinstance(details, dict) else None
    return action if isinstance(action, str) else ""


def _unauthenticated(refusal: Refusal) -> RocketChatError:
    if refusal.code.startswith("error-login-blocked-for-"):  # even the right password gets this
        lead = msg("Rocket.Chat blocks the log-in of the bot, because too many log-ins failed")
        hint = msg("Wait until the block ends (5 minutes by default); a token would be better.")
    elif refusal.endpoint == "POST login":
        lead = msg("Rocket.Chat refuses the bot's username and password")
        hint = msg(
            "Check both, and that the account is active; better, use a personal access token."
        )
    else:
        lead = msg("Rocket.Chat refuses the bot's user id and access token")
        hint = msg(
            "Make a new one for the bot (My Account > Personal Access Tokens) and store both."
        )
    return refusal.error(AuthenticationError, lead, hint)


def _second_factor(refusal: Refusal, body: Json) -> RocketChatError:
    details = body.get("details")
    method = details.get("method") if isinstance(details, dict) else None
    if refusal.code == "totp-required":
        lead, hint = msg("Rocket.Chat asks for a second factor"), SECOND_FACTOR_HINT
    else:
        lead, hint = msg("Rocket.Chat does not accept the second factor"), WRONG_FACTOR_HINT
    error = refusal.error(SecondFactorAsked, lead, hint)
    error.password_helps = refusal.code == "totp-required" and method == "password"
    return error


def no_json(
    endpoint: str, status: int, content: bytes, secrets: Iterable[str] = ()
) -> RocketChatError:
    """The error for an answer that is no JSON object: a page of a proxy or of Meteor, or broken."""
    page = words(content[:4000].decode("utf-8", "replace"), secrets, longest=120)
    refusal = Refusal(endpoint, status, "", page)
    if status == 429:
        return refusal.error(
            RateLimited, msg("The server limits the rate of requests"), RATE_LIMIT_HINT
        )
    if status >= 500:
        return refusal.error(
            TransientError, msg("The server, or a proxy in front of it, failed"), OVERLOADED_HINT
        )
    if status == 401:
        return refusal.error(
            AuthenticationError,
            msg("A page instead of Rocket.Chat asks for a login"),
            NO_JSON_HINT,
        )
    if status == 413:
        hint = msg("Raise the proxy's limit for request bodies (nginx: client_max_body_size).")
        return refusal.error(RocketChatError, msg("The request is too large for the proxy"), hint)
    error = refusal.error(UnexpectedAnswer, msg("The answer is not JSON"), NO_JSON_HINT)
    error.may_have_happened = status not in UNKNOWN_CALL
    return error


def unknown_endpoint(error: RocketChatError) -> bool:
    """Whether the server lacks this endpoint: a page with 200 (up to 6.x), or 404 or 405."""
    if isinstance(error, UnexpectedAnswer):
        return error.status in (200, *UNKNOWN_CALL)
    return isinstance(error, NotFound) and "endpoint" in error.answer.lower()


RATE_LIMIT_HINT = joined(
    " ",
    (grant("api-bypass-rate-limit"), msg("Or raise the workspace's limit for API calls.")),
)
SECOND_FACTOR_HINT = msg(
    "Make the bot's personal access token with 'Ignore Two Factor Authentication', or store the"
    " bot's password as second factor (on Rocket.Chat 8.5 only the password works), and switch off"
    " two-factor by e-mail or app for the bot."
)
WRONG_FACTOR_HINT = msg(
    "The stored password of the bot is wrong: store the one its account really has."
)


class NotSent(TransientError):
    """No connection: the server never saw the request, so any call may be repeated."""

    may_have_happened = False


class RateLimited(TransientError):
    """A 429: refused before anything happened, so any call may be repeated after the pause."""

    may_have_happened = False


class AnswerTooLarge(UnexpectedAnswer):
    """More bytes than we are ready to hold: ask for smaller pages."""


class SecondFactorAsked(SecondFactorRequired):
    """The server asks for a second factor; `password_helps`: the account's password would do."""

    password_helps = False


@contextmanager
def in_doubt(unknown: bool = True) -> Iterator[None]:
    """What fails here says nothing about an earlier part of the same call: that may have worked."""
    try:
        yield
    except RocketChatError as error:
        error.may_have_happened |= unknown
        raise
