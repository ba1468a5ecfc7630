"""The guide inside the admin, and which part of it belongs to a page."""

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import get_language

from integration.pages import access
from integration.services.admin import guide as guides

# The beginning of a page's address, and the heading of docs/admin-guide.md that explains it.
HEADINGS = (
    ("/admin/integration/integrationsettings/", "Ten minutes to the first sync"),
    ("/admin/integration/groupregexfilter/", "Ten minutes to the first sync"),
    ("/admin/choose-roles/", "Ten minutes to the first sync"),
    ("/admin/add-courses/", "Ten minutes to the first sync"),
    ("/admin/integration/syncrun/", "While it runs, and afterwards"),
    ("/admin/integration/conflict", "Conflicts"),
    ("/admin/why/", "Why is somebody in a channel, or not?"),
    ("/admin/pause/", "Pause everything"),
    ("/admin/auth/", "Who may do what"),
    ("/admin/integration/channellink/", "Channels, accounts and letting go"),
    ("/admin/integration/accountlink/", "Channels, accounts and letting go"),
)


@access.page()
def show(request: HttpRequest, name: str = guides.FIRST) -> HttpResponse:
    found = guides.guide(name, reverse("rcsync:help"), get_language() or guides.ENGLISH)
    if found is None:
        raise Http404(name)
    context = access.context(request, found.title, guide=found)
    return TemplateResponse(request, "integration/guide.html", context)


def address_for(request: HttpRequest) -> str:
    """Of the part of the guide that explains this page."""
    root = reverse("rcsync:help")
    for beginning, heading in HEADINGS:
        if request.path.startswith(beginning):
            return f"{root}#{guides.anchor_of(heading)}"
    return root
