"""Group patterns: which names match, decided in bounded time. Pure.

A pattern is searched, not anchored. Both plain expressions and the `/.../flags` form of the Moodle
plugin local_rocketchat are understood. The engine is `regex`, because it can be given a time-out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex

from integration.domain.errors import ConfigurationError, PatternTimeout
from integration.domain.messages import msg

MAX_LENGTH = 255
MATCH_SECONDS = 0.1
_FLAGS = {"i": regex.I, "m": regex.M, "s": regex.S, "x": regex.X, "u": regex.U}
_PROBE_LENGTH = 254  # the longest name Moodle's mdl_groups holds


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of the administrator's list. `exclude` patterns win over include patterns."""

    text: str
    exclude: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a name is chosen, and by which pattern (None: no include pattern matched)."""

    chosen: bool
    by: Pattern | None = None


def decide(name: str, patterns: Sequence[Pattern]) -> Decision:
    """The decision for one group name.

    PatternTimeout when a pattern could not be decided in time.
    """
    for pattern in patterns:
        if pattern.exclude and _matches(pattern.text, name):
            return Decision(False, pattern)
    for pattern in patterns:
        if not pattern.exclude and _matches(pattern.text, name):
            return Decision(True, pattern)
    return Decision(False)


def check(text: str) -> None:
    """ConfigurationError when the pattern is empty, too long, not valid, or may take for ever."""
    if not _split(text)[0].strip():
        raise ConfigurationError(
            msg("The pattern is empty."), hint=msg("Write .* to match every group.")
        )
    if len(text) > MAX_LENGTH:
        raise ConfigurationError(
            msg("The pattern has {count} characters.", count=len(text)),
            hint=msg("Use at most {count}.", count=MAX_LENGTH),
        )
    compiled = _compile(text)
    for probe in _probes(text):
        try:
            compiled.search(probe, timeout=MATCH_SECONDS)
        except TimeoutError:
            raise ConfigurationError(
                msg(
                    "The pattern {pattern} can take practically for ever on a name such as "
                    "{name}….",
                    pattern=repr(text),
                    name=repr(probe[:12]),
                ),
                hint=msg(
                    "Repeated groups whose parts overlap, such as (a|aa)+, are the cause: "
                    "write them once."
                ),
            ) from None


def _matches(text: str, name: str) -> bool:
    try:
        return _compile(text).search(name, timeout=MATCH_SECONDS) is not None
    except TimeoutError:
        raise PatternTimeout(
            msg(
                "The pattern {pattern} ran out of time on the group name {name}.",
                pattern=repr(text),
                name=repr(name[:80]),
            ),
            hint=msg("Simplify the pattern. Until then this group is left as it is."),
        ) from None


@lru_cache(maxsize=512)
def _compile(text: str) -> regex.Pattern[str]:
    body, flags = _split(text)
    try:
        return regex.compile(body, flags)
    except (regex.error, ValueError, OverflowError, RecursionError) as error:
        raise ConfigurationError(
            msg(
                "The pattern {pattern} is not valid: {error}.", pattern=repr(text), error=str(error)
            ),
            hint=msg("Correct it in Group patterns."),
        ) from None


def _split(text: str) -> tuple[str, int]:
    """Body and flags of `/body/flags`; anything else is a body without flags."""
    end = text.rfind("/")
    if not text.startswith("/") or end == 0:
        return text, 0
    letters = text[end + 1 :]
    if not set(letters) <= set(_FLAGS):
        return text, 0
    flags = 0
    for letter in letters:
        flags |= _FLAGS[letter]
    return text[1:end].replace(r"\/", "/"), flags


def _probes(text: str) -> list[str]:
    """Long names made of the pattern's own words and characters, with an end that fails a greedy
    match.
    """
    words = [word for word in regex.findall(r"\w+", text) if len(word) > 1]
    letters = [c for c in text if c.isalnum() or c in " -_."]
    pieces = dict.fromkeys([*words[:6], *letters[:8], "a", "0", " "])
    return [(piece * _PROBE_LENGTH)[: _PROBE_LENGTH - 1] + "\N{SNOWMAN}" for piece in pieces]
