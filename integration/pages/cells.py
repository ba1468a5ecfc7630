"""Cells of the admin's lists."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext, gettext_lazy, ngettext

from integration.domain.operations import kinds, labels
from integration.domain.policy import Removal
from integration.forms import described
from integration.models import AuditEntry, Conflict, IntegratedCourse, IntegrationSettings, SyncRun
from integration.services.monitoring.course_states import CourseState, CourseStatus
from integration.translation import day_and_time, local

Status = SyncRun.Status
Groups = Sequence[tuple[Any, dict[str, Any]]]

RUN_LABELS = {
    Status.QUEUED: "info",
    Status.RUNNING: "primary",
    Status.PLANNED: "info",
    Status.DONE: "success",
    Status.FAILED: "warning",
    Status.STOPPED: "warning",
    Status.QUARANTINED: "warning",
    Status.APPROVED: "success",
    Status.REFUSED: "info",
    Status.OVERTAKEN: "info",
    Status.ERROR: "danger",
    Status.INTERRUPTED: "danger",
}
CONFLICT_LABELS = {
    Conflict.Status.OPEN: "danger",
    Conflict.Status.IGNORED: "info",
    Conflict.Status.SOLVED: "success",
}
AUDIT_LABELS = {
    AuditEntry.Result.DONE: "success",
    AuditEntry.Result.FAILED: "danger",
    AuditEntry.Result.REFUSED: "warning",
}
SECRETS_IN_WORDS = ("token_in_words", "password_in_words")
SECRET_FIELDS = {
    "rocketchat_auth_token": "token_in_words",
    "rocketchat_password": "password_in_words",
    "clear_rocketchat_auth_token": "",
    "clear_rocketchat_password": "",
}
COURSE_LABELS = {
    CourseState.WAITS: gettext_lazy("Waits for approval"),
    CourseState.UNREACHABLE: gettext_lazy("Server unreachable"),
    CourseState.FAILING: gettext_lazy("Failing"),
    CourseState.PAUSED: gettext_lazy("Paused"),
    CourseState.NEVER: gettext_lazy("Not synced yet"),
    CourseState.DIFFERS: gettext_lazy("Differs"),
    CourseState.IN_STEP: gettext_lazy("In step"),
}
COURSE_TONES = {
    CourseState.WAITS: "warn",
    CourseState.UNREACHABLE: "bad",
    CourseState.FAILING: "bad",
    CourseState.PAUSED: "plain",
    CourseState.NEVER: "plain",
    CourseState.DIFFERS: "warn",
    CourseState.IN_STEP: "good",
}
LONGEST_NAME = 80  # characters of a name in a list: Moodle's groups and courses may have hundreds
SHOWN_REASONS = 3  # in a cell; the course's own page has all of them
WORST_FIRST = {
    "done": "good",
    "failed": "warn",
    "stopped": "warn",
    "planned": "info",
    "running": "info",
    "queued": "info",
    "approved": "good",
    "overtaken": "info",
    "quarantined": "warn",
    "refused": "info",
}


def without(fieldsets: Groups, replaced: dict[str, str]) -> Groups:
    """The same groups with other fields in place of some, or nothing where the other one is ""."""
    return [
        (
            title,
            {
                **options,
                "fields": tuple(filter(None, (replaced.get(f, f) for f in options["fields"]))),
            },
        )
        for title, options in fieldsets
    ]


def complete(fieldsets: Groups) -> Groups:
    """With a last group of the settings that no group names, so that a new one cannot be
    forgotten.
    """
    known = [f.name for f in IntegrationSettings._meta.fields if f.editable and f.name != "id"]
    named = {field for _title, options in fieldsets for field in options["fields"]}
    rest = tuple(name for name in known if name not in named)
    return [*fieldsets, (gettext("More"), {"fields": rest})] if rest else fieldsets


def secret_in_words(row: IntegrationSettings, key: str) -> str:
    if settings.ROCKETCHAT[key]:
        return gettext("set by the environment")
    return str(described(getattr(row, f"rocketchat_{key}"))).split(".")[0]


def tone_of(run: SyncRun) -> str:
    """good, warn, bad or info: the colour of the run's badge."""
    return WORST_FIRST.get(run.status, "bad")


def badge(text: Any, tone: str) -> SafeString:
    return format_html('<span class="rc-badge rc-{}">{}</span>', tone, text)


def switch(on: bool) -> SafeString:
    """Off is no mistake, so it gets no red cross."""
    return badge(gettext("on"), "good") if on else badge(gettext("off"), "plain")


def course_state(row: IntegratedCourse, status: CourseStatus) -> SafeString:
    """While a run holds the course, its progress takes the place of the state."""
    run = _running(row)
    if run:
        return format_html(
            '<a class="rc-mini" href="{}" data-run="{}" data-progress="{}">'
            '<progress max="100"></progress> <span>{}</span></a>',
            reverse("admin:integration_syncrun_change", args=[run]),
            run,
            reverse("rcsync:progress", args=[run]),
            gettext("running"),
        )
    parts = [state_badge(status)]
    if row.pending_sync:
        parts.append(badge(gettext("pending"), "info"))
    shown = [shortened(local(reason), 90) for reason in status.reasons[:SHOWN_REASONS]]
    parts += [format_html('<small class="rc-reason">{}</small>', text) for text in shown]
    inner = format_html("{} " * len(parts), *parts)
    return format_html('<span class="rc-state">{}</span>', inner)


