"""The mail to set a password: asked for at most once for each account that rcsync made.

That it is due is stored with the new link; that it was asked for is stored before the call. After
a crash, or without an answer, it therefore counts as sent. Only what was surely not sent is due
again.
"""

from collections.abc import Collection, Iterable, Sequence

from integration.domain.operations import CreateAccount, Operation, SendPasswordMail
from integration.domain.outcomes import Result
from integration.models import AccountLink
from integration.services.sync.report import Outcome

NONE, DUE, ASKED = "", "due", "asked"


def note_due(outcomes: Iterable[Outcome], planned: Collection[int]) -> None:
    """New links of people (Moodle user ids) for whom the plan has a mail."""
    made = [
        one.operation.user_id
        for one in outcomes
        if isinstance(one.operation, CreateAccount) and one.operation.user_id in planned
    ]
    if made:
        _move(made, NONE, DUE)


def claim(operations: Sequence[Operation], ours: set[int]) -> list[Operation]:
    """Note that these mails are being asked for; the answer is those that somebody else asked for.
    `ours` gets the people (Moodle user ids) whose mails we ask for.

    Accounts that could not be made have no link; their mails are left to their performer.
    """
    mails = [one for one in operations if isinstance(one, SendPasswordMail)]
    others = [one for one in mails if not _move([one.user_id], DUE, ASKED)]
    ours |= {one.user_id for one in mails} - {one.user_id for one in others}
    return [one for one in others if _is_linked(one)]


def give_back(outcomes: Iterable[Outcome], ours: Collection[int]) -> None:
    """Mails of `ours` that surely were not sent are due again."""
    unsent = [
        one.operation.user_id
        for one in outcomes
        if isinstance(one.operation, SendPasswordMail)
        and one.operation.user_id in ours
        and one.result is not Result.DONE
        and not one.in_doubt
    ]
    if unsent:
        _move(unsent, ASKED, DUE)


def _move(users: Sequence[int], before: str, after: str) -> int:
    rows = AccountLink.objects.filter(moodle_user_id__in=users, created=True)
    return rows.filter(password_mail=before).update(password_mail=after)


def _is_linked(mail: SendPasswordMail) -> bool:
    return AccountLink.objects.filter(moodle_user_id=mail.user_id).exists()
