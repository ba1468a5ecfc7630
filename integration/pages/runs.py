"""The page of one run: what is planned, how far it is, what came of it; and what can be done
about it.
"""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from integration.domain.errors import SyncError
from integration.domain.numbers import whole_number
from integration.domain.operations import labels
from integration.domain.outcomes import RunCause
from integration.models import AuditEntry, SyncOperation, SyncRun
from integration.pages import access, cells, pause, run_verdict
from integration.pages.downloads import CSV, download
from integration.services.admin import exports, runs, secrets, server_decisions, start_run
from integration.services.admin.audit_exports import export_audit as export_audit_trail
from integration.services.admin.run_failures import failures_by_cause
from integration.services.ledger import reading
from integration.services.runs import approval, undo_orders
from integration.services.runs.order import Order
from integration.services.sync.guard import is_about_server
from integration.translation import in_words, local

FILTERS = ("kind", "status", "course", "search")


def begin(request: HttpRequest, order: Order, *, here: bool = False) -> HttpResponse:
    """Start a run, say what came of it, and show it; while everything is paused, say that."""
    if problem := secrets.problem():
        return access.unusable(request, problem)
    if order.writes and (refusal := pause.refused(request)):
        return refusal
    run = start_run.start_run(order, here=here)
    tell(request, run)
    return redirect(address(run))


def look_at_undo(
    request: HttpRequest, run: SyncRun, chosen: Collection[int] | None
) -> HttpResponse:
    """The plan that turns `run` back, of the chosen positions (None = all). Nothing is written."""
    try:
        order = undo_orders.preview_order(run, request.user, chosen=chosen)
    except SyncError as error:
        messages.error(request, in_words(error))
        return redirect(address(run))
    return begin(request, order)


def address(run: SyncRun) -> str:
    return reverse("admin:integration_syncrun_change", args=[run.pk])


def tell(request: HttpRequest, run: SyncRun) -> None:
    """Counts, failures and a link to the run, as a message."""
    link = format_html(
        '<a class="rc-link" href="{}">{}</a>', address(run), _("Run %(n)d") % {"n": run.pk}
    )
    if run.status in runs.UNFINISHED:
        messages.info(request, format_html(_("{} is running."), link))
    elif run.status == SyncRun.Status.PLANNED:
        messages.info(
            request, format_html(_("{}: the plan is ready: {}."), link, cells.in_words(run.planned))
        )
    elif run.status == SyncRun.Status.DONE:
        messages.success(
            request, format_html(_("{}: done: {}. No failures."), link, cells.in_words(run.applied))
        )
    elif run.status == SyncRun.Status.FAILED:
        text = _("{}: done: {}. Failures: {}.")
        messages.warning(
            request, format_html(text, link, cells.in_words(run.applied), run.failed_count)
        )
    elif run.status == SyncRun.Status.QUARANTINED:
        messages.warning(request, format_html("{}: {}.", link, run.get_status_display()))
    else:
        text = format_html("{}: {}. {}", link, run.get_status_display(), local(run.message))
        is_stale = run.cause == RunCause.STALE
        messages.add_message(request, messages.WARNING if is_stale else messages.ERROR, text)


def show(request: HttpRequest, run_id: str) -> HttpResponseBase:
    """Called by the ModelAdmin, so that the page has the address of every other row."""
    return _show(request, run_id)


