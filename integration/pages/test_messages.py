"""The buttons that send a test mail and a test message to where trouble is told."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from integration.domain.errors import SyncError
from integration.pages import access
from integration.pages.setting_sections import address
from integration.services.monitoring import notifications
from integration.translation import in_words

SECTION = "notify_emails"
ONLY_PRINTED = "console"  # in the name of the backend


@access.change(access.CHANGE_SETTINGS)
def mail(request: HttpRequest) -> HttpResponse:
    try:
        addresses = ", ".join(notifications.send_test_mail())
    except SyncError as error:
        messages.error(request, in_words(error))
    except OSError as error:  # smtplib's errors are OSErrors
        text = _("The test mail could not be sent: %(error)s. EMAIL_URL names the mail server.")
        messages.error(request, text % {"error": str(error) or type(error).__name__})
    else:
        if ONLY_PRINTED in settings.EMAIL_BACKEND:
            text = _("The test mail was only printed to the log: EMAIL_URL names no mail server.")
            messages.warning(request, text)
        else:
            text = _("A test mail for %(to)s was handed to the mail server. Check that it arrives.")
            messages.success(request, text % {"to": addresses})
    return redirect(address(SECTION))


@access.change(access.CHANGE_SETTINGS)
def message(request: HttpRequest) -> HttpResponse:
    try:
        room = notifications.send_test_message()
    except SyncError as error:
        messages.error(request, in_words(error))
    else:
        text = _("A test message was posted to %(room)s.")
        messages.success(request, text % {"room": room})
    return redirect(address(SECTION))
