"""Accounts made by Rocket.Chat's import have unverified addresses, and are ours all the same."""

from collections.abc import Sequence
from typing import Any

import pytest

from integration.models import AccountLink, Conflict, SyncRun
from integration.services.rocketchat.bulk_import import BulkImport, NewAccount
from integration.services.runs import bulk_accounts
from tests.support.school import School

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def school(unsynced_school: School, monkeypatch: pytest.MonkeyPatch) -> School:
    unsynced_school.set(bulk_import=True)
    monkeypatch.setattr(bulk_accounts, "MIN_IMPORT_ACCOUNTS", 5)
    return unsynced_school


def assert_all_are_ours(school: School) -> None:
    assert AccountLink.objects.count() == 20
    assert not AccountLink.objects.filter(created=False).exists()
    assert not Conflict.objects.filter(kind="email_unverified").exists()
    school.moodle.change_person(1000, suspended=1)
    school.run()
    assert not school.users()["person1000"]


def test_what_the_import_made_is_ours_after_a_run_that_was_cut_off(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = BulkImport.create

    def imported_and_killed(self: BulkImport, wanted: Sequence[NewAccount]) -> Any:
        original(self, wanted)
        raise Killed

    monkeypatch.setattr(BulkImport, "create", imported_and_killed)
    with pytest.raises(Killed):
        school.run()
    made = [one for one in school.chat.state()["users"] if one["username"].startswith("person")]
    assert len(made) == 20
    assert not any(one["emails"][0]["verified"] for one in made)
    monkeypatch.setattr(BulkImport, "create", original)
    assert school.run().status == SyncRun.Status.DONE
    assert_all_are_ours(school)


def test_what_the_import_made_is_ours_after_a_run_that_was_stopped(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operations that were not tried any more had their accounts made already."""
    original = BulkImport.create

    def imported_and_stopped(self: BulkImport, wanted: Sequence[NewAccount]) -> Any:
        made = original(self, wanted)
        SyncRun.objects.update(cancel_requested=True)
        return made

    monkeypatch.setattr(BulkImport, "create", imported_and_stopped)
    assert school.run().status == SyncRun.Status.STOPPED
    monkeypatch.setattr(BulkImport, "create", original)
    assert school.run().status == SyncRun.Status.DONE
    assert_all_are_ours(school)
