"""Which accounts are never removed, deactivated or adopted. Pure."""

from integration.domain.policy import Policy
from integration.domain.state import RemoteAccount

PROTECTED_KINDS = frozenset({"bot", "app"})
BOT_ROLES = frozenset({"bot", "app"})
PROTECTED_ROLES = BOT_ROLES | {"admin"}


def is_protected(account: RemoteAccount, bot_id: str, policy: Policy) -> bool:
    """Our account, bots, administrators and the protected list are never removed or deactivated."""
    return (
        account.account_id == bot_id
        or account.kind in PROTECTED_KINDS
        or not PROTECTED_ROLES.isdisjoint(account.roles)
        or account.username.lower() in policy.protected_usernames
    )


def is_nobodys(account: RemoteAccount, bot_id: str) -> bool:
    """Whether the account is rcsync's own, a bot or an app: no person's, whatever address it
    has.
    """
    return account.account_id == bot_id or (
        account.kind in PROTECTED_KINDS or not BOT_ROLES.isdisjoint(account.roles)
    )
