"""What a pattern or a name template would do, before it is saved."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured

from integration.domain import patterns
from integration.domain.errors import ConfigurationError, PatternTimeout, SyncError
from integration.domain.patterns import Pattern
from integration.domain.state import Course, Group, NameRules
from integration.models import GroupRegexFilter, IntegrationSettings
from integration.services.admin import moodle_search
from integration.services.moodle.reader import MoodleReader
from integration.services.rocketchat import connect
from integration.services.runs.configured_connection import rocketchat_connection
from integration.services.sync import names
from integration.services.sync.desired import MEMBERS_HIDDEN_FROM
from integration.translation import local

GROUPS = 20_000  # looked at
PREVIEW_SECONDS = 3.0  # spent on looking
MAX_EXAMPLES = 150
RULES_KEY = "rcsync-name-rules"
RULES_SECONDS = 300


@dataclass(frozen=True, slots=True)
class GroupPreview:
    """One group and what the patterns say of it.

    `by` is the pattern that decides, "" when none matches.

    `verdict` is "yes", "no", "undecided" or "hidden" (Moodle hides the member list).
    """

    course: str
    group: str
    verdict: str
    by: str


@dataclass(frozen=True, slots=True)
class PatternPreview:
    """`problem` says what is wrong with the pattern at hand; the rest is what the others say
    then.

    `own` groups have a name that it matches; for `changed` of them it changes the outcome: they get
    a channel by it, or lose it. `blanks`: it begins or ends with a blank.
    """

    problem: str
    hint: str
    own: int
    changed: int
    blanks: bool
    matched: int
    total: int
    rows: tuple[GroupPreview, ...]
    more: bool  # not every group was looked at, or not every one is listed


@dataclass(frozen=True, slots=True)
class NameExample:
    course: str
    group: str
    name: str
    collides: bool


@dataclass(frozen=True, slots=True)
class NamePreview:
    examples: tuple[NameExample, ...]
    collisions: tuple[NameExample, ...]
    total: int
    guessed: bool  # Rocket.Chat could not be asked for its rules


def preview_patterns(text: str, kind: str, enabled: bool, replaces: int | None) -> PatternPreview:
    """The saved patterns with this one in place of the row `replaces` (None: as a new one).

    Each line of a new one is a pattern.
    """
    problem = hint = ""
    mine: list[Pattern] = []
    try:
        for line in (patterns.lines_of(text) or [text]) if replaces is None else [text]:
            found = patterns.understood(line)
            mine.append(Pattern(found, kind == GroupRegexFilter.Kind.EXCLUDE))
    except ConfigurationError as error:
        problem, hint, mine = local(error.message), local(error.hint), []
    others = [
        Pattern(row.pattern, row.kind == GroupRegexFilter.Kind.EXCLUDE)
        for row in GroupRegexFilter.objects.filter(enabled=True).exclude(pk=replaces or 0)
    ]
    judged, more, effect = _judge(others, mine, enabled=enabled)
    yes = sum(row.verdict == "yes" for row in judged)
    return PatternPreview(
        problem,
        hint,
        effect.own,
        effect.changed,
        any(pattern.text != pattern.text.strip() for pattern in mine),
        yes,
        len(judged),
        tuple(_both_kinds(judged)),
        more or len(judged) > MAX_EXAMPLES,
    )


@dataclass(slots=True)
class _Effect:
    """Groups whose name the patterns at hand match, and those whose outcome they change."""

    own: int = 0
    changed: int = 0


def _judge(
    others: Sequence[Pattern], mine: Sequence[Pattern], *, enabled: bool
) -> tuple[list[GroupPreview], bool, _Effect]:
    """What `others` and, where it is `enabled`, `mine` decide; and whether groups were left out."""
    groups, more = moodle_search.groups_of_integrated(GROUPS)
    rows = [*others, *mine] if enabled else others
    alone = [Pattern(pattern.text) for pattern in mine]
    until = time.monotonic() + PREVIEW_SECONDS
    judged: list[GroupPreview] = []
    effect = _Effect()
    for group, course in groups:
        if time.monotonic() > until:
            return judged, True, effect
        verdict = _verdict(group, rows)
        judged.append(GroupPreview(course.shortname, group.name, *verdict))
        if alone and _verdict(group, alone)[0] != "no":
            effect.own += 1
            effect.changed += verdict[0] != _verdict(group, others)[0]
    return judged, more, effect


def _verdict(group: Group, rows: Sequence[Pattern]) -> tuple[str, str]:
    try:
        decision = patterns.decide(group.name, rows)
    except PatternTimeout:
        return "undecided", ""
    if decision.chosen and group.visibility >= MEMBERS_HIDDEN_FROM:
        return "hidden", decision.by.text if decision.by else ""
    return ("yes" if decision.chosen else "no"), decision.by.text if decision.by else ""


def _both_kinds(judged: Sequence[GroupPreview]) -> list[GroupPreview]:
    """Those that get a channel first; a list short enough to look at, with room for the others
    too.
    """
    yes = [row for row in judged if row.verdict == "yes"]
    others = [row for row in judged if row.verdict != "yes"]
    room = max(MAX_EXAMPLES // 2, MAX_EXAMPLES - len(others))
    return yes[:room] + others[: MAX_EXAMPLES - min(room, len(yes))]


# --- names ----------------------------------------------------------------------------------------


def preview_names(template: str) -> NamePreview:
    """What the groups that the saved patterns choose would be called."""
    groups, _more = moodle_search.groups_of_integrated(GROUPS)
    chosen_by = [
        Pattern(row.pattern, row.kind == GroupRegexFilter.Kind.EXCLUDE)
        for row in GroupRegexFilter.objects.filter(enabled=True)
    ]
    return names_of(template, groups, chosen_by)


def names_of(
    template: str, groups: Sequence[tuple[Group, Course]], chosen_by: Sequence[Pattern]
) -> NamePreview:
    """What those of `groups` that the patterns choose would be called; all, where they choose
    none.
    """
    chosen = [pair for pair in groups if _verdict(pair[0], chosen_by)[0] == "yes"] or groups
    rules, guessed = _rules()
    clean = names.cleaner(IntegrationSettings.load().plain_names, MoodleReader().language())
    by_name: dict[str, list[tuple[Group, Course, str]]] = defaultdict(list)
    for group, course in chosen:
        name = names.channel_name(template, course, group, rules, clean)
        by_name[name.casefold()].append((group, course, name))
    collisions = [row for rows in by_name.values() if len(rows) > 1 for row in _numbered(rows)]
    alone = [row for rows in by_name.values() if len(rows) == 1 for row in _numbered(rows)]
    return NamePreview(
        tuple(_spread([*alone, *collisions], 5)),
        tuple(collisions[:MAX_EXAMPLES]),
        len(chosen),
        guessed,
    )


def _numbered(rows: Sequence[tuple[Group, Course, str]]) -> list[NameExample]:
    """The first one keeps the name, the others get the id of their group behind it."""
    used: set[str] = set()

    def is_free(name: str) -> bool:
        return name.casefold() not in used and not used.add(name.casefold())  # type: ignore[func-returns-value]

    return [
        NameExample(
            course.shortname,
            group.name,
            names.unique(name, "group", group.group_id, is_free, names.MAX_CHANNEL_NAME),
            len(rows) > 1,
        )
        for group, course, name in rows
    ]


def _spread(rows: list[NameExample], number: int) -> list[NameExample]:
    """A few rows from all over the list, because neighbours look alike."""
    step = max(1, len(rows) // number)
    return rows[::step][:number]


def _rules() -> tuple[NameRules, bool]:
    rules = cache.get(RULES_KEY)
    if isinstance(rules, NameRules):
        return rules, False
    try:
        with connect(rocketchat_connection()) as remote:
            rules = remote.name_rules()
    except (SyncError, ImproperlyConfigured):  # the latter: a secret that cannot be read
        return NameRules(), True
    cache.set(RULES_KEY, rules, RULES_SECONDS)
    return rules, False
