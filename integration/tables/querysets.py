"""Querysets and the base model of rows whose every change belongs in the audit trail."""

from collections.abc import Iterable
from typing import Any, ClassVar, NoReturn

from django.db import models
from django.dispatch import Signal

rows_updated = Signal()
"""Sent by `update` and `bulk_update`: `sender` is the model, `before` the rows as they were."""

rows_created = Signal()
"""Sent by `bulk_create`: `sender` is the model, `rows` what was made."""


class AuditedQuerySet(models.QuerySet["AuditedModel"]):
    """Sends signals for writes that save no single row; Django sends none for them.

    `bulk_update` goes through `update`.
    """

    def update(self, **kwargs: Any) -> int:
        decided = set(kwargs) - set(self.model.system_fields)
        before: list[Any] = list(self.all()) if decided else []
        changed = super().update(**kwargs)
        if before:
            rows_updated.send(sender=self.model, before=before)
        return changed

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        made = super().bulk_create(objs, *args, **kwargs)
        rows_created.send(sender=self.model, rows=made)
        return made


class AuditedModel(models.Model):
    """An administrator's decision: changes of all fields but `system_fields` are audited."""

    system_fields: ClassVar[tuple[str, ...]] = ("id",)

    objects = AuditedQuerySet.as_manager()

    class Meta:
        abstract = True


class AppendOnly(models.QuerySet):
    """Rows may be added and read. Only `audit_trail.prune` takes old ones away."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("the audit trail is append-only")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("the audit trail is append-only")

    def delete(self) -> NoReturn:
        raise TypeError("the audit trail is append-only; audit_trail.prune keeps its retention")
