"""Names that Rocket.Chat accepts, made from Moodle's: legal, unique, and stable once given. Pure.

The rules come from the server's public settings (UTF8_User_Names_Validation,
UTF8_Channel_Names_Validation, UI_Allow_room_names_with_special_chars).
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial

from anyascii import anyascii

from integration.domain.errors import ConfigurationError
from integration.domain.messages import msg
from integration.domain.state import Course, Group, NameRules, Person
from integration.services.sync.plain_text import plain

MAX_CHANNEL_NAME = 80
MAX_USERNAME = 80
MAX_DISPLAY_NAME = 150
_ROOM_FOR_COUNTER = 8
_PLACEHOLDER = re.compile(
    r"\{(course|course_fullname|course_id|group|group_id|course_underscored|group_underscored)\}"
)
SHOWN_PLACEHOLDERS = ("{course}", "{course_fullname}", "{course_id}", "{group}", "{group_id}")
_ANY_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_TELLS_COURSES_APART = re.compile(r"\{(course|course_fullname|course_id|course_underscored)\}")
_TELLS_GROUPS_APART = re.compile(r"\{(group|group_id|group_underscored)\}")
_SHORTNAME = re.compile(r"\{course(_underscored)?\}")
_REFUSED_IN_NAMES = re.compile(
    r"[<>\\/]"
)  # users.create answers "Name contains invalid characters"
_SPACES = re.compile(r"\s+")
_TO_CLEAN = re.compile(r"[<>\\/%]|\s\s|^\s|\s$|[^\S ]|^$|&[#\w]|\{mlang")
Cleaner = Callable[[str], str]  # of a text as Moodle stores it


def cleaner(plain_names: bool, language: str) -> Cleaner:
    """What the policy does to Moodle's names; `language` is the site's."""
    return partial(plain, language=language) if plain_names else str


def render(template: str, course: Course, group: Group, clean: Cleaner = str) -> str:
    """The template with {course}, {course_fullname}, {course_id}, {group}, {group_id} filled in.

    {course_underscored} and {group_underscored} have underscores in place of spaces, as the names
    that the Moodle plugin local_rocketchat gave.
    """
    values = {
        "course": clean(course.shortname),
        "course_fullname": clean(course.fullname),
        "course_id": str(course.course_id),
        "group": clean(group.name),
        "group_id": str(abs(group.group_id)),  # of a whole course it is the course's, less than 0
        "course_underscored": clean(course.shortname).replace(" ", "_"),
        "group_underscored": clean(group.name).replace(" ", "_"),
    }
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def check_template(template: str, *, is_name: bool) -> None:
    """ConfigurationError where a placeholder is unknown, a brace has no partner, or, of a name, all
    groups of a course would get the same one.
    """
    rest = _PLACEHOLDER.sub("", template)
    if unknown := _ANY_PLACEHOLDER.search(rest):
        raise ConfigurationError(
            msg("The placeholder {name} is not known.", name=unknown[0]),
            hint=msg("These are: {names}.", names=", ".join(SHOWN_PLACEHOLDERS)),
        )
    if "{" in rest or "}" in rest:
        raise ConfigurationError(
            msg("A brace is not closed or not opened."),
            hint=msg("Placeholders are written like this: {example}.", example="{group}"),
        )
    if is_name and not _TELLS_GROUPS_APART.search(template):
        raise ConfigurationError(
            msg("All groups of a course would get the same name."),
            hint=msg("Use {group} or {id}.", group="{group}", id="{group_id}"),
        )


def check_course_template(template: str) -> None:
    """ConfigurationError where a placeholder is not known, or all courses would get one name."""
    check_template(template, is_name=False)
    if not _TELLS_COURSES_APART.search(template):
        raise ConfigurationError(
            msg("All courses would get the same name."),
            hint=msg("Use {course} or {id}.", course="{course}", id="{course_id}"),
        )


def display_text(text: str, limit: int) -> str:
    """One line without control characters and direction marks, which could disguise a name."""
    if not text.isprintable():
        text = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)
    return _SPACES.sub(" ", text).strip()[:limit].rstrip()


def display_name(person: Person, clean: Cleaner = str) -> str:
    """The person's name in Rocket.Chat: as in Moodle, less the characters the server refuses.

    A percent sign is refused unless what follows it is an escape (7.0 and later, reference 11.2);
    the wide one, which looks nearly the same, never is.
    """
    name = person.name
    if name.isprintable() and len(name) <= MAX_DISPLAY_NAME and not _TO_CLEAN.search(name):
        return name  # the short way, which nearly every name takes
    for text in (clean(person.name), person.username):
        accepted = _REFUSED_IN_NAMES.sub(" ", text).replace("%", "％")
        if name := display_text(accepted, MAX_DISPLAY_NAME):
            return name
    return f"User {person.user_id}"


def channel_name(
    template: str, course: Course, group: Group, rules: NameRules, clean: Cleaner = str
) -> str:
    """The filled template as a legal channel name, "" when nothing of it is left.

    Where it is too long, the names of the course are shortened, so that the group's stays.
    """
    if clean is not str:
        course = replace(course, shortname=clean(course.shortname), fullname=clean(course.fullname))
        group = replace(group, name=clean(group.name))
    name = _legal(render(template, course, group), rules)
    while (over := len(name) - MAX_CHANNEL_NAME) > 0:
        shorter = _shortened(course, template, over)
        if shorter == course:
            return _stripped(name[:MAX_CHANNEL_NAME], rules)
        course = shorter
        name = _legal(render(template, course, group), rules)
    return name


def _legal(title: str, rules: NameRules) -> str:
    """As long as it may be. With special characters the server makes a technical name by itself,
    and refuses a name of which nothing would be left: only emoji, only punctuation.
    """
    if not rules.free_channel_names:
        return _slug(title, rules.channel_pattern, len(title) * 8 + 1)
    name = display_text(unicodedata.normalize("NFC", title), len(title) * 4 + 1)
    return name if any(c.isalpha() or c in "0123456789" for c in name) else ""


def _stripped(name: str, rules: NameRules) -> str:
    return name.rstrip() if rules.free_channel_names else name.rstrip("-._")


def _shortened(course: Course, template: str, over: int) -> Course:
    """The longer one of the course's names that are in the template, cut by at most `over`."""
    full = course.fullname if "{course_fullname}" in template else ""
    short = course.shortname if _SHORTNAME.search(template) else ""
    if len(full) >= len(short):
        return replace(course, fullname=_cut(full, over) if full else course.fullname)
    return replace(course, shortname=_cut(short, over))


