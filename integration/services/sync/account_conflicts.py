"""What the matching of accounts leaves to a person, in words for both sides. Pure."""

from integration.domain.conflicts import Conflict, ConflictKind
from integration.domain.messages import msg
from integration.domain.operations import UpdateAccount
from integration.domain.state import RemoteAccount, RemoteChannel
from integration.services.sync.desired_accounts import DesiredAccount


def no_email(account: DesiredAccount) -> Conflict:
    return _conflict(
        ConflictKind.EMAIL_MISSING,
        account,
        msg("requires an e-mail address for every account"),
        "",
        msg("Enter an address in Moodle, or link the person to an account by hand."),
    )


def email_shared(account: DesiredAccount, other: str) -> Conflict:
    return _conflict(
        ConflictKind.EMAIL_SHARED,
        account,
        other,
        "",
        msg("Several people have this address in Moodle. Give each their own, or link by hand."),
    )


def email_taken(account: DesiredAccount, holder: RemoteAccount | None) -> Conflict:
    return _conflict(
        ConflictKind.EMAIL_TAKEN,
        account,
        msg("account {who} has it", who=holder.username)
        if holder
        else msg("several people would get it"),
        holder.account_id if holder else "",
        msg(
            "Two people cannot share an account. Correct the address on one side, or link by hand."
        ),
    )


def username_taken(account: DesiredAccount, holder: RemoteAccount) -> Conflict:
    addresses = ", ".join(holder.emails) or msg("no e-mail")
    return _conflict(
        ConflictKind.USERNAME_TAKEN,
        account,
        msg(
            "account {who} ({addresses}) has this username",
            who=holder.username,
            addresses=addresses,
        ),
        holder.account_id,
        msg("If it is the same person, link them or make the addresses agree; if not, rename one."),
    )


def username_of_a_team(account: DesiredAccount, team: RemoteChannel) -> Conflict:
    """The server makes no account with the name of a team, in any case (reference, 2.1)."""
    return _conflict(
        ConflictKind.USERNAME_TAKEN,
        account,
        msg("a team is called {name}, and no account may have the same name", name=team.name),
        "",
        msg("Rename the team, change the username in Moodle, or link the person to an account."),
    )


def not_kept(account: DesiredAccount, update: UpdateAccount, values: str) -> Conflict:
    return _conflict(
        ConflictKind.NOT_KEPT,
        account,
        msg(
            "account {who} was changed to {values} twice, but was changed back",
            who=update.username,
            values=values,
        ),
        update.account_id,
        msg(
            "Something in Rocket.Chat (LDAP, SAML, an app) owns it: change it there, or "
            "leave it. It is sent again when it changes in Moodle."
        ),
    )


def not_understood(account: DesiredAccount, account_id: str, why: str) -> Conflict:
    return _conflict(
        ConflictKind.NOT_UNDERSTOOD,
        account,
        msg("the account cannot be read, so it stays as it is: {why}", why=why),
        account_id,
        msg("Correct the account in Rocket.Chat; the next run checks again."),
    )


def email_unverified(account: DesiredAccount, holder: RemoteAccount) -> Conflict:
    return _conflict(
        ConflictKind.EMAIL_UNVERIFIED,
        account,
        msg(
            "account {who} has this address, but nobody has verified that it is theirs",
            who=holder.username,
        ),
        holder.account_id,
        msg(
            "Anybody may enter any address in Rocket.Chat. If it is the same person, link "
            "them, or mark the address as verified in Rocket.Chat."
        ),
    )


def person_recreated(account: DesiredAccount, holder: RemoteAccount, owner: int) -> Conflict:
    return _conflict(
        ConflictKind.PERSON_RECREATED,
        account,
        msg(
            "account {who} belongs to person {id}, who is deleted or suspended in Moodle",
            who=holder.username,
            id=owner,
        ),
        holder.account_id,
        msg(
            "If the person was made anew in Moodle, hand the account over. It keeps its "
            "channels and messages."
        ),
    )


def account_inactive(account: DesiredAccount, holder: RemoteAccount) -> Conflict:
    return _conflict(
        ConflictKind.ACCOUNT_INACTIVE,
        account,
        msg("account {who} was deactivated there, not by rcsync", who=holder.username),
        holder.account_id,
        msg("Activate it in Rocket.Chat if the person should take part."),
    )


def _conflict(
    kind: ConflictKind, account: DesiredAccount, other: str, remote_id: str, advice: str
) -> Conflict:
    return Conflict(kind, account.user_id, None, _in_moodle(account), other, remote_id, advice)


def _in_moodle(account: DesiredAccount) -> str:
    return msg(
        "{name}, username {username}, {email} (id {id})",
        name=account.name,
        username=account.username,
        email=account.email or msg("no e-mail"),
        id=account.user_id,
    )
