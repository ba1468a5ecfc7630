"""The mail to set a password: once for each account that rcsync made, and never when in doubt."""

from typing import Any

import pytest

from integration.domain.errors import TransientError
from integration.domain.operations import SendPasswordMail
from integration.models import AccountLink, IntegrationSettings, SyncOperation, SyncRun
from integration.services.ledger.journal import RunLedger
from integration.services.rocketchat.writes import RocketChatWrites
from integration.services.runs import undo_orders
from tests.support.school import School
from tests.support.small_moodle import STUDENT

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])

KIND = SendPasswordMail.kind
ENDPOINT = "users.forgotPassword"


@pytest.fixture
def school(unsynced_school: School) -> School:
    unsynced_school.set(password_mail=True)
    return unsynced_school


def newcomer(school: School, number: int = 1900) -> str:
    """Somebody new in group 101; the answer is the address."""
    school.moodle.enrol(10, school.moodle.people(number, 1), STUDENT)
    school.moodle.join(101, [number])
    return f"person{number}@example.invalid"


def mails(school: School) -> list[str]:
    return sorted(school.chat.application.world.mails)


def test_without_the_setting_nobody_gets_a_mail(unsynced_school: School) -> None:
    unsynced_school.run()
    assert mails(unsynced_school) == []
    unsynced_school.set(password_mail=True)
    assert unsynced_school.run().planned == {}  # not for accounts from before it was switched on


def test_everybody_whose_account_is_made_gets_one_mail(school: School) -> None:
    preview = school.run(kind=SyncRun.Kind.PREVIEW)
    made = preview.planned["create_account"]
    assert preview.planned[KIND] == made
    assert mails(school) == []
    assert school.run().status == SyncRun.Status.DONE
    assert len(mails(school)) == len(set(mails(school))) == made
    assert school.run().planned == {}
    assert len(mails(school)) == made


def test_no_mail_to_an_account_that_existed_before(school: School) -> None:
    world = school.chat.application.world
    with world.lock:
        world.add_user("person1000", email="person1000@example.invalid", verified=True)
    school.run()
    assert "person1000@example.invalid" not in mails(school)
    assert "person1001@example.invalid" in mails(school)


def test_a_refusal_is_a_failure_with_a_next_step_and_is_tried_again(school: School) -> None:
    world = school.chat.application.world
    world.options.sends_mail = False
    run = school.run()
    assert run.status == SyncRun.Status.FAILED
    row = run.operations.filter(kind=KIND).first()
    assert row is not None
    assert row.status == SyncOperation.Status.FAILED
    assert "SMTP" in row.hint
    world.options.sends_mail = True
    again = school.run()
    assert again.status == SyncRun.Status.DONE
    assert set(again.applied) == {KIND}
    assert len(mails(school)) == again.applied[KIND]


def test_a_server_that_sends_no_mail_is_not_asked_for_each_of_thousands(school: School) -> None:
    """It is asked anew in the next run; nobody's mail is lost."""
    school.chat.application.world.options.sends_mail = False
    school.chat.reset_stats()
    run = school.run()
    asked = school.chat.stats()["by_endpoint"][f"POST {ENDPOINT}"]
    assert run.planned[KIND] > 15
    assert asked < 15, "three, and those that were under way"
    assert AccountLink.objects.filter(password_mail="due").count() == run.planned[KIND]
    school.chat.application.world.options.sends_mail = True
    assert school.run().applied == {KIND: run.planned[KIND]}


def test_a_doubtful_mail_is_never_sent_again(school: School) -> None:
    school.run()
    address = newcomer(school)
    school.chat.fault("reset_after", endpoint=ENDPOINT, times=1)
    assert school.run().operations.get(kind=KIND).in_doubt
    assert mails(school).count(address) == 1
    school.run()
    assert school.run(full_check=True).planned == {}
    assert mails(school).count(address) == 1


def test_a_doubtful_account_gets_no_mail(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    school.run()
    address = newcomer(school)
    create = RocketChatWrites.create_account

    def without_an_answer(self: RocketChatWrites, **values: str) -> None:
        create(self, **values)
        raise TransientError("no answer")

    with monkeypatch.context() as broken:
        broken.setattr(RocketChatWrites, "create_account", without_an_answer)
        run = school.run()
    assert run.operations.get(kind=KIND).status == SyncOperation.Status.SKIPPED
    school.run()
    school.run()
    assert AccountLink.objects.get(moodle_user_id=1900).created
    assert address not in mails(school)


def test_after_a_crash_between_sending_and_storing_no_second_mail_is_sent(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    school.run()
    address = newcomer(school)
    stored = RunLedger.finished

    def crash(self: RunLedger, outcomes: Any) -> None:
        if any(isinstance(one.operation, SendPasswordMail) for one in outcomes):
            raise SystemError("power cut")
        stored(self, outcomes)

    with monkeypatch.context() as broken:
        broken.setattr(RunLedger, "finished", crash)
        with pytest.raises(SystemError):
            school.run()
    assert mails(school).count(address) == 1
    SyncRun.objects.filter(status=SyncRun.Status.RUNNING).update(status=SyncRun.Status.INTERRUPTED)
    school.run()
    assert mails(school).count(address) == 1


def test_a_crash_before_the_mail_leaves_it_due(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    school.run()
    address = newcomer(school)
    starting = RunLedger.starting

    def crash(self: RunLedger, operations: Any) -> Any:
        if any(isinstance(one, SendPasswordMail) for one in operations):
            raise SystemError("power cut")
        return starting(self, operations)

    with monkeypatch.context() as broken:
        broken.setattr(RunLedger, "starting", crash)
        with pytest.raises(SystemError):
            school.run()
    assert address not in mails(school)
    SyncRun.objects.filter(status=SyncRun.Status.RUNNING).update(status=SyncRun.Status.INTERRUPTED)
    school.run()
    assert mails(school).count(address) == 1


def test_what_another_run_asked_for_is_not_asked_for_again(school: School) -> None:
    school.run()
    address = newcomer(school)
    stored = RunLedger.starting

    def other_run_first(self: RunLedger, operations: Any) -> Any:
        if any(isinstance(one, SendPasswordMail) for one in operations):
            AccountLink.objects.filter(moodle_user_id=1900).update(password_mail="asked")
        return stored(self, operations)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(RunLedger, "starting", other_run_first)
        run = school.run()
    assert run.operations.get(kind=KIND).status == SyncOperation.Status.SKIPPED
    assert address not in mails(school)


def test_an_account_that_was_deleted_and_made_anew_gets_a_mail_again(school: School) -> None:
    school.run()
    world = school.chat.application.world
    with world.lock:
        user = world.user_named("person1000")
        assert user
        world.remove_user(user)
    school.run()
    assert mails(school).count("person1000@example.invalid") == 2


def test_an_undo_says_that_a_mail_cannot_be_taken_back(
    school: School, django_user_model: Any
) -> None:
    run = school.run()
    IntegrationSettings.objects.update(limit_percent=100)
    boss = django_user_model.objects.create_superuser("boss")
    order = undo_orders.undo(run, boss, "a mistake", force=True)
    undone = school.carry_out(order)
    skips = [str(skip) for skip in undone.skips]
    assert any("cannot be taken back" in skip for skip in skips)
