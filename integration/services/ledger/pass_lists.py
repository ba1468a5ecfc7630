"""The lists of Rocket.Chat that the parts of one pass share.

The first part reads and stores them, the others take them, each with what rcsync itself changed
since. A reading is used by its pass only, for MOST_AGE, with the same server and bot; a part that
needs more than that reads anew, for those that follow as well.
"""

import hashlib
import json
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from integration.domain.operations import (
    Activate,
    AdoptChannel,
    CreateAccount,
    CreateChannel,
    Deactivate,
    FreeName,
    RenameChannel,
    UpdateAccount,
)
from integration.domain.remote_lists import (
    FORMAT,
    Changed,
    RemoteLists,
    Shared,
    from_texts,
    to_texts,
)
from integration.domain.state import RemoteAccount
from integration.models import (
    AccountLink,
    ChannelLink,
    PassReading,
    PassReadingPiece,
    SyncOperation,
    SyncRun,
)
from integration.services.ledger import heartbeat, moments
from integration.services.ledger.leases import LEASE_SECONDS

MOST_AGE = timedelta(minutes=10)  # a pass in one piece acts on what it read for longer than that
LOOK_SECONDS = 0.2
AT_ONCE = 10  # pieces in one statement, of some 100 KB each
Status = SyncRun.Status
MAKING = (CreateAccount.kind, CreateChannel.kind)
CHANGING = (UpdateAccount.kind, Activate.kind, Deactivate.kind)
RENAMING = (RenameChannel.kind, FreeName.kind)
CUT_OFF = Q(status=SyncOperation.Status.STARTED) & ~Q(run__status=Status.RUNNING)


def fingerprint(url: str, who: str) -> str:
    """Of whose lists these are: what is seen depends on the server and on who asks."""
    return hashlib.sha256(json.dumps([FORMAT, url, who]).encode()).hexdigest()


