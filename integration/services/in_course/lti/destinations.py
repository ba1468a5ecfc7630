"""Where a launch leads: the person's own channels in the course, by what rcsync stored."""

import logging
from dataclasses import dataclass

from django.core.cache import cache

from integration.domain.state import Ending, Scope
from integration.models import ChannelLink, IntegratedCourse, IntegrationSettings
from integration.services.background import event_runs
from integration.services.in_course.explanations import Explanation, explain
from integration.services.in_course.lti.launches import Launch
from integration.services.ledger import pauses

logger = logging.getLogger(__name__)
SYNC_PAUSE_SECONDS = 300  # for one person in one course


@dataclass(frozen=True, slots=True)
class Destination:
    """`channels` are those to choose from; without any, or where the wished one is not among them,
    `explanation` says why. `synced`: a sync of the person was queued. `by_itself`: a sync of the
    course begins without anybody starting it.
    """

    channels: tuple[ChannelLink, ...] = ()
    explanation: Explanation | None = None
    synced: bool = False
    by_itself: bool = False


def destination(launch: Launch) -> Destination:
    """One or several channels, or an explanation with the channels that there are instead."""
    own = tuple(_own_channels(launch))
    wished = tuple(c for c in own if launch.group_id in (None, c.moodle_group_id))
    if wished:
        return Destination(wished)
    explanation = explain(launch.user_id, launch.course_id, launch.group_id)
    if not (explanation.may_sync and _syncs_by_itself(launch.course_id)):
        return Destination(own, explanation)
    return Destination(own, explanation, _sync(launch), by_itself=True)


def _own_channels(launch: Launch) -> list[ChannelLink]:
    """Channels of the course that the person's account is in, by name."""
    rows = ChannelLink.objects.filter(
        moodle_course_id=launch.course_id,
        memberships__account__moodle_user_id=launch.user_id,
        memberships__account__deactivated=False,
    )
    return list(rows.exclude(ended=Ending.ARCHIVE))


def _sync(launch: Launch) -> bool:
    """Queue a sync of just this person, where the policy wants it; not again within minutes."""
    if not IntegrationSettings.objects.filter(sync_on_launch=True).exists():
        return False
    if cache.add(f"lti-sync-{launch.user_id}-{launch.course_id}", True, SYNC_PAUSE_SECONDS):
        scope = Scope(frozenset({launch.course_id}), frozenset({launch.user_id}))
        (run,) = event_runs.collect([scope], 1)
        logger.info("lti=sync user=%d course=%d run=%d", launch.user_id, launch.course_id, run.pk)
    return True


def _syncs_by_itself(course_id: int) -> bool:
    if pauses.current():
        return False
    rows = IntegratedCourse.objects.filter(course_id=course_id)
    return any(row.background_sync or row.event_sync for row in rows)
