"""Finer kinds of errors, for the client itself; outside, each counts as what it derives from."""

from collections.abc import Iterator
from contextlib import contextmanager

from integration.domain.errors import (
    RocketChatError,
    SecondFactorRequired,
    TransientError,
    UnexpectedAnswer,
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
