"""The start page: state at a glance, what to do next, and on an empty installation the way
there.
"""

from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from integration.domain.outcomes import RunCause
from integration.pages import access, cells
from integration.services.admin import secrets, server_decisions
from integration.services.admin.dashboard import Day, Overview, Steps, overview
from integration.translation import local

CHART = 120  # height of the chart's bars


class Step(NamedTuple):
    """One line of the checklist."""

    done: bool
    title: str
    text: str
    url: str
    action: str


class Bar(NamedTuple):
    """One day of the chart; heights in parts of CHART."""

    day: str
    label: str
    added: int
    removed: int
    failed: int
    x: int
    heights: tuple[int, int, int]
    tops: tuple[int, int, int]


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold asks for this before it shows the start page."""
    context["may_sync"] = access.may_sync(request)
    if not request.user.has_perm(access.SEE_COURSES):
        return {**context, "nothing_to_see": True, "title": _("Start")}
    state = overview()
    steps = _steps(state.steps)
    problem = secrets.problem()
    return {
        **context,
        "title": _("Start"),
        "problem": problem,
        "unreadable": bool(problem),
        "may_change": request.user.has_perm(access.CHANGE_SETTINGS),
        "state": state,
        "state_counts": _state_counts(state),
        "waiting_runs": [
            (run.pk, cells.waiting_in_words(run.by_kind))
            for run in state.waiting_runs
            if not run.about_server
        ],
        "outage": _outage(state),
        "server_change": server_decisions.change(),
        "steps": steps,
        "steps_done": sum(step.done for step in steps),
        "next_step": next((step for step in steps if not step.done), None),
        "bars": _bars(state.days),
        "chart_width": 44 * len(state.days),
        "runs": [
            (run, cells.tone_of(run), cells.duration(run), cells.changes(run)) for run in state.runs
        ],
    }


def _state_counts(state: Overview) -> list[tuple[str, Any, str, int]]:
    """(state, label, tone, number of courses), without the states that no course is in."""
    counts = state.states.counts
    return [
        (name.value, label, cells.COURSE_TONES[name], counts[name])
        for name, label in cells.COURSE_LABELS.items()
        if counts[name]
    ]


def _outage(state: Overview) -> dict[str, Any] | None:
    """Which server could not be reached, since when, and what the last run says about it."""
    found = state.outage
    if found is None:
        return None
    since = timezone.localtime(found.since)
    today = since.date() == timezone.localdate()
    texts = {
        RunCause.CHAT_AWAY: _("Rocket.Chat cannot be reached since %(since)s"),
        RunCause.MOODLE: _("Moodle cannot be read since %(since)s"),
    }
    shown = date_format(since, "TIME_FORMAT" if today else "DATETIME_FORMAT")
    return {
        "title": texts[RunCause(found.cause)] % {"since": shown},
        "message": found.last.message,
        "hint": found.last.hint,
        "run": found.last.pk,
    }


def _steps(done: Steps) -> list[Step]:
    settings = reverse("admin:integration_integrationsettings_changelist")
    courses = reverse("admin:integration_integratedcourse_changelist")
    return [
        Step(
            done.moodle,
            _("Connect Moodle"),
            _(
                "Set MOODLE_DATABASE_URL in rcsync's environment to a read-only account "
                "of Moodle's database."
            ),
            reverse("rcsync:checks"),
            _("Test connections"),
        ),
        Step(
            done.rocketchat,
            _("Connect Rocket.Chat"),
            local(done.chat_problem)
            or _("Give the address of Rocket.Chat and the account that rcsync works with."),
            settings,
            _("Open settings"),
        ),
        Step(
            done.roles,
            _("Choose roles"),
            _("Only people with one of these roles in Moodle are added to channels."),
            reverse("rcsync:roles"),
            _("Choose roles"),
        ),
        Step(
            done.patterns,
            _("Add group patterns"),
            _("Choose by name which groups get a channel."),
            reverse("admin:integration_groupregexfilter_add"),
            _("Add a pattern"),
        ),
        Step(
            done.courses,
            _("Choose courses"),
            _("Search Moodle and add courses, one by one or a whole category."),
            reverse("rcsync:courses"),
            _("Add courses"),
        ),
        Step(
            done.previewed,
            _("Review the plan"),
            _("See every change with its reason. Nothing is written."),
            "preview",
            _("Preview everything"),
        ),
        Step(
            done.synced,
            _("Sync for the first time"),
            _("Apply exactly the plan you reviewed."),
            reverse("admin:integration_syncrun_changelist"),
            _("Open runs"),
        ),
        Step(
            done.background,
            _("Switch on background sync"),
            _(
                "Start the worker (./rcsync worker) and leave background sync on for the "
                "courses: rcsync then keeps them in step by itself."
            ),
            courses,
            _("Open courses"),
        ),
    ]


def _bars(days: list[Day]) -> list[Bar]:
    """The chart as numbers: each day's three parts stand on one another."""
    most = max((day.added + day.removed + day.failed for day in days), default=0) or 1
    bars = []
    for number, day in enumerate(days):
        parts = (day.added, day.removed, day.failed)
        heights = tuple(max(2, round(CHART * part / most)) if part else 0 for part in parts)
        tops, top = [], CHART
        for height in heights:
            top -= height
            tops.append(max(0, top))
        text = _("%(day)s: %(added)d added, %(removed)d removed, %(failed)d failed") % {
            "day": date_format(day.day, "DATE_FORMAT"),
            "added": day.added,
            "removed": day.removed,
            "failed": day.failed,
        }
        bars.append(
            Bar(date_format(day.day, "j M"), text, *parts, 44 * number + 8, heights, tuple(tops))  # type: ignore[arg-type]
        )
    return bars
