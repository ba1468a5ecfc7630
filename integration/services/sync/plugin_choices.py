"""What the settings of the Moodle plugin local_rocketchat become here. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from integration.domain.errors import ConfigurationError
from integration.domain.levels import Level, LevelKind, OwnSettings
from integration.domain.messages import msg
from integration.domain.patterns import Pattern, from_pcre
from integration.domain.plugin import PluginCourse, PluginRows
from integration.domain.policy import Policy
from integration.domain.state import Course, RoomRole
from integration.services.sync.claimable import Unclaimed

NAME_TEMPLATE = "{course_underscored}-{group_underscored}"
"""str_replace(' ', '_', shortname . '-' . group name): how the plugin names channels."""
USUAL_PORTS = {"https": "443", "http": "80"}


@dataclass(frozen=True, slots=True)
class PluginChoices:
    """What is taken over, what is not and why (`refused`), and what to know (`warnings`).

    `address` is "" where the plugin has none. `patterns` are in the form of domain.patterns.
    """

    address: str
    username: str
    patterns: tuple[str, ...]
    roles: tuple[int, ...]
    courses: tuple[PluginCourse, ...]
    refused: tuple[Unclaimed, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def course_ids(self) -> frozenset[int]:
        return frozenset(one.course_id for one in self.courses)


def read_choices(
    rows: PluginRows, courses: Collection[int], role_names: Mapping[int, str]
) -> PluginChoices:
    """`courses` are those that are in Moodle, `role_names` all roles of the site."""
    refused: list[Unclaimed] = []
    patterns = tuple(dict.fromkeys(_patterns(rows.pattern_text, refused)))
    refused += [
        Unclaimed(msg("role {id}", id=role), msg("Moodle has no such role any more"))
        for role in sorted(rows.roles - set(role_names))
    ]
    refused += [
        Unclaimed(msg("course {id}", id=one.course_id), msg("Moodle has no such course any more"))
        for one in rows.courses
        if one.course_id not in courses
    ]
    return PluginChoices(
        _address(rows),
        rows.username,
        patterns,
        tuple(sorted(rows.roles & set(role_names))),
        tuple(one for one in rows.courses if one.course_id in courses),
        tuple(refused),
        tuple(_warnings(rows)),
    )


def _address(rows: PluginRows) -> str:
    host = rows.host.partition("://")[2] or rows.host
    host = host.strip("/")
    if not host:
        return ""
    port = "" if rows.port in ("", USUAL_PORTS[rows.scheme]) else f":{rows.port}"
    return f"{rows.scheme}://{host}{port}"


def _patterns(text: str, refused: list[Unclaimed]) -> Iterator[str]:
    for line in text.splitlines():
        if not line.strip():
            continue
        try:
            yield from_pcre(line)
        except ConfigurationError as error:
            refused.append(Unclaimed(msg("pattern {line}", line=line), error.text))


def _warnings(rows: PluginRows) -> Iterator[str]:
    if rows.scheme == "http":
        yield msg("The plugin talked to Rocket.Chat without encryption (http): use https.")
    if "://" in rows.host:
        yield msg(
            "The plugin's host {host} contains a scheme, which the plugin does not accept.",
            host=rows.host,
        )
    if "\n" in rows.pattern_text.replace("\r\n", ""):
        yield msg(
            "The plugin's list of patterns was stored with other line ends than it "
            "reads, so it treated the list as one broken pattern. Here each line "
            "counts: there may be more channels."
        )
    if rows.roles:
        yield msg(
            "The plugin's choice of roles never had an effect: everybody enrolled was "
            "added. Here it has."
        )
    if rows.accounts is None:
        yield msg(
            "People's own log-ins to Rocket.Chat (the table user_preferences) cannot be read: an "
            "account is taken over by its verified address alone."
        )
    yield msg(
        "The plugin's password and people's tokens are not read. Delete them in Moodle when the "
        "plugin is gone: its settings, and the user preferences local_rocketchat_external_token."
    )


def policy_with(
    policy: Policy, choices: PluginChoices, courses: Iterable[Course], *, alone: bool
) -> Policy:
    """The policy with the plugin's choices. The names are those of `courses` only.

    `alone`: no other course is integrated, so patterns and roles hold for the whole site; else
    they are the courses' own as well.
    """
    patterns = tuple(Pattern(text) for text in choices.patterns)
    roles = dict.fromkeys(choices.roles, RoomRole.MEMBER)
    values: dict[str, Any] = {"name_template": NAME_TEMPLATE}
    if alone:
        new = (one for one in patterns if one not in policy.patterns)
        policy = replace(policy, patterns=(*policy.patterns, *new), roles={**roles, **policy.roles})
    else:
        values |= {"patterns": patterns} if patterns else {}
        values |= {"roles": roles} if roles else {}
    own = {one.level.key: one for one in policy.own}
    for course in courses:
        level = Level(LevelKind.COURSE, course.course_id, course.shortname)
        known = own.get(level.key)
        own[level.key] = OwnSettings(level, {**(known.values if known else {}), **values})
    return replace(policy, own=tuple(own[key] for key in sorted(own)))
