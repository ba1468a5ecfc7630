"""What failed and is not repaired, as a mail: daily, or when it changes."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.core.mail import send_mail
from django.utils import timezone
from django.utils.translation import gettext as _

from integration.domain.conflicts import DRIFT
from integration.models import (
    Conflict,
    IntegratedCourse,
    IntegrationSettings,
    Notice,
    SyncOperation,
)
from integration.services.monitoring.course_states import CourseState, CourseStatus, course_states
from integration.services.monitoring.failures import BrokenRuns, broken_runs, open_failures
from integration.translation import day_and_time, local

logger = logging.getLogger(__name__)

TOPIC = "digest"
MAX_SHOWN_FAILURES = 200
MAX_SHOWN_COURSES = 50
TOLD = (CourseState.WAITS, CourseState.UNREACHABLE, CourseState.FAILING)


@dataclass(frozen=True, slots=True)
class Findings:
    """What the mail is about. `courses`: name and reasons of those whose state is bad. `drift`:
    what was changed in Rocket.Chat so that rcsync cannot keep it.
    """

    failures: Sequence[SyncOperation] = ()
    broken: Sequence[BrokenRuns] = ()
    courses: Sequence[tuple[str, CourseStatus]] = ()
    drift: Sequence[Conflict] = ()

    @property
    def bad(self) -> bool:
        return bool(self.failures or self.broken or self.courses or self.drift)

    @property
    def mark(self) -> str:
        """The same for the same findings, whichever run had them."""
        keys = sorted(
            (row.kind, row.moodle_group_id or 0, row.moodle_user_id or 0) for row in self.failures
        )
        causes = sorted({one.last.cause for one in self.broken})
        states = sorted((name, status.state.value) for name, status in self.courses)
        drift = sorted(one.pk for one in self.drift)
        if not self.bad:
            return "none"
        return hashlib.sha256(repr((keys, causes, states, drift)).encode()).hexdigest()


def find() -> Findings:
    """A fixed number of queries."""
    keys = open_failures().keys
    failures = list(SyncOperation.objects.filter(pk__in=keys).defer("details").order_by("-pk"))
    states = course_states().courses
    bad = {pk: status for pk, status in states.items() if status.state in TOLD}
    rows = IntegratedCourse.objects.filter(pk__in=bad).only("course_id", "shortname")
    courses = [(str(row), bad[row.pk]) for row in rows]
    return Findings(failures, broken_runs(), courses, open_drift())


def open_drift() -> list[Conflict]:
    """An ignored one is not told."""
    return list(Conflict.objects.filter(kind__in=DRIFT, status=Conflict.Status.OPEN).order_by("pk"))


def compose(found: Findings) -> str:
    """The mail: a paragraph for each reason why runs could not work, for the courses that are not
    well, for what was changed in Rocket.Chat, and for each failure.
    """
    parts = [
        *_broken(found.broken),
        *_courses(found.courses),
        *_drift(found.drift),
        *_failures(found.failures),
    ]
    return "\n\n".join(parts)


def _broken(broken: Sequence[BrokenRuns]) -> list[str]:
    text = _("Runs that failed as a whole, since %(since)s: %(message)s %(hint)s")
    return [
        (
            text
            % {
                "since": day_and_time(one.since),
                "message": local(one.last.message),
                "hint": local(one.last.hint),
            }
        ).strip()
        for one in broken
    ]


def _courses(courses: Sequence[tuple[str, CourseStatus]]) -> list[str]:
    if not courses:
        return []
    shown = courses[:MAX_SHOWN_COURSES]
    lines = [f"  {name}: {local(status.reasons[0])}" for name, status in shown]
    if len(courses) > len(shown):
        lines.append("  " + _("… and %d more.") % (len(courses) - len(shown)))
    return ["\n".join([_("Courses that need attention:"), *lines])]


def _drift(drift: Sequence[Conflict]) -> list[str]:
    if not drift:
        return []
    lines = [
        f"  {one.get_kind_display()}: {local(one.rocketchat_side)}. {local(one.advice)}"
        for one in drift[:MAX_SHOWN_FAILURES]
    ]
    if len(drift) > len(lines):
        lines.append("  " + _("… and %d more.") % (len(drift) - len(lines)))
    return ["\n".join([_("Changed in Rocket.Chat, so that rcsync cannot keep it:"), *lines])]


def _failures(failures: Sequence[SyncOperation]) -> list[str]:
    paragraphs = [
        "\n  ".join(
            line
            for line in (
                local(row.description),
                _("Why: %s") % local(row.reason),
                _("Error: %s") % local(row.error),
                _("Rocket.Chat said: %s") % row.answer if row.answer else "",
                _("What to do: %s") % local(row.hint) if row.hint else "",
            )
            if line
        )
        for row in failures[:MAX_SHOWN_FAILURES]
    ]
    if len(failures) > MAX_SHOWN_FAILURES:
        paragraphs.append(_("… and %d more.") % (len(failures) - MAX_SHOWN_FAILURES))
    return paragraphs


def send_if_due(settings: IntegrationSettings) -> bool:
    """Send it if the settings and the time since the last one say so. One of several machines
    sends.
    """
    addresses = settings.notify_emails.replace(",", " ").split()
    if settings.digest == "off" or not addresses:
        return False
    found = find()
    mark = found.mark
    row, _made = Notice.objects.get_or_create(topic=TOPIC)
    if not _is_due(row, settings.digest, mark, found.bad):
        return False
    now = timezone.now()
    taken = Notice.objects.filter(topic=TOPIC, detail=row.detail, changed_at=row.changed_at)
    if not taken.update(detail=mark, changed_at=now, bad=found.bad):
        return False
    try:
        _send(found, addresses)
    except OSError as error:
        logger.error("the digest could not be sent: %s", error)  # noqa: TRY400
        Notice.objects.filter(topic=TOPIC, detail=mark, changed_at=now).update(
            detail=row.detail, changed_at=row.changed_at, bad=row.bad
        )
        return False
    return True


def _is_due(row: Notice, rhythm: str, mark: str, failing: bool) -> bool:
    if rhythm == "change":
        return mark != row.detail and (failing or row.bad)
    return failing and (not row.detail or timezone.now() - row.changed_at >= timedelta(days=1))


def _send(found: Findings, addresses: Sequence[str]) -> None:
    if found.bad:
        subject = _subject(found)
        text = compose(found)
    else:
        subject = _("rcsync: no more failures")
        text = _("All failed operations have been repaired.")
    send_mail(subject, text, None, list(addresses))


def _subject(found: Findings) -> str:
    if found.failures:
        return _("rcsync: %d operations failed") % len(found.failures)
    if found.broken:
        return _("rcsync: runs fail as a whole")
    return _("rcsync: %d courses need attention") % len(found.courses)
