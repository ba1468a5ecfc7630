"""Changes of settings, patterns, roles, courses, limits and people with access go into the audit
trail.

Every way of writing is watched: save, delete, and the queryset's update, bulk_create and
bulk_update, for every AuditedModel. Secrets appear as set or not set, never as what they are.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import models
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.utils import translation

from integration.domain.messages import Message, joined
from integration.fields import SecretField
from integration.services.ledger import audit_trail
from integration.tables.querysets import AuditedModel, rows_created, rows_updated
from integration.translation import english

USER_FIELDS = ("username", "email", "is_active", "is_staff", "is_superuser")
HIDDEN = "(set)"


def start() -> None:
    """Connect the signal receivers. Called once, when the apps are ready."""
    for model in apps.get_models():
        if issubclass(model, AuditedModel):
            _watch(model)
            rows_updated.connect(_rows_updated, sender=model, dispatch_uid=f"audit-{model}")
            rows_created.connect(_rows_created, sender=model, dispatch_uid=f"audit-{model}")
    user = get_user_model()
    _watch(user)
    for relation in (user.groups.through, user.user_permissions.through):
        m2m_changed.connect(_rights_changed, sender=relation, dispatch_uid=f"audit-{relation}")


def _watch(model: type[models.Model]) -> None:
    uid = f"audit-{model._meta.label}"
    pre_save.connect(_remember, sender=model, dispatch_uid=uid)
    post_save.connect(_saved, sender=model, dispatch_uid=uid)
    post_delete.connect(_deleted, sender=model, dispatch_uid=uid)


def facts(row: models.Model) -> dict[str, Any]:
    """What the administrator decided in this row, as it may be shown."""
    return {
        field.name: _shown(field, field.value_from_object(row))
        for field in row._meta.concrete_fields
        if is_watched(type(row), field.name)
    }


def is_watched(model: type[models.Model], field: str) -> bool:
    if issubclass(model, AuditedModel):
        return field not in model.system_fields
    return field in USER_FIELDS


def _shown(field: Any, value: Any) -> Any:
    if isinstance(field, SecretField):
        return HIDDEN if value else ""
    return value if isinstance(value, bool | int | str | float | None) else str(value)


def _remember(instance: models.Model, **_: Any) -> None:
    rows = type(instance)._base_manager.filter(pk=instance.pk)
    before = rows.first() if instance.pk else None
    vars(instance)["_audit_before"] = before


def _saved(instance: models.Model, raw: bool, **_: Any) -> None:
    before = vars(instance).pop("_audit_before", None)
    if raw:
        return
    if before is None:
        note("create", instance, {}, facts(instance))
        return
    old, new = facts(before), facts(instance)
    changed = [name for name in new if old[name] != new[name]]
    changed += _changed_secrets(before, instance)
    if changed:
        note(
            "change",
            instance,
            {name: old[name] for name in changed},
            {name: _after(old, new, name) for name in changed},
        )


def _changed_secrets(before: models.Model, after: models.Model) -> list[str]:
    """Both set, and not the same: told, without telling either."""
    return [
        field.name
        for field in after._meta.concrete_fields
        if isinstance(field, SecretField)
        and getattr(before, field.name)
        and getattr(after, field.name)
        and getattr(before, field.name) != getattr(after, field.name)
    ]


def _after(old: dict[str, Any], new: dict[str, Any], name: str) -> Any:
    return "(changed)" if old[name] == new[name] == HIDDEN else new[name]


def _deleted(instance: models.Model, **_: Any) -> None:
    note("delete", instance, facts(instance), {})


def _rights_changed(
    sender: Any, instance: models.Model, action: str, pk_set: Iterable[int] | None, **_: Any
) -> None:
    if action in ("post_add", "post_remove", "post_clear") and isinstance(
        instance, get_user_model()
    ):
        kind = "groups" if "groups" in sender._meta.model_name else "permissions"
        note("change", instance, {}, {f"{kind} {action[5:]}": sorted(pk_set or ())})


def _rows_updated(sender: type[models.Model], before: Iterable[models.Model], **_: Any) -> None:
    now = sender._base_manager.in_bulk([row.pk for row in before])
    for old in before:
        new = now.get(old.pk)
        if new is not None:
            vars(new)["_audit_before"] = old
            _saved(new, raw=False)


def _rows_created(rows: Iterable[models.Model], **_: Any) -> None:
    for row in rows:
        note("create", row, {}, facts(row))


def note(verb: str, row: models.Model, before: dict[str, Any], after: dict[str, Any]) -> None:
    audit_trail.record(
        f"{verb}_{row._meta.model_name}"[:40], named(row), before=before, after=after
    )


def named(row: models.Model) -> str:
    """The table and the row, such as "group pattern Include .*"; the words of ours are Messages."""
    table = english(lambda: row._meta.verbose_name)
    with translation.override("en"):
        text = str(row)
    if text.lower() == table:  # the one row of settings
        return table
    return joined(" ", [table, *_words(row, text)])


def _words(row: models.Model, text: str) -> Iterator[str]:
    """The labels of choices with which `text` begins, then the rest."""
    with translation.override("en"):
        labels = [str(label) for field in row._meta.fields for _, label in field.flatchoices]
    for message in map(Message, labels):
        if text == message:
            yield message
            return
        if text.startswith(f"{message} "):
            yield message
            yield from _words(row, text.removeprefix(f"{message} "))
            return
    yield text
