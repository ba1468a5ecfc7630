"""The buttons that test the notification: what was sent where, or why not."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client

from integration.models import IntegrationSettings
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

SECTION = "/admin/integration/integrationsettings/1/change/?section=notify_emails"


def press(client: Client, path: str) -> str:
    page = client.post(path, follow=True)
    assert page.redirect_chain[-1][0] == SECTION
    return page.content.decode()


def test_a_test_mail_goes_to_the_saved_addresses(administrator: Client, site: Site) -> None:
    assert "No e-mail address is set" in press(administrator, "/admin/test-mail/")
    IntegrationSettings(notify_emails="a@example.org\nb@example.org").save()
    assert "a@example.org, b@example.org" in press(administrator, "/admin/test-mail/")
    assert mail.outbox[0].to == ["a@example.org", "b@example.org"]
    assert "This is a test" in mail.outbox[0].body


def test_a_mail_that_cannot_be_sent_says_why(
    administrator: Client, site: Site, settings: Any
) -> None:
    IntegrationSettings(notify_emails="a@example.org").save()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens
    page = press(administrator, "/admin/test-mail/")
    assert "could not be sent" in page
    assert "refused" in page


def test_a_mail_that_is_only_printed_is_not_called_sent(
    administrator: Client, site: Site, settings: Any
) -> None:
    IntegrationSettings(notify_emails="a@example.org").save()
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert "only printed to the log" in press(administrator, "/admin/test-mail/")


def test_a_test_message_is_posted_to_the_saved_channel(administrator: Client, site: Site) -> None:
    assert "No channel is set" in press(administrator, "/admin/test-message/")
    IntegrationSettings(notify_room="#general").save()
    assert "posted to #general" in press(administrator, "/admin/test-message/")
    IntegrationSettings(notify_room="#no-such-room").save()
    page = press(administrator, "/admin/test-message/")
    assert "posted to" not in page


def test_only_who_may_change_settings_may_test(operator: Client, site: Site) -> None:
    assert operator.post("/admin/test-mail/").status_code == 403
    assert operator.post("/admin/test-message/").status_code == 403


def test_the_buttons_stand_in_the_section(administrator: Client, site: Site) -> None:
    page = administrator.get(SECTION).content.decode()
    assert "Send a test mail" in page
    assert "Post a test message" in page
