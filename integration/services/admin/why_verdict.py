"""The sentence on top of "Why?": how it is, whether that is right, and what the next sync does.

Made from the same plan as the steps below it, so that they cannot contradict each other.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext

from integration.domain.operations import RemoveMember
from integration.models import AccountLink, ChannelLink
from integration.services.admin.why_steps import Findings, Sentence, closing_channels, is_about
from integration.services.sync.desired import DesiredChannel
from integration.services.sync.plan import Plan
from integration.translation import local


@dataclass(frozen=True, slots=True)
class _Places:
    """Names of channels: where the person is and should be, is missing, is without a reason, and
    where the whole channel is to be closed.
    """

    right: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    closing: tuple[str, ...]


def of_person(findings: Findings, user_id: int) -> Sentence:
    places = _places(findings, user_id)
    if findings.plan is None:
        return _unknown(places)
    moves = any(is_about(one, user_id, None) for one in findings.plan.operations)
    if not (places.missing or places.extra or places.closing):
        return _all_right(places, moves)
    texts = [_is_in(places.right)] if places.right else []
    if places.missing:
        texts.append(_missing(findings.plan, user_id, places.missing))
    if places.extra:
        texts.append(_extra(findings, findings.plan, user_id, places.extra))
    if places.closing:
        text = gettext("Is in %(channels)s, which the next sync of the course closes.")
        texts.append(text % {"channels": ", ".join(places.closing)})
    return Sentence(" ".join(texts), "warn")


def _places(findings: Findings, user_id: int) -> _Places:
    wanted = {
        group: channel.name
        for group, channel in findings.desired.channels.items()
        if user_id in channel.members
    }
    link = AccountLink.objects.filter(moodle_user_id=user_id).first()
    now = dict(
        link.memberships.values_list("channel__moodle_group_id", "channel__name") if link else ()
    )
    closing = now.keys() & closing_channels(findings)
    return _Places(
        tuple(sorted(now[group] for group in now.keys() & wanted.keys())),
        tuple(sorted(wanted[group] for group in wanted.keys() - now.keys())),
        tuple(sorted(now[group] for group in now.keys() - wanted.keys() - closing)),
        tuple(sorted(now[group] for group in closing)),
    )


def _unknown(places: _Places) -> Sentence:
    wanted = sorted((*places.right, *places.missing))
    if not wanted:
        return Sentence(gettext("According to Moodle, belongs in no channel."), "warn")
    text = gettext("According to Moodle, belongs in %(channels)s.")
    return Sentence(text % {"channels": ", ".join(wanted)}, "warn")


def _all_right(places: _Places, moves: bool) -> Sentence:
    if moves:  # the account, or a room role
        if not places.right:
            return Sentence(gettext("Is in no channel. The next sync changes the account."), "warn")
        text = gettext("%(state)s The next sync changes something about it.")
        return Sentence(text % {"state": _is_in(places.right)}, "warn")
    if not places.right:
        text = gettext("Is in no channel, and belongs in none. The steps below say why.")
        return Sentence(text, "plain")
    text = gettext("Is in %(channels)s, as it should be.")
    return Sentence(text % {"channels": ", ".join(places.right)}, "good")


def _is_in(channels: Iterable[str]) -> str:
    return gettext("Is in %(channels)s.") % {"channels": ", ".join(channels)}


def _missing(plan: Plan, user_id: int, channels: tuple[str, ...]) -> str:
    values = {"channels": ", ".join(channels)}
    if any(conflict.user_id == user_id for conflict in plan.conflicts):
        return gettext("Belongs in %(channels)s, but a conflict has to be decided first.") % values
    if any(is_about(one, user_id, None) for one in plan.operations):
        return gettext("Belongs in %(channels)s: the next sync adds them.") % values
    return gettext("Belongs in %(channels)s, but is not added: see the last step.") % values


def _extra(findings: Findings, plan: Plan, user_id: int, channels: tuple[str, ...]) -> str:
    values = {"channels": ", ".join(channels)}
    taken = {
        one.about.group_id
        for one in plan.operations
        if isinstance(one, RemoveMember) and is_about(one, user_id, None)
    }
    if len(taken) == len(channels):
        text = gettext("Is in %(channels)s without a reason: the next sync removes them.")
    elif any(is_about(one.operation, user_id, None) for one in findings.waiting):
        text = gettext("Is in %(channels)s until the days of grace are over.")
    elif taken:
        text = gettext("Is in %(channels)s without a reason; see the last step.")
    else:
        text = gettext("Is in %(channels)s without a reason in Moodle, and stays there.")
    return text % values


def of_channel(findings: Findings, group_id: int, link: ChannelLink | None) -> Sentence:
    wanted = findings.desired.channels.get(group_id)
    if findings.plan is None:
        if wanted is None:
            return Sentence(gettext("According to Moodle, gets no channel."), "warn")
        text = gettext("According to Moodle, gets the channel %(name)s with %(count)s people.")
        return Sentence(text % {"name": wanted.name, "count": len(wanted.members)}, "warn")
    moves = any(is_about(one, None, group_id) for one in findings.plan.operations)
    if wanted is not None:
        return _wanted_channel(findings, findings.plan, wanted, moves=moves)
    if link is None:
        return Sentence(gettext("Has no channel, and gets none."), "plain")
    values = {"name": link.name, "reason": _ending(findings, group_id)}
    if link.ended and not moves:
        text = gettext("Its channel %(name)s is closed: %(reason)s.")
        return Sentence(text % values, "plain")
    if moves:
        text = gettext("Its channel %(name)s is closed by the next sync: %(reason)s.")
    else:
        text = gettext("No longer gets a channel (%(reason)s), but %(name)s is kept.")
    return Sentence(text % values, "warn")


def _wanted_channel(
    findings: Findings, plan: Plan, wanted: DesiredChannel, *, moves: bool
) -> Sentence:
    group_id = wanted.group_id
    values = {"name": wanted.name, "count": len(wanted.members)}
    if any(conflict.group_id == group_id for conflict in plan.conflicts):
        text = gettext("Should have the channel %(name)s, but a conflict has to be decided first.")
        return Sentence(text % values, "warn")
    if moves and group_id not in findings.managed.channels:
        text = gettext("The next sync creates the channel %(name)s with %(count)s people.")
        return Sentence(text % values, "warn")
    if moves:
        text = gettext("Has the channel %(name)s; the next sync changes something about it.")
        return Sentence(text % values, "warn")
    if wanted.read_only:
        values["reason"] = local(wanted.read_only)
        text = gettext("Has the channel %(name)s with %(count)s people, read-only: %(reason)s.")
        return Sentence(text % values, "good")
    text = gettext("Has the channel %(name)s with %(count)s people, as it should be.")
    return Sentence(text % values, "good")


def _ending(findings: Findings, group_id: int) -> str:
    ending = findings.desired.endings.get(group_id)
    if ending is not None:
        return local(ending.reason)
    return local(findings.desired.undecided.get(group_id, gettext("see below")))
