"""Pause everything: the page with the switch, and the banner on every page."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from integration import __version__
from integration.domain.errors import SyncError
from integration.models import SyncRun
from integration.pages import access, guide
from integration.services.background import queue
from integration.services.ledger import pauses
from integration.services.ledger.safety import WRITING
from integration.translation import in_words


@access.page(access.SYNC)
def show(request: HttpRequest) -> HttpResponse:
    """The switch, and what waits."""
    runs = SyncRun.objects.filter(kind__in=WRITING)
    context = access.context(
        request,
        _("Pause everything"),
        at_the_switch=True,
        waiting=runs.filter(status=SyncRun.Status.QUEUED).count(),
        running=list(runs.filter(status=SyncRun.Status.RUNNING).order_by("pk")[:10]),
    )
    return TemplateResponse(request, "integration/pause.html", context)


@access.change(access.SYNC, with_secrets=False)
def pause(request: HttpRequest) -> HttpResponse:
    try:
        pauses.pause(access.who(request), request.POST.get("reason", ""))
    except SyncError as error:
        messages.error(request, in_words(error))
    else:
        messages.success(request, _("Everything is paused. Runs in progress stop within seconds."))
    return redirect("rcsync:pause")


@access.change(access.SYNC, with_secrets=False)
def resume(request: HttpRequest) -> HttpResponse:
    if queue.resume(access.who(request)):
        messages.success(request, _("Resumed. Waiting runs start now."))
    else:
        messages.info(request, _("Nothing was paused."))
    return redirect("rcsync:pause")


def refused(request: HttpRequest) -> HttpResponse | None:
    """In place of a run that would write while everything is paused: the page of the pause."""
    try:
        pauses.check()
    except SyncError as error:
        messages.error(request, in_words(error))
        return redirect("rcsync:pause")
    return None


def for_every_page(request: HttpRequest) -> dict[str, Any]:
    """Unfold asks for this on each page of the admin: the pause (one query), help, version."""
    if not request.user.is_staff:
        return {}
    return {
        "pause": pauses.current(),
        "may_pause": access.may_sync(request),
        "help_url": guide.address_for(request),
        "version": __version__,
    }
