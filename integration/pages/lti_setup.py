"""Setting up the Moodle activity (LTI): what to copy into Moodle, and does it work?"""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from integration.models import LtiPlatform
from integration.pages import access, lti
from integration.services.in_course import lti as tool
from integration.services.in_course.lti import own_keys, platform_keys, registration
from integration.services.in_course.lti.fetch import FetchFailed


@access.page(access.SEE_LTI)
def show(request: HttpRequest) -> HttpResponse:
    return _page(request)


@access.change(access.CHANGE_LTI, with_secrets=False)
def new_link(request: HttpRequest) -> HttpResponse:
    """Shown once, and in no log: whoever has it may register a Moodle here within a day."""
    own_keys.current_key()
    path = reverse("rcsync:lti_register", args=[registration.new_link_token()])
    return _page(request, link=request.build_absolute_uri(path))


@access.change(access.CHANGE_LTI, with_secrets=False)
def new_key(request: HttpRequest) -> HttpResponse:
    own_keys.rotate()
    messages.success(
        request,
        gettext("There is a new key. The old one stays published for seven days."),
    )
    return redirect("rcsync:lti_setup")


@access.change(access.CHANGE_LTI, with_secrets=False)
def test_keys(request: HttpRequest) -> HttpResponse:
    """Our own key, and those of every registered Moodle, read now."""
    if own_keys.check(own_keys.current_key()):
        messages.success(request, gettext("rcsync's own key works."))
    for platform in LtiPlatform.objects.filter(enabled=True):
        _test(request, platform)
    return redirect("rcsync:lti_setup")


def _test(request: HttpRequest, platform: LtiPlatform) -> None:
    try:
        number = len(platform_keys.published(platform))
    except FetchFailed as error:
        messages.error(request, f"{platform}: {error}")
        return
    text = ngettext("%(name)s: %(n)d key", "%(name)s: %(n)d keys", number)
    level = messages.success if number else messages.error
    level(request, text % {"name": platform, "n": number})


def _page(request: HttpRequest, link: str = "") -> HttpResponse:
    may_change = request.user.has_perm(access.CHANGE_LTI)
    installed = tool.is_installed()
    if installed and may_change:
        own_keys.current_key()  # so that Moodle finds a key when the addresses are pasted
    context = access.context(
        request,
        gettext("Moodle activity (LTI)"),
        installed=installed,
        install=tool.INSTALL,
        ours=lti.addresses(request),
        platforms=LtiPlatform.objects.prefetch_related("deployments"),
        link=link,
        may_change=may_change,
        secure=request.is_secure(),
    )
    return TemplateResponse(request, "integration/lti_setup.html", context)