@access.page(access.SEE_RUNS)
def _show(request: HttpRequest, run_id: str) -> HttpResponse:
    run = get_object_or_404(SyncRun.objects.select_related("undoes"), pk=whole_number(run_id))
    chosen = {name: request.GET.get(name, "") for name in FILTERS}
    found, is_cut = runs.search(_operations(run, chosen), chosen["search"])
    page = runs.page_of(found, request.GET.get("page"))
    names = runs.course_names(row.moodle_course_id for row in page.object_list)
    rows = [(row, names.get(row.moodle_course_id or 0, "")) for row in page.object_list]
    counts = runs.statuses_in(run)
    about_server = is_about_server(run.breaches)
    context = access.context(
        request,
        f"{run.get_kind_display()} {run.pk}",
        opts=SyncRun._meta,
        original=run,
        run=run,
        progress=runs.progress(run),
        kinds=runs.by_kind(run),
        rows=rows,
        in_courses=any(course for _row, course in rows),
        page=page,
        chosen=chosen,
        filtered=any(chosen.values()),
        searched=runs.MOST_SEARCHED if is_cut else 0,
        query=_query(chosen),
        courses=runs.courses_in(run),
        statuses=_statuses(counts),
        causes=failures_by_cause(run),
        not_tried=counts.get(SyncOperation.Status.NOT_TRIED, 0),
        endpoints=sorted(run.requests.get("by_endpoint", {}).items(), key=lambda pair: -pair[1]),
        open_ends=runs.open_ends(run) if run.kind == SyncRun.Kind.APPLY else 0,
        can_apply=_can_apply(run),
        labels=labels(),
        tone=cells.tone_of(run),
        verdict=run_verdict.verdict_of(run),
        carried_out_by=run.carried_out_by.order_by("pk")[:5],
        plans_again=run_verdict.plans_again(run),
        plan_again_first=run_verdict.plans_again(run) and not _can_apply(run),
        parts=runs.parts(run),
        may_approve=request.user.has_perm(access.APPROVE),
        about_server=about_server,
        server_change=server_decisions.change() if about_server else None,
        may_change=request.user.has_perm(access.CHANGE_SETTINGS),
        duration=cells.duration(run),
        writes=run.kind in (SyncRun.Kind.APPLY, SyncRun.Kind.UNDO),
        undo_links=runs.undo_links(run),
        **_undo(request, run),
        **runs.latest_preview_choices(run),
    )
    return TemplateResponse(request, "integration/run.html", context)


def _undo(request: HttpRequest, run: SyncRun) -> dict[str, Any]:
    """What somebody who may undo can do here."""
    if not request.user.has_perm(access.UNDO):
        return {"may_undo": False}
    is_plan = runs.is_plan(run)
    return {
        "may_undo": True,
        "can_undo": runs.can_undo(run),
        "undo_plan": is_plan,
        "undo_courses": runs.courses_touched(run) if is_plan else [],
        "undo_carried_out": runs.carried_out(run) if is_plan else None,
    }


@access.page(access.SEE_RUNS)
def progress(_request: HttpRequest, run_id: int) -> JsonResponse:
    """What the live page asks for every second."""
    run = get_object_or_404(SyncRun, pk=run_id)
    now = runs.progress(run)
    return JsonResponse(
        {
            "status": now.status,
            "label": now.label,
            "tone": cells.tone_of(run),
            "phase": now.phase,
            "running": now.running,
            "stale": now.stale,
            "cancelling": now.cancelling,
            "done": now.done,
            "total": now.total,
            "failed": now.failed,
            "percent": now.percent,
            "seconds": now.seconds,
            "rate": round(now.rate, 1) if now.rate else None,
            "eta": now.eta,
        }
    )


@access.change(access.SYNC)
def cancel(request: HttpRequest, run_id: int) -> HttpResponse:
    if runs.give_up(run_id):
        messages.info(
            request,
            _(
                "The process of the run had died; the run is closed now. Sync again to "
                "continue from there."
            ),
        )
    elif runs.request_cancel(run_id):
        messages.info(
            request, _("The run stops as soon as the operations in progress are finished.")
        )
    else:
        messages.info(request, _("The run had already ended."))
    return redirect("admin:integration_syncrun_change", run_id)


@access.change(access.SYNC)
def retry(request: HttpRequest, run_id: int) -> HttpResponse:
    run = get_object_or_404(SyncRun, pk=run_id)
    if run.undoes_id is not None:
        messages.error(request, _("A sync would redo what was undone; undo the run again instead."))
        return redirect(address(run))
    return begin(request, start_run.order_to_retry(run, access.who(request)))


