"""Group patterns: which names match, decided in bounded time. Pure.

A pattern is searched, not anchored. Both plain expressions and the `/.../flags` form of the Moodle
plugin local_rocketchat are understood. A pattern that could need too many steps for a name is
refused (domain.pattern_cost), and one that was stored all the same is never given to the engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex

from integration.domain.errors import ConfigurationError, PatternTimeout
from integration.domain.messages import msg
from integration.domain.pattern_cost import MOST_STEPS, worst_name
from integration.domain.pattern_paths import TooComplex

MAX_LENGTH = 255
MATCH_SECONDS = 1.0  # ten times what MOST_STEPS take; ends a match only on a machine in distress
DELIMITERS = "/~#%@!;&={"  # what begins a line of PHP, and hardly an expression of ours
MARKED_BLANK = "\N{OPEN BOX}"
_FLAGS = {"i": regex.I, "m": regex.M, "s": regex.S, "x": regex.X, "u": regex.U}

# PHP's expressions (from_pcre). https://www.php.net/manual/en/reference.pcre.pattern.modifiers.php
_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_WITHOUT_EFFECT = frozenset("DSUXJn \r\n")  # on whether a name of one line matches at all
_ANCHORED = "A"


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
    _compile(text)
    if reason := _unsafe(text):
        raise ConfigurationError(
            reason,
            hint=msg(
                "A repeated part that can read the same text in several ways is the cause, such as "
                "{bad}. Write it so that there is one way, such as {good}.",
                bad=r"(a|aa)+ or (\w+\s?)*",
                good=r"a+ or (\w+\s)*",
            ),
        )


def understood(line: str) -> str:
    """The pattern that an administrator's line means: as it is, or of PHP's `~...~i` the same here.

    ConfigurationError with the reason where it is neither: nothing is taken that never matches.
    """
    if _is_pcre(line):
        return from_pcre(line)
    check(line)
    return line


def lines_of(text: str) -> list[str]:
    """The lines that were pasted, without the empty ones. Blanks at the ends belong to them."""
    return [line for line in text.splitlines() if line.strip()]


def shown(text: str) -> str:
    """The pattern with blanks at its ends made visible."""
    body = text.strip(" ")
    before = len(text) - len(text.lstrip(" "))
    after = len(text) - len(body) - before
    return MARKED_BLANK * before + body + MARKED_BLANK * after


def _is_pcre(line: str) -> bool:
    """It begins with a delimiter of PHP and has a second one, after which only letters stand."""
    opening = line[:1]
    if not opening or opening not in DELIMITERS:
        return False
    end = _end_of_body(line, opening, _PAIRS.get(opening, opening))
    rest = line[end + 1 :].strip()
    return end > 0 and (not rest or (rest.isascii() and rest.isalpha()))


def from_pcre(line: str) -> str:
    """A line as PHP's preg_match takes it, `#...#i`, in the form `/.../i` that is understood here.

    Any delimiter and pair of brackets is known. Letters with accents count as letters, as with the
    flag u. ConfigurationError with the reason where PHP would refuse the line (it never matched
    then) or where it cannot be had here.
    """
    text = line.lstrip()
    opening = text[:1]
    if not opening.isascii() or opening.isalnum() or opening in ("", "\\"):
        raise _refused(line, msg("it has no delimiters, so it never matched anything"))
    end = _end_of_body(text, opening, _PAIRS.get(opening, opening))
    if end < 0:
        raise _refused(line, msg("its second delimiter is missing, so it never matched anything"))
    body, letters = text[1:end], set(text[end + 1 :]) - _WITHOUT_EFFECT
    if unknown := sorted(letters - set(_FLAGS) - {_ANCHORED}):
        raise _refused(line, msg("it has the flag {flag}, which is not known", flag=unknown[0]))
    if _ANCHORED in letters:
        body = rf"\A(?:{body})"
    converted = f"/{body or '.*'}/{''.join(sorted(letters - {_ANCHORED}))}"
    check(converted)
    return converted


def _refused(line: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        msg("The line {line} is ignored: {why}.", line=repr(line), why=why),
        hint=msg("Rewrite it under Group patterns, for example as /Group [A-Z]/i."),
    )


def _end_of_body(text: str, opening: str, closing: str) -> int:
    """Where the second delimiter stands, -1 where there is none. Pairs of brackets are counted."""
    depth, place = 1, 1
    while place < len(text):
        character = text[place]
        if character == "\\":
            place += 1
        elif character == closing:
            depth -= 1
            if not depth:
                return place
        elif character == opening:
            depth += 1
        place += 1
    return -1


@lru_cache(maxsize=512)
def _unsafe(text: str) -> str:
    """Why a valid pattern may not be used, "" where it may. Counted, so the same everywhere."""
    try:
        name = worst_name(*_split(text))
    except TooComplex:
        return msg(
            "The pattern {pattern} is too complex: the steps it may need cannot be counted.",
            pattern=repr(text),
        )
    if name is None:
        return ""
    return msg(
        "The pattern {pattern} may need more than {count} million steps for a group name such as "
        "{name}….",
        pattern=repr(text),
        count=MOST_STEPS // 1_000_000,
        name=repr(name[:12]),
    )


def _matches(text: str, name: str) -> bool:
    compiled = _compile(text)
    if reason := _unsafe(text):
        raise PatternTimeout(
            reason, hint=msg("Simplify the pattern. Until then, this group is left unchanged.")
        )
    try:
        return compiled.search(name, timeout=MATCH_SECONDS) is not None
    except TimeoutError:
        raise PatternTimeout(
            msg(
                "The pattern {pattern} timed out on the group name {name}.",
                pattern=repr(text),
                name=repr(name[:80]),
            ),
            hint=msg("Simplify the pattern. Until then, this group is left unchanged."),
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
    return text[1:end], flags
