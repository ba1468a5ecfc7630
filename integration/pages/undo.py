"""Turning a run back: first a look at the plan, then exactly that, with a reason."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from integration.domain.errors import SyncError
from integration.models import SyncRun
from integration.pages import access, runs
from integration.services.admin.runs import is_plan, positions
from integration.services.runs import undo_orders
from integration.translation import in_words


@access.change(access.UNDO)
def preview_page(request: HttpRequest, run_id: int) -> HttpResponse:
    """Make the plan, of the whole run or of the ticked operations. Nothing is written."""
    run = get_object_or_404(SyncRun, pk=run_id)
    chosen = None
    if "chosen" in request.POST:
        chosen = positions(request.POST.getlist("operation"))
        if not chosen:
            messages.warning(request, _("Tick the operations that are to be undone."))
            return redirect(f"{runs.address(run)}#operations")
    return runs.look_at_undo(request, run, chosen)


@access.change(access.UNDO)
def carry_out(request: HttpRequest, run_id: int) -> HttpResponse:
    """Exactly the plan that was looked at; its digest tells whether it still is the plan."""
    plan = get_object_or_404(SyncRun.objects.select_related("undoes"), pk=run_id)
    if plan.undoes is None or not is_plan(plan):
        messages.error(request, _("This run is not a plan of an undo."))
        return redirect(runs.address(plan))
    keep = "keep_syncing" in request.POST
    try:
        order = undo_orders.undo(
            plan.undoes,
            request.user,
            request.POST.get("reason", ""),
            chosen=plan.chosen,
            expect_digest=plan.digest,
            keep_syncing=keep,
            force="force" in request.POST,
        )
    except SyncError as error:
        messages.error(request, in_words(error))
        return redirect(runs.address(plan))
    if not keep:
        messages.info(
            request,
            _(
                "When the undo starts, the courses of that run are taken out of automatic "
                "sync; switch it on again under Integrated courses."
            ),
        )
    return runs.begin(request, order)
