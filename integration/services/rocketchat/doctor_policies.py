"""Policies of newer servers that decide what rcsync can do (reference 12; unobserved)."""

from collections.abc import Iterator

from integration.domain.checks import Check, CheckStatus
from integration.domain.course_policies import variants
from integration.domain.errors import RocketChatError
from integration.domain.messages import msg
from integration.domain.policy import MissingAccounts, Policy
from integration.services.rocketchat.answers import Json
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.versions import Version

ENCRYPTION = "E2E_Force_Encryption_For_Private_Rooms"
ATTRIBUTES = "ABAC_Enabled"
RESETS_ALLOWED = "Accounts_PasswordReset"
MAIL_SERVER = "SMTP_Host"
LICENSED_LOGINS: Version = (9, 0)  # custom OAuth, LDAP and SAML need a licence from here on


def policy_checks(
    client: RocketChat, public: Json, version: Version | None, policy: Policy
) -> Iterator[Check]:
    """Only what is switched on has a line."""
    private = any(one.private_channels for one in variants(policy))
    if private and _setting(client, public, ENCRYPTION) is True:
        found = msg("new private channels are always encrypted ({name})", name=ENCRYPTION)
        fix = msg(
            "People cannot read what was written before they joined. Consider switching it off."
        )
        yield Check(msg("Encryption"), CheckStatus.WARNING, found, fix)
    if _setting(client, public, ATTRIBUTES) is True:
        found = msg("attributes decide who may be in a channel ({name})", name=ATTRIBUTES)
        fix = msg(
            "People without the attributes cannot join, and rcsync reports it; assign "
            "the attributes in time."
        )
        yield Check(msg("Attributes"), CheckStatus.WARNING, found, fix)
    yield from _mail_checks(client, public, policy)
    link_only = policy.missing_accounts is MissingAccounts.LINK_ONLY
    if link_only and version and version >= LICENSED_LOGINS and not _is_licensed(client):
        found = msg(
            "accounts are created by another system, and from 9.0 on custom OAuth, LDAP "
            "and SAML need a licence"
        )
        fix = msg(
            "Check whether people can still log in; otherwise let rcsync create the accounts."
        )
        yield Check(msg("Log-ins"), CheckStatus.WARNING, found, fix)


def _mail_checks(client: RocketChat, public: Json, policy: Policy) -> Iterator[Check]:
    """Rocket.Chat says yes to the mail to set a password where it has no mail server too."""
    if not policy.password_mail:
        return
    name = msg("Mail to set a password")
    if _setting(client, public, RESETS_ALLOWED) is False:
        found = msg("people may not reset their passwords ({name})", name=RESETS_ALLOWED)
        fix = msg("Switch it on in Rocket.Chat, or switch off the mail to set a password.")
        yield Check(name, CheckStatus.WARNING, found, fix)
    if _setting(client, public, MAIL_SERVER) == "":
        found = msg("Rocket.Chat has no mail server ({name})", name=MAIL_SERVER)
        fix = msg(
            "Enter one in Rocket.Chat under Email, unless its environment names one (MAIL_URL). "
            "Without it the mails get lost, and Rocket.Chat says yes all the same."
        )
        yield Check(name, CheckStatus.WARNING, found, fix)


def _setting(client: RocketChat, public: Json, name: str) -> object:
    """None where it does not exist or may not be read."""
    if name in public:
        return public[name]
    try:
        return client.get(f"settings/{name}").get("value")
    except RocketChatError:
        return None


def _is_licensed(client: RocketChat) -> bool:
    try:
        found = client.get("licenses.info").get("license")
    except RocketChatError:
        return False
    return isinstance(found, dict) and bool(found.get("activeModules"))
