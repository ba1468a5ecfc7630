"""The box on top of a run's page: what came of it in one sentence, and what to do now."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integration.domain.outcomes import RunCause
from integration.models import SyncRun
from integration.services.admin import start_run
from integration.services.monitoring.course_states import differences_of
from integration.services.sync.guard import SAY_WHICH_SERVER, are_about_renames, is_about_server
from integration.translation import day_and_time, local

Status = SyncRun.Status


@dataclass(frozen=True, slots=True)
class Verdict:
    """`tone` is good, warn, bad or info; `texts` are paragraphs and `reasons` a list below them."""

    tone: str
    title: str
    texts: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def verdict_of(run: SyncRun) -> Verdict | None:
    """None while the run works, and where its counts say everything."""
    if run.status in (Status.QUEUED, Status.RUNNING):
        return None
    special = BY_STATUS.get(run.status)
    if special is not None:
        return special(run)
    if run.forced and run.breaches:
        return _passed_on_purpose(run)
    if not sum(run.planned.values()) and run.undoes_id is None:
        return _nothing_to_change(run)
    return _plain(run, "warn") if run.message or run.hint else None


def _plain(run: SyncRun, tone: str, title: str = "") -> Verdict:
    texts = (local(run.message), local(run.hint))
    return Verdict(tone, title or run.get_status_display(), tuple(filter(None, texts)))


def _waits(run: SyncRun) -> Verdict:
    done = _("Nothing was changed.")
    if run.done_count:
        done = _("Only what adds something was done.")
    if run.done_count and are_about_renames(run.breaches):
        done = _("Everything else was done.")
    title = ngettext(
        "%(n)d change waits for a decision", "%(n)d changes wait for a decision", run.held_count
    )
    if not run.held_count:
        title = _("This run waits for a decision")
    if is_about_server(run.breaches):
        return _plain(run, "bad", _("Another Rocket.Chat workspace answered"))
    return Verdict("warn", title % {"n": run.held_count}, (local(run.message), done))


def _decided(run: SyncRun) -> Verdict:
    rejected = run.status == Status.REFUSED
    values = {
        "who": run.decided_by,
        "day": day_and_time(run.decided_at) if run.decided_at else "",
    }
    title = _("Rejected by %(who)s on %(day)s") if rejected else _("Approved by %(who)s on %(day)s")
    texts = [_("Reason: %(reason)s") % {"reason": run.decision_reason}, local(run.message)]
    if rejected:
        texts.append(
            _(
                "The waiting changes were not made. A later run that plans the same changes "
                "asks again."
            )
        )
    return Verdict("info", title % values, tuple(filter(None, texts)))


def _overtaken(run: SyncRun) -> Verdict:
    text = _("A later run checked the same courses. See there what is waiting now.")
    return Verdict("info", run.get_status_display(), (text,))


def _error(run: SyncRun) -> Verdict:
    if run.cause == RunCause.STALE:
        texts = (local(run.message), _("Nothing was done. Plan again and review the new plan."))
        return Verdict("warn", _("The plan was not carried out"), texts)
    if run.cause == RunCause.BUSY:
        return _plain(run, "info", _("The run did not start"))
    return _plain(run, "bad")


def _planned(run: SyncRun) -> Verdict | None:
    if is_about_server(run.breaches):
        texts = (local(run.message), local(SAY_WHICH_SERVER))
        return Verdict("bad", _("Another Rocket.Chat workspace answered"), texts)
    if run.breaches:
        title = _("This plan exceeds a limit")
        text = _("A sync would hold back the changes beyond the limit until somebody decides.")
        return Verdict("warn", title, (local(run.message), text))
    if sum(run.planned.values()):
        return None
    if run.undoes_id is not None:
        text = _("Everything has changed since that run; the reasons are listed below.")
        return Verdict("warn", _("Nothing can be undone"), (text,))
    return _nothing_to_change(run)


def _passed_on_purpose(run: SyncRun) -> Verdict:
    who = run.actor or run.get_trigger_display()
    title = _("Limit passed on purpose by %(who)s") % {"who": who}
    return Verdict("info", title, (local(run.message),))


def _nothing_to_change(run: SyncRun) -> Verdict:
    """Green only where Rocket.Chat really is as Moodle asks."""
    reasons = [local(one.in_words()) for one in differences_of(run.differences)]
    reasons += [local(skip["reason"]) for skip in run.skips if skip["subject"] == "settings"]
    if run.conflict_count:
        text = ngettext(
            "%(n)d conflict is not decided", "%(n)d conflicts are not decided", run.conflict_count
        )
        reasons.append(text % {"n": run.conflict_count})
    if reasons:
        title = _("Nothing to change now, but Rocket.Chat differs from Moodle")
        return Verdict("warn", title, reasons=tuple(reasons))
    if run.scope.get("users") is not None:
        return Verdict("good", _("Nothing to change for these people"))
    if run.status == Status.PLANNED:
        return Verdict("good", _("Nothing to do"), (_("Rocket.Chat is in step with Moodle."),))
    text = _("Rocket.Chat was in step with Moodle already.")
    return Verdict("good", _("Nothing had to be changed"), (text,))


BY_STATUS: dict[str, Callable[[SyncRun], Verdict | None]] = {
    Status.QUARANTINED: _waits,
    Status.REFUSED: _decided,
    Status.APPROVED: _decided,
    Status.OVERTAKEN: _overtaken,
    Status.PLANNED: _planned,
    Status.ERROR: _error,
    Status.STOPPED: lambda run: _plain(run, "warn"),
    Status.INTERRUPTED: lambda run: _plain(run, "bad"),
}


def plans_again(run: SyncRun) -> bool:
    """Whether the next step is a look at a new plan, and not the same sync once more."""
    refused = run.status in start_run.REFUSED or run.cause == RunCause.STALE
    return refused or run.kind != SyncRun.Kind.APPLY
