"""One person in our own tables: everything that is about them, and the rows without their names.

Ids stay: they tell nothing without Moodle's own table, and the counts of the history need them. The
audit trail is append-only but for this and for its retention; both leave an entry.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.db import models, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django_q.models import Task

from integration.domain.forgetting import FORGOTTEN, Names, names_in, placeholder
from integration.domain.messages import msg
from integration.domain.operations.base import kinds
from integration.domain.policy import Removal
from integration.domain.state import RoomRole
from integration.models import (
    AccountClaim,
    AccountLink,
    AuditEntry,
    Conflict,
    EventCursor,
    IntegratedCourse,
    IntegrationSettings,
    ManagedMembership,
    Notice,
    Pause,
    PendingEnding,
    SyncOperation,
    SyncRun,
)
from integration.services.ledger import audit_trail, reading, runs
from integration.services.sync.differences import DifferenceKind

PAGE = 1000
USERNAMES = "protected_usernames"  # a line of it is a person's, or it is not
TEXTS: dict[type[models.Model], tuple[str, ...]] = {
    SyncRun: (
        *("skips", "conflicts", "differences", "breaches", "message", "hint"),
        "decision_reason",
    ),
    SyncOperation: ("description", "reason", "details", "error", "hint", "answer"),
    AuditEntry: ("subject", "before", "after", "reason", "error"),
    Conflict: ("moodle_side", "rocketchat_side", "advice"),
    Notice: ("detail",),
    Pause: ("reason",),
    EventCursor: ("problem",),
    IntegratedCourse: ("differences",),
    IntegrationSettings: (USERNAMES,),
    LogEntry: ("object_repr", "change_message"),
    Task: ("result",),  # of a failure: the error's text
}
SENTENCES: dict[type[models.Model], tuple[str, ...]] = {PendingEnding: ("description", "reason")}
ACTORS = ("actor", "user_id", "decided_by_id")  # who did it
LINK_NAMES = ("username", "moodle_username", "moodle_email", "moodle_idnumber")
ABOUT_ONE = (SyncOperation, AuditEntry, Conflict, PendingEnding)  # have a column moodle_user_id


@cache
def words_of_ours() -> frozenset[str]:
    """Values that columns are limited to: a username that is one of them names nobody there."""
    choices = {
        value
        for model in apps.get_app_config("integration").get_models()
        for column in model._meta.concrete_fields
        for value, _label in column.flatchoices
        if isinstance(value, str)
    }
    return frozenset({*choices, *DifferenceKind, *RoomRole, *kinds(), *Removal})


def known_names(user_id: int) -> set[str]:
    """What our tables call the person: usernames, full names and addresses, old ones too."""
    links = AccountLink.objects.filter(moodle_user_id=user_id).values_list(*LINK_NAMES)
    found = {text for row in links for text in row if text}
    operations = SyncOperation.objects.filter(moodle_user_id=user_id)
    for details in operations.values_list("details", flat=True).iterator(PAGE):
        found |= names_in(details)
    entries = AuditEntry.objects.filter(moodle_user_id=user_id)
    for before, after in entries.values_list("before", "after").iterator(PAGE):
        found |= names_in(before) | names_in(after)
    return found - {placeholder(user_id)}


@dataclass(slots=True)
class Traces:
    """What forgetting is about. `samples`: some of the texts, as they are and as they will be."""

    changed: dict[str, int] = field(default_factory=dict)  # rows by table that lose a name
    removed: dict[str, int] = field(default_factory=dict)  # rows by table that go
    samples: list[tuple[str, str]] = field(default_factory=list)
    unprotected: bool = False  # the person's account was among the protected ones


def find_traces(user_id: int, names: Names, samples: int = 10) -> Traces:
    """Changes nothing."""
    found = Traces()
    for model in TEXTS:
        for row, new in _changes(model, user_id, names):
            name = str(model._meta.verbose_name_plural)
            found.changed[name] = found.changed.get(name, 0) + 1
            found.unprotected |= USERNAMES in new
            pairs = ((getattr(row, column), value) for column, value in new.items())
            found.samples += [(str(old), str(value)) for old, value in pairs][:1]
    found.samples = found.samples[:samples]
    for rows in _working_rows(user_id):
        if count := rows.count():
            found.removed[str(rows.model._meta.verbose_name_plural)] = count
    return found


def forget(user_id: int, names: Names, reason: str) -> Traces:
    """All of it, or nothing; and an entry in the audit trail that says so without the name."""
    with transaction.atomic():
        runs.check_none_is_running(
            msg("Wait until it has finished, or cancel it."),
            msg("A run is in progress and may store the names again."),
        )
        found = find_traces(user_id, names)
        for model in TEXTS:
            for row, new in list(_changes(model, user_id, names)):
                # Past the guard of the audit trail: this and `prune` are its two exceptions.
                QuerySet.update(model._base_manager.filter(pk=row.pk), **new)
        open_ = Conflict.objects.filter(moodle_user_id=user_id, status=Conflict.Status.OPEN)
        open_.update(status=Conflict.Status.SOLVED, solved_at=timezone.now())
        for rows in _working_rows(user_id):
            rows.delete()
        audit_trail.record(
            "forget_person",
            msg("person {id}", id=user_id),
            reason=reason,
            moodle_user_id=user_id,
            after={"changed": found.changed, "removed": found.removed},
        )
    return found


def _working_rows(user_id: int) -> Iterator[QuerySet[Any]]:
    """Rows that are about the person alone and are no history. Memberships before their link."""
    yield ManagedMembership.objects.filter(account__moodle_user_id=user_id)
    for model in (PendingEnding, AccountClaim, AccountLink):
        yield model._base_manager.filter(moodle_user_id=user_id)


def _changes(
    model: type[models.Model], user_id: int, names: Names
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Rows in which a name stands, each with its changed columns."""
    for row in reading.rows_by(model._base_manager.all(), size=PAGE):
        own = getattr(row, "moodle_user_id", None) == user_id
        new = {
            column: value
            for column in TEXTS[model]
            if (value := _replaced(row, column, names, own)) != getattr(row, column)
        }
        if new and model is SyncOperation and own:
            details = new.get("details", getattr(row, "details", {}))
            new["details"] = {**details, FORGOTTEN: True}
        if new:
            yield row, new


