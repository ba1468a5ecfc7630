"""Old rows go in bounded steps: one statement over millions would hold the table for minutes and
fill the log of the database.
"""

from typing import Any

from django.db.models import QuerySet

STEP = 5_000  # rows of one statement


def delete_in_steps(rows: QuerySet[Any]) -> int:
    """Delete all of them, the first in their order first; how many. Cut off, it leaves the rest."""
    number = 0
    while keys := list(rows.values_list("pk", flat=True)[:STEP]):
        # Past the manager: entries of the audit trail refuse to be deleted by anybody else.
        QuerySet(rows.model, using=rows.db).filter(pk__in=keys).delete()
        number += len(keys)
    return number