def _cut(text: str, over: int) -> str:
    return text[: max(0, len(text) - over)].rstrip()


def technical_name(name: str, rules: NameRules) -> str:
    """What the server will call the channel in addresses, as near as can be told from here."""
    return _slug(name, rules.channel_pattern, MAX_CHANNEL_NAME)


def username(person: Person, rules: NameRules) -> str:
    """Moodle's username as Rocket.Chat accepts it, "" when nothing of it is left."""
    if len(person.username) <= MAX_USERNAME and _pattern(rules.username_pattern).fullmatch(
        person.username
    ):
        return person.username
    return _slug(person.username, rules.username_pattern, MAX_USERNAME)


def separator_of(pattern: str) -> str:
    """What stands between words: a dash, or what the server's pattern allows instead."""
    return next((c for c in "-_." if _pattern(pattern).fullmatch(c)), "")


def channel_separator(rules: NameRules) -> str:
    return "-" if rules.free_channel_names else separator_of(rules.channel_pattern)


def unique(
    base: str,
    fallback: str,
    number: int,
    is_free: Callable[[str], bool],
    limit: int,
    separator: str = "-",
) -> str:
    """`base` when it is free, else with `-number` behind it, else `fallback-number`; `number` is a
    Moodle id.
    """
    if base and is_free(base):
        return base
    stem, ending = base or fallback, f"{separator}{number}"
    numbered = _numbered(stem, ending, limit)
    counter = 1
    while not is_free(numbered):
        counter += 1
        numbered = f"{_counted(stem, ending, limit)}{separator}{counter}"
    return numbered


def belongs_to(
    name: str, base: str, fallback: str, number: int, limit: int, separator: str = "-"
) -> bool:
    """Whether `name` is what `unique` once made of `base`: such a name is kept for as long as
    `base` stays.
    """
    stem, ending = base or fallback, f"{separator}{number}"
    if name in (base, _numbered(stem, ending, limit)):
        return True
    counted = f"{_counted(stem, ending, limit)}{separator}"
    return name.startswith(counted) and name[len(counted) :].isdecimal()


def _numbered(stem: str, ending: str, limit: int) -> str:
    return stem[: limit - len(ending)] + ending


def _counted(stem: str, ending: str, limit: int) -> str:
    return stem[: limit - len(ending) - _ROOM_FOR_COUNTER] + ending


@lru_cache(maxsize=64)
def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error:  # the server itself falls back to its default then
        return re.compile(NameRules().channel_pattern)


def _slug(text: str, pattern: str, limit: int) -> str:
    allowed, between = _pattern(pattern), separator_of(pattern)
    kept = "".join(
        _spelled(character, allowed, between) for character in unicodedata.normalize("NFC", text)
    )
    if between:
        kept = re.sub(f"{re.escape(between)}{{2,}}", between, kept)
    slug = kept.strip("-._")[:limit].rstrip("-._")
    return slug if allowed.fullmatch(slug) else ""


@lru_cache(maxsize=4096)
def _spelled(character: str, allowed: re.Pattern[str], between: str) -> str:
    """The character itself, or in small letters, or spelled out in Latin ones; `between` when none
    is allowed.
    """
    if allowed.fullmatch(character):
        return character
    return "".join(
        next((form for form in (letter, letter.lower()) if allowed.fullmatch(form)), between)
        for letter in anyascii(character) or " "
    )