class PassLists:
    """`rocketchat.SharedLists` for one part. `sleep` waits some seconds."""

    def __init__(
        self, part: SyncRun, fingerprint: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._part, self._fingerprint, self._sleep = part, fingerprint, sleep
        self._mine: PassReading | None = None

    def recall(self, refused: int | None) -> Shared | None:
        """See there. A reading is given up where its reader is heard of no more."""
        while True:
            reading = PassReading.objects.filter(of_pass=self._part.parent_id).first()
            if reading is None:
                if self._claim():
                    return None
            elif reading.pk == refused or self._is_useless(reading) or _is_doubtful(reading):
                reading.delete()
            elif reading.pieces is None:
                self._sleep(LOOK_SECONDS)
            elif (lists := _stored(reading)) is None:
                reading.delete()
            else:
                return Shared(reading.pk, lists, _changed(reading))

    def keep(self, lists: RemoteLists) -> None:
        """Not where another part took over meanwhile, because we were not heard of."""
        mine, self._mine = self._mine, None
        if mine is None:
            return
        pieces = [PassReadingPiece(reading=mine, packed=_compressed(t)) for t in to_texts(lists)]
        with transaction.atomic():
            if PassReading.objects.select_for_update().filter(pk=mine.pk).exists():
                PassReadingPiece.objects.bulk_create(pieces, batch_size=AT_ONCE)
                PassReading.objects.filter(pk=mine.pk).update(pieces=len(pieces))

    def give_up(self) -> None:
        if self._mine is not None:
            self._mine.delete()
            self._mine = None

    def _claim(self) -> bool:
        """Whether it is ours to read. Which runs are open is asked before anything is read."""
        runs = SyncRun.objects.filter(status__in=(Status.QUEUED, Status.RUNNING))
        last = SyncRun.objects.order_by("-pk").values_list("pk", flat=True).first()
        claim, is_ours = PassReading.objects.get_or_create(
            of_pass_id=self._part.parent_id,
            defaults={
                "reader": self._part,
                "fingerprint": self._fingerprint,
                "began_at": timezone.now(),
                "last_run": last or 0,
                "open_runs": list(runs.values_list("pk", flat=True)),
            },
        )
        if is_ours:
            self._mine = claim
        return is_ours

    def _is_useless(self, reading: PassReading) -> bool:
        now = timezone.now()
        began = moments.passed(reading.began_at, now)
        if began is None or began < now - MOST_AGE or reading.fingerprint != self._fingerprint:
            return True
        return reading.pieces is None and not _is_alive(reading.reader_id, self._part.pk)


def drop(pass_id: int) -> None:
    """The pass is over."""
    PassReading.objects.filter(of_pass=pass_id).delete()


def drop_old() -> None:
    """What nobody may use any more."""
    PassReading.objects.filter(moments.not_within("began_at", MOST_AGE, timezone.now())).delete()


def _is_alive(reader: int, me: int) -> bool:
    """Whether the run is still at it; one that comes back to what it began itself is not."""
    run = SyncRun.objects.filter(pk=reader, status=Status.RUNNING).exclude(pk=me).first()
    if run is None or heartbeat.process_is_gone(run.worker):
        return False
    now = timezone.now()
    sign = moments.passed(run.alive_at, now)
    return sign is not None and sign >= now - timedelta(seconds=LEASE_SECONDS)


def _compressed(text: str) -> bytes:
    return zlib.compress(text.encode())


def _stored(reading: PassReading) -> RemoteLists | None:
    """None where another part took over meanwhile."""
    number = 0

    def texts() -> Iterator[str]:
        nonlocal number
        rows = reading.texts.values_list("packed", flat=True)
        for packed in rows.iterator(chunk_size=AT_ONCE):
            number += 1
            yield zlib.decompress(packed).decode()

    lists = from_texts(texts())
    return lists if number == reading.pieces else None


# --- what happened since --------------------------------------------------------------------------


def _operations(reading: PassReading) -> "QuerySet[SyncOperation]":
    """Of all runs that can have written since the reading began."""
    since = Q(run__in=reading.open_runs) | Q(run__gt=reading.last_run)
    return SyncOperation.objects.filter(since).order_by()


def _ended(reading: PassReading) -> "QuerySet[SyncOperation]":
    return _operations(reading).filter(_lately(reading) | CUT_OFF)


def _lately(reading: PassReading) -> Q:
    return Q(finished_at__gte=reading.began_at - moments.CLOCK_SKEW)


def _is_doubtful(reading: PassReading) -> bool:
    """Whether something may have been made of which nobody knows: only the lists can tell."""
    if reading.pieces is None:
        return False
    making = _operations(reading).filter(kind__in=MAKING)
    return making.filter(CUT_OFF | (Q(in_doubt=True) & _lately(reading))).exists()


def _changed(reading: PassReading) -> Changed:
    ended = _ended(reading)
    people = ended.filter(kind__in=CHANGING).values_list("details", flat=True)
    groups = ended.filter(moodle_group_id__isnull=False).exclude(kind=AdoptChannel.kind)
    return Changed(
        frozenset(details["account_id"] for details in people),
        _rooms(groups),
        _rooms(groups.filter(kind__in=RENAMING)),
        tuple(_made(ended.filter(kind=CreateAccount.kind, status=SyncOperation.Status.DONE))),
    )


def _rooms(operations: "QuerySet[SyncOperation]") -> frozenset[str]:
    links = ChannelLink.objects.filter(moodle_group_id__in=operations.values("moodle_group_id"))
    return frozenset(links.values_list("room_id", flat=True))


def _made(operations: "QuerySet[SyncOperation]") -> Iterator[RemoteAccount]:
    """As the server was told to make them, with the id and the username that it gave."""
    links = AccountLink.objects.filter(moodle_user_id__in=operations.values("moodle_user_id"))
    columns = ("moodle_user_id", "rocketchat_user_id", "username")
    known = {user: ids for user, *ids in links.values_list(*columns)}
    for user, details in operations.values_list("moodle_user_id", "details"):
        if user in known:
            account_id, username = known[user]
            address = (str(details["email"]).lower(),)
            yield RemoteAccount(
                account_id, username, str(details["name"]), address, True, ("user",), "user"
            )
