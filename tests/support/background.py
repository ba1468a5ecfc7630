"""What tests of background work share: a small Moodle, a stand-in, hands that play the worker."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from demo.standin import StandIn
from integration.domain.state import EVERYTHING, Scope
from integration.models import IntegratedCourse, SyncRun, WorkerBeat
from integration.services.background import work
from integration.services.ledger.waiting import due
from integration.services.runs.order import Order
from tests.support.site import Site
from tests.support.small_moodle import STUDENT, SmallMoodle

COURSES = (10, 11, 12)
STUDENTS = 4
ENDLESS = 50


@pytest.fixture
def small_moodle() -> SmallMoodle:
    """Three courses with one group of four students each."""
    moodle = SmallMoodle()
    for course in COURSES:
        moodle.course(course)
        people = moodle.people(course * 100, STUDENTS)
        moodle.enrol(course, people)
        moodle.group(course * 10, course, f"Group {course}", people)
    return moodle


@pytest.fixture
def small_site(small_moodle: SmallMoodle, chat: StandIn, settings: Any) -> Site:
    """The small Moodle, a stand-in and rcsync with every course and the role student."""
    site = Site(chat, settings)
    site.choose(COURSES, [STUDENT])
    return site


def order(
    *courses: int, users: frozenset[int] | None = None, trigger: str = SyncRun.Trigger.ADMIN
) -> Order:
    """A sync of these courses, of everything where none is named."""
    if not courses and users is None:
        return Order(SyncRun.Kind.APPLY, trigger, EVERYTHING)
    return Order(SyncRun.Kind.APPLY, trigger, Scope(frozenset(courses) or None, users))


def play_worker(limit: int = ENDLESS) -> list[int]:
    """Take up every waiting run, the oldest first, until none is left; their numbers."""
    OrmQ.objects.all().delete()
    done: list[int] = []
    while len(done) < limit:
        pk = due(timezone.now()).order_by("pk").values_list("pk", flat=True).first()
        if pk is None:
            break
        work.work(pk)
        done.append(pk)
    return done


def clusters_alive(*names: str) -> None:
    now = timezone.now()
    WorkerBeat.objects.all().delete()
    WorkerBeat.objects.bulk_create(
        WorkerBeat(name=name, started_at=now, beat_at=now) for name in names
    )


def make_dead(run: SyncRun, *, silent: float = 3600) -> None:
    """As if its process had ended in the middle, some time ago, on another machine."""
    SyncRun.objects.filter(pk=run.pk).update(
        status=SyncRun.Status.RUNNING,
        worker="elsewhere|elsewhere|1|abc",
        alive_at=timezone.now() - timedelta(seconds=silent),
    )


def leases() -> list[str]:
    rows = IntegratedCourse.objects.exclude(lease_owner="")
    return list(rows.values_list("lease_owner", flat=True))