def state_badge(status: CourseStatus) -> SafeString:
    """With a link to the run, where a person has to look at it."""
    found = badge(COURSE_LABELS[status.state], COURSE_TONES[status.state])
    if status.state not in (CourseState.WAITS, CourseState.FAILING, CourseState.UNREACHABLE):
        return found
    if not status.run:
        return found
    url = reverse("admin:integration_syncrun_change", args=[status.run])
    return format_html('<a class="rc-badge-link" href="{}">{}</a>', url, found)


def waiting_in_words(by_kind: dict[str, int]) -> str:
    """What waits for approval: "9 channels, 3 memberships"."""
    counted = {kind: operation.counts_as for kind, operation in kinds().items()}
    counts: Counter[Removal | None] = Counter()
    for kind, number in by_kind.items():
        counts[counted.get(kind)] += number
    rest = counts[None]
    texts = {
        Removal.CHANNELS: ngettext("%(n)d channel", "%(n)d channels", counts[Removal.CHANNELS]),
        Removal.MEMBERSHIPS: ngettext(
            "%(n)d membership", "%(n)d memberships", counts[Removal.MEMBERSHIPS]
        ),
        Removal.ACCOUNTS: ngettext("%(n)d account", "%(n)d accounts", counts[Removal.ACCOUNTS]),
        Removal.RENAMES: ngettext("%(n)d rename", "%(n)d renames", counts[Removal.RENAMES]),
    }
    parts = [texts[what] % {"n": counts[what]} for what in texts if counts[what]]
    if rest:
        parts.append(ngettext("%(n)d change", "%(n)d changes", rest) % {"n": rest})
    return ", ".join(parts) or gettext("everything")


def _running(row: IntegratedCourse) -> int | None:
    """The number of the run that holds the lease (its owner is "run 5")."""
    live = row.lease_expires is not None and row.lease_expires > timezone.now()
    number = row.lease_owner.removeprefix("run ")
    return int(number) if live and number.isdecimal() else None


def run_link(run: SyncRun | None) -> SafeString | str:
    if run is None:
        return gettext("never")
    return format_html(
        '<a class="rc-link" href="{}">{}</a>',
        reverse("admin:integration_syncrun_change", args=[run.pk]),
        day_and_time(run.started_at),
    )


def next_run(row: Any) -> str:
    """`row` is a course of `lists.courses`."""
    if row.pending_sync:
        return gettext("at the next full pass")
    if not row.background_sync:
        return gettext("only by hand")
    if row.next_pass is None or row.next_pass < timezone.now():  # no worker, or any moment now
        return gettext("as scheduled")
    return day_and_time(row.next_pass)


def copy_link(path: str) -> SafeString | str:
    """A button that copies the address of `path`, a path on this site; nothing for "". The page
    needs copy.js, which every page of the admin has.
    """
    if not path:
        return ""
    return format_html(
        '<button type="button" class="rc-copy" data-copy="{}" data-copied="{}">{}</button>',
        path,
        gettext("Copied"),
        gettext("Copy link"),
    )


def when(moment: datetime) -> SafeString:
    return on_one_line(day_and_time(moment))


def on_one_line(text: str) -> SafeString:
    """So that rows stay low."""
    return format_html('<span class="rc-nowrap">{}</span>', text)


def shortened(text: str, length: int) -> str:
    """For a cell; the whole text is on the row's own page."""
    return Truncator(text).chars(length)


def clipped(text: str) -> SafeString | str:
    """Of a name that would fill a list its beginning; the whole name shows when it is pointed at,
    and stands on the row's own page.
    """
    if len(text) <= LONGEST_NAME:
        return text
    return format_html('<span title="{}">{}</span>', text, shortened(text, LONGEST_NAME))


def moment(seconds: int) -> str:
    """Unix seconds as a date and time where the person is."""
    return day_and_time(datetime.fromtimestamp(seconds, UTC))


def duration(run: SyncRun) -> str:
    """In the largest unit that says enough."""
    seconds = int(((run.finished_at or timezone.now()) - run.started_at).total_seconds())
    if seconds < 1:
        return gettext("under a second")
    if seconds < 60:
        return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    minutes = seconds // 60
    if minutes < 120:
        return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    return ngettext("%(n)d hour", "%(n)d hours", minutes // 60) % {"n": minutes // 60}


def what(run: SyncRun) -> str:
    """Its kind and what began it; of an undo, and of a look at one, which run it is about."""
    text = f"{run.get_kind_display()} · {run.get_trigger_display()}"
    if run.undoes_id is None:
        return text
    turned_back = gettext("undoes run %(n)d") % {"n": run.undoes_id}
    return f"{text} · {turned_back}"


def changes(run: SyncRun) -> str:
    """How many operations were done, or planned."""
    if run.status == Status.PLANNED:
        number = sum(run.planned.values())
        return ngettext("%(n)d planned", "%(n)d planned", number) % {"n": number}
    return str(sum(run.applied.values()) or run.done_count)


def in_words(counts: dict[str, int]) -> str:
    """ "3 × create account, 2 × add members"."""
    found = [
        f"{counts[kind]} × {gettext(label)}" for kind, label in labels().items() if counts.get(kind)
    ]
    return ", ".join(found) or gettext("nothing to do")
