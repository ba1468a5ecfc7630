"""The name and the texts of each group's channel: stable once given, unique in the plan. Pure."""

from collections.abc import Callable, Iterable

from integration.domain.course_policies import CoursePolicies
from integration.domain.policy import Policy
from integration.domain.room_texts import RoomTexts
from integration.domain.state import Group, Managed, ManagedChannel, MoodleState, NameRules
from integration.services.sync import names

LIMITS = {"topic": 250, "description": 1000, "announcement": 1000}  # characters, of ChannelLink


def channel_names(
    groups: Iterable[Group],
    moodle: MoodleState,
    policies: CoursePolicies,
    rules: NameRules,
    managed: Managed,
) -> dict[int, str]:
    """A name for each group. Names once given stay while what they were made of stays the same.

    A name that another channel gives up in the same plan is free (channels.py sees to the order).
    """
    limit, separator = names.MAX_CHANNEL_NAME, names.channel_separator(rules)
    clean = names.cleaner(policies.site.plain_names, moodle.language)
    follows = policies.site.follow_renames
    chosen: dict[int, str] = {}
    bases: dict[int, str] = {}
    for group in groups:
        course, number = moodle.courses[group.course_id], group.group_id
        base = names.channel_name(_template(group, policies), course, group, rules, clean)
        known = managed.channels.get(number)
        if known and (
            not follows or names.belongs_to(known.name, base, *_fallback(number), limit, separator)
        ):
            chosen[number] = known.name
        else:
            bases[number] = base
    kept = (one.name for one in managed.channels.values() if one.group_id not in bases)
    is_free = _not_reserved(free_names(rules, kept), rules)
    for number, base in bases.items():
        free = _or_own(managed.channels.get(number), is_free)
        chosen[number] = names.unique(base, *_fallback(number), free, limit, separator)
    return chosen


def _template(group: Group, policies: CoursePolicies) -> str:
    policy = policies.of(group.course_id)
    return policy.course_name_template if group.of_course else policy.name_template


def _fallback(number: int) -> tuple[str, int]:
    """What a name is made of where nothing else is left; a whole course has its own id in it."""
    return ("course", -number) if number < 0 else ("group", number)


def _or_own(known: ManagedChannel | None, is_free: Callable[[str], bool]) -> Callable[[str], bool]:
    """Free, or the channel's own name in another case."""
    if known is None:
        return is_free
    own = known.name.casefold()
    return lambda name: name.casefold() == own or is_free(name)


def _not_reserved(is_free: Callable[[str], bool], rules: NameRules) -> Callable[[str], bool]:
    """With special characters it is the technical name that must not be reserved."""
    if not rules.free_channel_names:
        return is_free
    reserved = rules.reserved
    return lambda name: (
        names.technical_name(name, rules).casefold() not in reserved and is_free(name)
    )


def free_names(rules: NameRules, taken: Iterable[str]) -> Callable[[str], bool]:
    """A test that also takes the name: what it called free is taken from then on, in any case."""
    used = {name.casefold() for name in taken} | {name.casefold() for name in rules.reserved}

    def is_free(name: str) -> bool:
        folded = name.casefold()
        if folded in used:
            return False
        used.add(folded)
        return True

    return is_free


def texts_of(group: Group, moodle: MoodleState, policy: Policy, rules: NameRules) -> RoomTexts:
    """What the templates of the policy make; "" is a text that is left alone, also one that this
    server would not let us see.
    """
    course = moodle.courses[group.course_id]
    clean = names.cleaner(policy.plain_names, moodle.language)
    filled = {
        name: names.display_text(names.render(template, course, group, clean), LIMITS[name])
        for name, template in policy.text_templates._asdict().items()
    }
    texts = RoomTexts(**filled)
    if not rules.all_texts_listed:
        texts = RoomTexts(texts.topic)
    return texts if rules.topic_at_creation else texts._replace(topic="")
