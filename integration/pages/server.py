"""The two answers to "is this still the same Rocket.Chat?", which the start page asks."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext

from integration.domain.errors import SyncError
from integration.pages import access
from integration.services.admin import server_decisions
from integration.translation import in_words


@access.change(access.CHANGE_SETTINGS)
def decide(request: HttpRequest) -> HttpResponse:
    """moved or new, for the workspace that the page showed."""
    now, reason = request.POST.get("now", ""), request.POST.get("reason", "")
    try:
        if request.POST.get("decision") == "moved":
            server_decisions.moved(now, reason)
            messages.success(
                request, gettext("The same workspace: the next sync continues with it.")
            )
        elif request.POST.get("decision") == "new":
            server_decisions.replaced(now, reason)
            text = gettext("A new workspace: all links were removed. Check a preview, then sync.")
            messages.success(request, text)
    except SyncError as error:
        messages.error(request, in_words(error))
    return redirect("admin:index")
