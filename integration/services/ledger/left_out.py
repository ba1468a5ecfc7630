"""What Rocket.Chat refused by a decision of somebody or of a policy there: not asked for again at
once. The rows of earlier runs remember it.
"""

from datetime import datetime, timedelta

from django.db.models import Max, QuerySet
from django.utils import timezone

from integration.domain.errors import BANNED_CODE
from integration.domain.left_out import LeftOut
from integration.domain.operations import AddMembers, CreateChannel
from integration.models import ChannelLink, SyncOperation

ASK_AGAIN_AFTER = timedelta(days=1)  # a ban may have been lifted, an attribute given


def people() -> dict[tuple[int, int], LeftOut]:
    """(Moodle group id, Moodle user id) of those who are not asked for again yet."""
    found: dict[tuple[int, int], LeftOut] = {}
    rows = _left_alone(AddMembers.kind, timezone.now() - ASK_AGAIN_AFTER)
    columns = rows.values_list("moodle_group_id", "details", "error", "answer")
    for group_id, details, why, answer in columns:
        joiners = details.get("joiners", ())
        if len(joiners) > 1 and not answer:
            continue  # of a list that was refused for single people, each has a row
        for joiner in joiners:
            found[group_id or 0, joiner["user"]] = LeftOut(why, banned=f"[{BANNED_CODE}]" in answer)
    return found


def channels() -> dict[int, LeftOut]:
    """Moodle group id -> why its channel was not made, where the last try ended so. `lately`: it is
    not tried again yet.
    """
    rows = _left_alone(CreateChannel.kind, None).exclude(
        moodle_group_id__in=ChannelLink.objects.values("moodle_group_id")
    )
    columns = ("moodle_group_id", "pk", "error", "finished_at")
    refused = {group_id: rest for group_id, *rest in rows.values_list(*columns)}
    tries = SyncOperation.objects.filter(kind=CreateChannel.kind, moodle_group_id__in=refused)
    tried = tries.exclude(finished_at=None).order_by().values_list("moodle_group_id")
    last = dict(tried.annotate(last=Max("pk"))) if refused else {}
    until = timezone.now() - ASK_AGAIN_AFTER
    return {
        group_id: LeftOut(why, lately=finished > until)
        for group_id, (row, why, finished) in refused.items()
        if last.get(group_id) == row
    }


def _left_alone(kind: str, since: datetime | None) -> QuerySet[SyncOperation]:
    """Oldest first."""
    rows = SyncOperation.objects.filter(kind=kind, status=SyncOperation.Status.LEFT_ALONE)
    return (rows.filter(finished_at__gt=since) if since else rows).order_by("pk")
