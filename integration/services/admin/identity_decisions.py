"""Decisions about a number of Moodle that no longer fits its link, and about a person made anew.

Nothing is sent to Rocket.Chat: the next sync acts on what was decided. Each decision is in the
audit trail.
"""

from collections.abc import Callable

from django.db import transaction
from django.utils.translation import gettext

from integration.domain.conflicts import ConflictKind
from integration.domain.errors import ConfigurationError
from integration.models import AccountLink, ChannelLink, Conflict, IntegratedCourse
from integration.services.admin.conflicts import close, record

CHANGED = (ConflictKind.PERSON_CHANGED, ConflictKind.GROUP_CHANGED, ConflictKind.COURSE_CHANGED)


def is_about_identity(conflict: Conflict) -> bool:
    """Whether the answer is "the same" or "another"."""
    return conflict.kind in CHANGED


def can_hand_over(conflict: Conflict) -> bool:
    return conflict.kind == ConflictKind.PERSON_RECREATED


def confirm_same(conflict: Conflict) -> None:
    """The number still means the same: the next sync stores what it is made of now."""
    _decide(conflict, "confirm_identity", CHANGED, _forget_identity)


def declare_other(conflict: Conflict) -> None:
    """The number means somebody or something else now: its link is let go.

    Account or channels stay in Rocket.Chat as they are. The next sync treats person, group or
    course as new.
    """
    _decide(conflict, "let_go_of_link", CHANGED, _let_go)


def hand_over(conflict: Conflict) -> None:
    """The account of a person whose Moodle row is gone belongs to the person's new row."""
    _decide(conflict, "hand_over_account", (ConflictKind.PERSON_RECREATED,), _hand_over)


def _decide(
    conflict: Conflict,
    action: str,
    kinds: tuple[ConflictKind, ...],
    change: Callable[[Conflict], dict[str, str]],
) -> None:
    if conflict.kind not in kinds or conflict.status != Conflict.Status.OPEN:
        raise ConfigurationError(gettext("This conflict is decided, or of another kind."))
    with transaction.atomic():
        after = change(conflict)
        close(conflict, Conflict.Status.SOLVED)
        record(action, conflict, after)


def _forget_identity(conflict: Conflict) -> dict[str, str]:
    """A link without a stored identity is believed once (services/sync/identity.py)."""
    AccountLink.objects.filter(moodle_user_id=conflict.moodle_user_id or 0).update(
        moodle_timecreated=None
    )
    ChannelLink.objects.filter(moodle_group_id=conflict.moodle_group_id or 0).update(
        group_timecreated=None
    )
    IntegratedCourse.objects.filter(course_id=conflict.moodle_course_id or 0).update(
        known_timecreated=None
    )
    return {}


def _let_go(conflict: Conflict) -> dict[str, str]:
    _forget_identity(conflict)
    AccountLink.objects.filter(moodle_user_id=conflict.moodle_user_id or 0).delete()
    ChannelLink.objects.filter(moodle_group_id=conflict.moodle_group_id or 0).delete()
    ChannelLink.objects.filter(moodle_course_id=conflict.moodle_course_id or 0).delete()
    return {}


def _hand_over(conflict: Conflict) -> dict[str, str]:
    link = AccountLink.objects.filter(rocketchat_user_id=conflict.remote_id).first()
    if link is None:
        raise ConfigurationError(gettext("This account is not managed any more. Sync again."))
    if AccountLink.objects.filter(moodle_user_id=conflict.moodle_user_id or 0).exists():
        raise ConfigurationError(gettext("This person has an account already. Sync again."))
    before = str(link.moodle_user_id)
    link.moodle_user_id = conflict.moodle_user_id or 0
    link.moodle_timecreated = None
    link.save(update_fields=["moodle_user_id", "moodle_timecreated"])
    return {"account": link.username, "from_person": before}
