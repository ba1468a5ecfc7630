"""Deciding conflicts: link the two sides, ignore the question, or look at it again. Each decision
is in the audit trail.
"""

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext

from integration.domain.conflicts import ConflictKind
from integration.domain.errors import ConfigurationError, SyncError
from integration.domain.messages import joined
from integration.domain.state import RemoteState
from integration.models import AccountLink, ChannelLink, Conflict, SyncRun
from integration.services.admin import link_targets, moodle_search
from integration.services.admin.start_run import order_for
from integration.services.ledger import audit_trail
from integration.services.runs.order import Order
from integration.translation import english

LINKABLE = (
    ConflictKind.EMAIL_TAKEN,
    ConflictKind.USERNAME_TAKEN,
    ConflictKind.EMAIL_SHARED,
    ConflictKind.CHANNEL_NAME_TAKEN,
    ConflictKind.PLUGIN_ROOM,
)
IDENTIFYING = ("kind", "moodle_user_id", "moodle_group_id", "moodle_course_id")
NAMES = (ConflictKind.USERNAME_TAKEN, ConflictKind.CHANNEL_NAME_TAKEN)


def can_link(conflict: Conflict) -> bool:
    """Whether there is one thing on the other side that a person may declare to be the right
    one.
    """
    return bool(conflict.remote_id) and conflict.kind in LINKABLE


def can_choose(conflict: Conflict) -> bool:
    """Whether the Moodle side is free, so that a person may say what it is to be linked to."""
    if conflict.status != Conflict.Status.OPEN:
        return False
    if conflict.moodle_course_id is not None:
        return False
    if conflict.moodle_user_id is not None:
        return not AccountLink.objects.filter(moodle_user_id=conflict.moodle_user_id).exists()
    return not ChannelLink.objects.filter(moodle_group_id=conflict.moodle_group_id or 0).exists()


def is_about_a_name(conflict: Conflict) -> bool:
    """One of the two names has to give way, in Moodle or in Rocket.Chat."""
    return conflict.kind in NAMES


def course_of(conflict: Conflict) -> int:
    """The Moodle course of the conflict's group; 0 where Moodle does not tell."""
    try:
        group = moodle_search.group_row(conflict.moodle_group_id or 0)
    except SyncError:
        return 0
    return group[0] if group else 0


def link(conflict: Conflict, remote_id: str = "") -> None:
    """Declare that both sides are the same; with `remote_id`, what a person chose freely.

    ConfigurationError when one of them is linked already, or may not be chosen.
    """
    if not remote_id and not can_link(conflict):
        raise ConfigurationError(gettext("There is nothing on the other side to link to."))
    if conflict.status == Conflict.Status.SOLVED:
        raise ConfigurationError(gettext("This conflict is solved already."))
    remote_id = remote_id or conflict.remote_id
    chosen, state = link_targets.read_target(conflict, remote_id)
    if chosen.problem:
        raise ConfigurationError(f"{chosen.title}: {chosen.problem}.")
    make = _link_account if conflict.moodle_user_id is not None else _link_channel
    try:
        with transaction.atomic():
            name = make(conflict, remote_id, state)
            close(conflict, Conflict.Status.SOLVED)
            after = {"linked_to": remote_id, "name": name}
            record("link_conflict", conflict, after)
    except IntegrityError:
        raise ConfigurationError(
            gettext("One of the two sides is linked to something else already."),
            hint=gettext("Look under Accounts or Channels and stop managing the wrong link first."),
        ) from None


def ignore(conflict: Conflict) -> None:
    close(conflict, Conflict.Status.IGNORED)
    record("ignore_conflict", conflict, {})


def reopen(conflict: Conflict) -> None:
    Conflict.objects.filter(pk=conflict.pk).update(status=Conflict.Status.OPEN, solved_at=None)
    record("reopen_conflict", conflict, {})


def order_to_retry(conflict: Conflict, actor: str) -> Order:
    """A sync of just what the conflict is about."""
    if conflict.moodle_user_id is not None:
        return order_for(SyncRun.Kind.APPLY, actor, users=[conflict.moodle_user_id])
    if conflict.moodle_course_id is not None:
        return order_for(SyncRun.Kind.APPLY, actor, courses=[conflict.moodle_course_id])
    group = moodle_search.group_row(conflict.moodle_group_id or 0)
    courses = [group[0]] if group else None
    return order_for(SyncRun.Kind.APPLY, actor, courses=courses)


def settle_after_retry(conflict: Conflict, run: SyncRun) -> bool:
    """A run for one person or course closes no conflicts by itself: see whether this one is
    gone.
    """
    conflict.refresh_from_db()
    finished = run.status in (SyncRun.Status.DONE, SyncRun.Status.FAILED)
    if conflict.status != Conflict.Status.OPEN or not finished:
        return conflict.status == Conflict.Status.SOLVED
    for found in run.conflicts:
        if all(found.get(name) == getattr(conflict, name) for name in IDENTIFYING):
            return False
    close(conflict, Conflict.Status.SOLVED)
    return True


def close(conflict: Conflict, status: str) -> None:
    """Store the decision; what follows from it is for whoever decides."""
    conflict.status = status
    conflict.solved_at = timezone.now()
    conflict.save(update_fields=["status", "solved_at"])


def record(action: str, conflict: Conflict, after: dict[str, str]) -> None:
    audit_trail.record(
        action,
        joined(": ", [english(conflict.get_kind_display), conflict.moodle_side]),
        moodle_user_id=conflict.moodle_user_id,
        moodle_group_id=conflict.moodle_group_id,
        moodle_course_id=conflict.moodle_course_id,
        before={"in_rocketchat": conflict.rocketchat_side} if conflict.rocketchat_side else {},
        after=after,
    )


def _link_account(conflict: Conflict, account_id: str, state: RemoteState) -> str:
    account = state.accounts.get(account_id)
    if account is None:
        raise ConfigurationError(gettext("This account does not exist in Rocket.Chat any more."))
    AccountLink.objects.create(
        moodle_user_id=conflict.moodle_user_id or 0,
        rocketchat_user_id=account.account_id,
        username=account.username,
    )
    return account.username


def _link_channel(conflict: Conflict, room_id: str, state: RemoteState) -> str:
    room = state.channels.get(room_id)
    group = moodle_search.group_row(conflict.moodle_group_id or 0)
    if room is None or group is None:
        raise ConfigurationError(gettext("The room or the group does not exist any more."))
    ChannelLink.objects.create(
        moodle_group_id=conflict.moodle_group_id or 0,
        moodle_course_id=group[0],
        room_id=room.room_id,
        name=room.name,
        **room.texts._asdict(),
    )
    return room.name