@access.change(access.SYNC)
def again(request: HttpRequest, run_id: int) -> HttpResponse:
    """The same look or the same sync once more, with what is true now."""
    run = get_object_or_404(SyncRun.objects.select_related("undoes"), pk=run_id)
    if run.undoes is not None:
        return look_at_undo(request, run.undoes, run.chosen)
    return begin(request, start_run.order_again(run, access.who(request)))


@access.change(access.SYNC)
def apply(request: HttpRequest, run_id: int) -> HttpResponse:
    """Exactly the plan that was looked at; the digest tells whether it still is the plan."""
    plan = get_object_or_404(SyncRun, pk=run_id)
    if not _can_apply(plan):
        messages.error(request, _("This run is not a plan that can be applied."))
        return redirect(address(plan))
    order = start_run.order_to_apply(plan, access.who(request), force="force" in request.POST)
    return begin(request, order)


@access.change(access.APPROVE)
def decide(request: HttpRequest, run_id: int) -> HttpResponse:
    """Let what waits pass, or not; with a reason."""
    run = get_object_or_404(SyncRun, pk=run_id)
    reason = request.POST.get("reason", "")
    try:
        if request.POST.get("decision") == "approve":
            return begin(request, approval.approve(run, request.user, reason))
        approval.reject(run, request.user, reason)
    except SyncError as error:
        messages.error(request, in_words(error))
    else:
        messages.success(request, _("Rejected: the waiting changes were not made."))
    return redirect(address(run))


@access.page(access.EXPORT_AUDIT)
def export_audit(_request: HttpRequest, form: str) -> StreamingHttpResponse:
    """The whole audit trail, for a spreadsheet (csv) or a program (jsonl)."""
    lines = export_audit_trail(reading.rows_by(AuditEntry.objects.all()), form)
    kinds = {"csv": CSV, "jsonl": "application/jsonl"}
    return download(f"rcsync-audit.{form}", lines, kinds[form])


@access.page(access.SEE_RUNS)
def export(request: HttpRequest, run_id: int) -> StreamingHttpResponse:
    """Every operation that the filters let through, as CSV."""
    run = get_object_or_404(SyncRun, pk=run_id)
    chosen = {name: request.GET.get(name, "") for name in FILTERS}
    rows = _operations(run, chosen).filter(runs.saying(chosen["search"]))
    lines = exports.operations_as_csv(reading.rows_by(rows, "position"), exports.names_of_courses())
    return download(f"rcsync-run-{run.pk}.csv", lines)


def _operations(run: SyncRun, chosen: Mapping[str, str]) -> QuerySet[SyncOperation]:
    """What the filters let through; the text that is searched for is none of them."""
    return runs.operations(
        run, kind=chosen["kind"], status=chosen["status"], course=chosen["course"]
    )


def _can_apply(run: SyncRun) -> bool:
    plan = run.kind in (SyncRun.Kind.PREVIEW, SyncRun.Kind.FULL_CHECK) and run.undoes_id is None
    if is_about_server(run.breaches):
        return False
    return plan and run.status == SyncRun.Status.PLANNED and bool(sum(run.planned.values()))


TONES = {
    SyncOperation.Status.PLANNED: "info",
    SyncOperation.Status.DONE: "good",
    SyncOperation.Status.FAILED: "bad",
}


def _statuses(counts: Mapping[str, int]) -> list[tuple[str, Any, int, str]]:
    """(value, label, number of operations, tone) of each result that occurs."""
    return [
        (s.value, s.label, counts[s.value], TONES.get(s, "warn"))
        for s in SyncOperation.Status
        if counts.get(s.value)
    ]


def _query(chosen: dict[str, str]) -> str:
    """The filters as they go into the addresses of other pages."""
    return urlencode({name: value for name, value in chosen.items() if value})
