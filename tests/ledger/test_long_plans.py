"""A long plan is read back some at a time while it is carried out, and ends like a short one."""

import gc
from collections.abc import Sequence

import pytest

from integration.domain.operations import CreateAccount
from integration.models import SyncOperation, SyncRun
from integration.services.ledger import journal
from integration.services.ledger.journal import RunLedger
from integration.services.sync.report import Outcome
from moodle.models import User
from tests.support.school import GROUPS, School
from tests.support.small_moodle import rows

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
Status = SyncOperation.Status
PEOPLE = 400


@pytest.fixture(autouse=True)
def _any_plan_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LONG", 0)
    monkeypatch.setattr(journal, "AT_ONCE", 3)


def statuses(run: SyncRun) -> set[str]:
    return set(run.operations.values_list("status", flat=True))


def test_it_ends_with_everybody_in_and_every_row_done(unsynced_school: School) -> None:
    school = unsynced_school
    run = school.run()
    assert run.applied == run.planned
    assert statuses(run) == {Status.DONE}
    assert [len(school.members(group)) for group in GROUPS] == [5, 5, 5, 5]
    assert school.run().planned == {}


def test_members_come_go_and_change_role(school: School) -> None:
    school.moodle.leave(101, [1000])
    school.moodle.join(102, [1000])
    rows(User).filter(id=1001).update(suspended=1)
    run = school.run()
    assert (
        run.applied
        == run.planned
        == {
            "deactivate": 1,
            "add_members": 1,
            "remove_member": 2,
        }
    )
    assert school.run().planned == {}


def test_what_waits_for_a_person_is_not_done(school: School) -> None:
    school.set(limit_from=1, limit_percent=1, additions_go_on=True)
    school.moodle.leave(101, [1000, 1001, 1002])
    school.moodle.join(102, [1000])
    run = school.run()
    assert (run.planned, run.applied) == (
        {"add_members": 1, "remove_member": 3},
        {"add_members": 1},
    )
    assert run.operations.filter(status=Status.HELD).count() == 3


def test_only_those_at_hand_are_in_memory(
    unsynced_school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    school, alive, finished = unsynced_school, [], RunLedger.finished
    school.moodle.enrol(10, school.moodle.people(5000, PEOPLE))
    school.moodle.join(101, range(5000, 5000 + PEOPLE))
    school.set(max_connections=1)

    def counted(self: RunLedger, outcomes: Sequence[Outcome]) -> None:
        alive.append(sum(type(one) is CreateAccount for one in gc.get_objects()))
        finished(self, outcomes)

    monkeypatch.setattr(RunLedger, "finished", counted)
    run = school.run()
    assert run.applied["create_account"] > PEOPLE
    assert max(alive) < PEOPLE / 4
