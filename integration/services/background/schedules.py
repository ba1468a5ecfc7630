"""The django-q2 schedules that the settings ask for, under fixed names."""

from datetime import datetime, timedelta
from typing import Any

from croniter import croniter
from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from integration.models import IntegrationSettings

PREFIX = "rcsync "
SWEEP = f"{PREFIX}sweep"
FULL_PASS = f"{PREFIX}full pass"
FULL_CHECK = f"{PREFIX}full_check"
PRUNE = f"{PREFIX}prune"
PRUNE_CRON = "15 4 * * *"


def install() -> None:
    """Create, change and delete schedules to match the settings. Idempotent."""
    wanted = _wanted(IntegrationSettings.load())
    with transaction.atomic():
        ours = Schedule.objects.filter(name__startswith=PREFIX)
        ours.exclude(name__in=wanted).delete()
        for name, columns in wanted.items():
            _keep_one(name, columns)


def _wanted(settings: IntegrationSettings) -> dict[str, dict[str, Any]]:
    wanted = {SWEEP: _every(1, "sweep"), PRUNE: _cron(PRUNE_CRON, "prune")}
    if settings.full_pass_cron:
        wanted[FULL_PASS] = _cron(settings.full_pass_cron, "full_pass")
    elif settings.full_pass_minutes:
        wanted[FULL_PASS] = _every(settings.full_pass_minutes, "full_pass")
    if settings.full_check_cron:
        wanted[FULL_CHECK] = _cron(settings.full_check_cron, "full_check")
    return wanted


def same_hour_again(due: str) -> bool:
    """Whether the clocks were set back and the schedule has had this time of the day already.

    `due` is the moment in ISO 8601 for which django-q2 started the task. croniter names both.
    """
    if not due:
        return False
    zone = timezone.get_default_timezone()
    return timezone.localtime(datetime.fromisoformat(due), zone).fold == 1


def _every(minutes: int, task: str) -> dict[str, Any]:
    return {
        "func": f"integration.tasks.{task}",
        "schedule_type": Schedule.MINUTES,
        "minutes": minutes,
        "cron": None,
        "intended_date_kwarg": None,
        "repeats": -1,
    }


def _cron(expression: str, task: str) -> dict[str, Any]:
    return {
        "func": f"integration.tasks.{task}",
        "schedule_type": Schedule.CRON,
        "minutes": None,
        "cron": expression,
        "intended_date_kwarg": None if expression.split()[1] == "*" else "due",  # hourly: both
        "repeats": -1,
    }


def _keep_one(name: str, columns: dict[str, Any]) -> None:
    """The name is not unique in django-q2's table: two machines may have installed at once."""
    rows = list(Schedule.objects.filter(name=name).order_by("pk"))
    Schedule.objects.filter(pk__in=[row.pk for row in rows[1:]]).delete()
    if rows and all(getattr(rows[0], key) == value for key, value in columns.items()):
        return
    row = rows[0] if rows else Schedule(name=name)
    for key, value in columns.items():
        setattr(row, key, value)
    row.next_run = _first(columns)
    row.save()


def _first(columns: dict[str, Any]) -> Any:
    now = timezone.localtime()
    if columns["cron"]:
        return croniter(columns["cron"], now).get_next(type(now))
    return now + timedelta(minutes=min(columns["minutes"], 1))