def _replaced(row: models.Model, column: str, names: Names, own: bool) -> Any:
    value = getattr(row, column)
    if column == USERNAMES:
        return names.without_word(value)
    key = "subject" if column == "subject" else ""  # of an entry: often nothing but the username
    return names.replaced(value, own=own, key=key)


def export(user_id: int, known: set[str], names: Names) -> dict[str, Any]:
    """What our tables hold about the person, as JSON, and about nobody else.

    Of a row that is about more than the person there are the parts that are about them.
    """
    told: dict[str, Any] = {"moodle_user_id": user_id, "names": sorted(known)}
    for model in (AccountLink, *ABOUT_ONE):
        rows = model._base_manager.filter(moodle_user_id=user_id).order_by("pk")
        told[model._meta.model_name or ""] = [_own(row, names) for row in rows.iterator(PAGE)]
    members = ManagedMembership.objects.filter(account__moodle_user_id=user_id)
    told["managedmembership"] = [
        {**_plain(row), "channel_name": row.channel.name}
        for row in members.select_related("channel").order_by("pk")
    ]
    told["mentioned_in"] = {
        model._meta.model_name or "": list(_mentions(model, user_id, names)) for model in TEXTS
    }
    return told


def _mentions(model: type[models.Model], user_id: int, names: Names) -> Iterator[dict[str, Any]]:
    for row, new in _changes(model, user_id, names):
        if getattr(row, "moodle_user_id", None) != user_id:
            yield {"id": row.pk, **{column: names.part(getattr(row, column)) for column in new}}


def _own(row: models.Model, names: Names) -> dict[str, Any]:
    """A row that is about the person, without who did it and whom else its sentences name."""
    told = {name: value for name, value in _plain(row).items() if name not in ACTORS}
    for column in (*TEXTS.get(type(row), ()), *SENTENCES.get(type(row), ())):
        value = told[column]
        told[column] = names.part(value, own=True) if value else value
    return told


def _plain(row: models.Model) -> dict[str, Any]:
    return {one.attname: getattr(row, one.attname) for one in row._meta.concrete_fields}
