"""What failed is told: every failure is a row with who, why, what the server said and what to
do.
"""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from integration.models import IntegrationSettings, Notice, SyncOperation
from integration.services.monitoring import digest
from integration.services.monitoring.failures import open_failures
from tests.support.school import School

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])


@pytest.fixture
def school(school: School) -> School:
    school.set(notify_emails="ops@example.invalid", digest="change")
    return school


def send() -> bool:
    return digest.send_if_due(IntegrationSettings.load())


def failing() -> list[SyncOperation]:
    return list(SyncOperation.objects.filter(pk__in=open_failures().keys))


def newcomer(moodle: Any) -> None:
    moodle.person(1099)
    moodle.enrol(10, [1099])
    moodle.join(101, [1099])


@pytest.mark.parametrize(
    ("endpoint", "change", "kind"),
    [
        ("users.create", newcomer, "create_account"),
        ("groups.invite", lambda m: m.join(102, [1000]), "add_members"),
        ("groups.kick", lambda m: m.leave(101, [1000]), "remove_member"),
        ("groups.create", lambda m: m.group(109, 10, "Fresh", [1000]), "create_channel"),
        ("users.setActiveStatus", lambda m: m.change_person(1000, suspended=1), "deactivate"),
        ("users.update", lambda m: m.change_person(1000, lastname="New"), "update_account"),
        (
            "rooms.changeArchivationState",
            lambda m: m.delete_group(101),
            "archive",
        ),
    ],
)
def test_every_kind_of_failure_is_a_row_that_says_who_why_what_and_what_to_do(
    school: School, endpoint: str, change: Any, kind: str
) -> None:
    school.chat.fault("refuse", endpoint=endpoint)
    change(school.moodle)
    school.run()
    (row,) = [row for row in failing() if row.kind == kind]
    assert row.description
    assert row.reason
    assert "Refused on request" in row.answer
    text = digest.compose(digest.Findings([row]))
    for part in (row.description, row.reason, row.answer):
        assert part in text


def test_what_a_later_run_repaired_is_not_told_any_more(school: School) -> None:
    school.chat.fault("refuse", endpoint="groups.invite")
    school.moodle.join(102, [1000])
    school.run()
    assert len(failing()) == 1
    school.run()
    assert failing() == []


def test_a_digest_on_change_comes_once_and_again_when_all_is_well(school: School) -> None:
    assert not send()
    school.chat.fault("refuse", endpoint="groups.invite", times=2)
    school.moodle.join(102, [1000])
    school.run()
    assert send()
    assert not send()
    school.run()
    assert not send(), "the same failure again is no change"
    school.run()
    assert send()
    subjects = [message.subject for message in mail.outbox]
    assert subjects == ["rcsync: 1 operations failed", "rcsync: no more failures"]
    assert "add person1000 to C10-Group-102" in mail.outbox[0].body


def test_a_daily_digest_comes_once_a_day_while_something_fails(school: School) -> None:
    school.set(digest="daily")
    assert not send(), "nothing fails, so no mail"
    school.chat.fault("refuse", endpoint="groups.invite", times=9)
    school.moodle.join(102, [1000])
    school.run()
    assert send()
    assert not send()
    Notice.objects.filter(topic="digest").update(changed_at=timezone.now() - timedelta(hours=25))
    assert send()


def test_no_digest_where_none_is_wanted(school: School) -> None:
    school.chat.fault("refuse", endpoint="groups.invite")
    school.moodle.join(102, [1000])
    school.run()
    school.set(digest="off")
    assert not send()
    assert mail.outbox == []


def test_a_mail_that_cannot_be_sent_is_sent_later(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    school.chat.fault("refuse", endpoint="groups.invite")
    school.moodle.join(102, [1000])
    school.run()

    def broken(*_args: Any) -> None:
        raise OSError("no mail server")

    with monkeypatch.context() as patch:
        patch.setattr(digest, "send_mail", broken)
        assert not send()
    assert send()
