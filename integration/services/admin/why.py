"""Why somebody is, or is not, in a channel: the whole chain from Moodle to the next operation.

Reads what a run for this person or course would read, plans it, and writes nothing.
"""

from dataclasses import dataclass

from django.utils.translation import gettext

from integration.domain.errors import SourceError, SyncError
from integration.domain.policy import Policy
from integration.domain.state import NameRules, Scope
from integration.models import ChannelLink
from integration.services.admin import moodle_search, why_levels, why_steps, why_verdict
from integration.services.admin.why_steps import Findings, Sentence
from integration.services.ledger.managed import LookOnly
from integration.services.ledger.policy import load_policy
from integration.services.moodle.reader import MoodleReader
from integration.services.rocketchat import connect
from integration.services.runs.configured_connection import rocketchat_connection
from integration.services.sync.desired import desire
from integration.services.sync.reconcile import compare, people_in_scope
from integration.translation import in_words


@dataclass(frozen=True, slots=True)
class Step:
    """One station of the chain with its sentences."""

    title: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """The answer: `verdict` first, then the chain. `members` is filled for a channel: (Moodle id,
    name, why).
    """

    title: str
    verdict: Sentence
    steps: tuple[Step, ...]
    courses: tuple[int, ...]
    members: tuple[tuple[int, str, str], ...] = ()
    problem: str = ""


def why_person(user_id: int) -> Reason:
    """SyncError where Moodle cannot be read or does not know the person."""
    findings = _look(Scope(users=frozenset({user_id})))
    person = findings.moodle.people.get(user_id)
    if person is None:
        raise SourceError(
            gettext("Moodle has no person with the id %(id)s.") % {"id": user_id},
            hint=gettext("Search by name, username or e-mail address."),
        )
    steps = [
        Step(gettext("Moodle account"), (why_steps.account_sentence(person),)),
        Step(
            gettext("Enrolments in integrated courses"),
            tuple(why_steps.enrolments(findings, user_id)),
        ),
        Step(gettext("Roles"), tuple(why_steps.roles(findings, user_id))),
        Step(gettext("Groups and patterns"), tuple(why_steps.groups(findings, user_id))),
        Step(gettext("Rocket.Chat account"), tuple(why_steps.remote_account(findings, user_id))),
        Step(gettext("Channels now"), tuple(why_steps.channels_now(user_id))),
        Step(gettext("Next sync"), tuple(why_steps.next_steps(findings, user_id=user_id))),
    ]
    courses = sorted(
        {c.course_id for c in findings.desired.channels.values() if user_id in c.members}
    )
    return Reason(
        person.name,
        why_verdict.of_person(findings, user_id),
        tuple(steps),
        tuple(courses),
        problem=findings.problem,
    )


def why_channel(group_id: int) -> Reason:
    """Of a group, or of a whole course by its id with a minus. SyncError where Moodle cannot be
    read or there is neither such a group nor a channel for it.
    """
    link = ChannelLink.objects.filter(moodle_group_id=group_id).first()
    row = _row_of(group_id)
    if row is None and link is None:
        raise SourceError(
            gettext("Moodle has no group with the id %(id)s.") % {"id": group_id},
            hint=gettext("Search by the name of the group."),
        )
    course_id = row[0] if row else link.moodle_course_id  # type: ignore[union-attr]
    findings = _look(Scope(courses=frozenset({course_id})))
    group = findings.moodle.groups.get(group_id)
    steps = [
        Step(gettext("Course"), (why_steps.course_sentence(findings, course_id),)),
        Step(gettext("Group and patterns"), (why_steps.pattern_sentence(findings, group),)),
        *_own_settings(findings, course_id),
        Step(gettext("Channel now"), tuple(why_steps.channel_now(findings, link))),
        Step(gettext("Next sync"), tuple(why_steps.next_steps(findings, group_id=group_id))),
    ]
    verdict = why_verdict.of_channel(findings, group_id, link)
    title = group.name if group else (link.name if link else row[1] if row else str(group_id))
    return Reason(
        title,
        verdict,
        tuple(steps),
        (course_id,),
        tuple(why_steps.members(findings, group)),
        findings.problem,
    )


def _row_of(group_id: int) -> tuple[int, str] | None:
    """(course id, name) of the group or of the whole course, None where Moodle has none."""
    if group_id >= 0:
        return moodle_search.group_row(group_id)
    course = moodle_search.course_named(-group_id)
    return course and (-group_id, course[0])


def _own_settings(findings: Findings, course_id: int) -> list[Step]:
    """Only where a category or the course has settings of its own."""
    found = why_levels.sentences(findings.desired.policies.resolved(course_id))
    if not found:
        return []
    sentences = tuple(Sentence(text) for text in found)
    return [Step(gettext("Settings that differ from the site"), sentences)]


# --- looking --------------------------------------------------------------------------------------


def _look(scope: Scope) -> Findings:
    """What a run of this scope would see and do; as far as that goes without Rocket.Chat."""
    source = MoodleReader()
    policy = load_policy(source.roles())
    try:
        with connect(rocketchat_connection()) as client:
            seen = compare(scope, policy, source, client, LookOnly())
    except SourceError:
        raise
    except SyncError as error:
        return _moodle_only(scope, policy, source, problem=in_words(error))
    return Findings(
        seen.desired.eligibility.moodle,
        policy,
        seen.managed,
        seen.desired,
        seen.remote,
        seen.plan,
        seen.waiting,
    )


def _moodle_only(scope: Scope, policy: Policy, source: MoodleReader, problem: str) -> Findings:
    records = LookOnly()
    managed = records.managed(scope)
    moodle = source.read(
        scope, integrated=records.integrated(), linked_users=people_in_scope(managed, scope)
    )
    desired = desire(moodle, policy, NameRules(), managed, scope)
    return Findings(desired.eligibility.moodle, policy, managed, desired, problem=problem)
