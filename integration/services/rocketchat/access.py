"""The doctor's part on what the bot may do: its permissions, the rate limit, the second factor."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from integration.domain.errors import RocketChatError
from integration.domain.messages import joined, said
from integration.domain.state import Check, CheckStatus
from integration.services.rocketchat.answers import Json, flag, objects, text, texts
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.features import Version
from integration.services.rocketchat.permissions import WHERE, grant

OK, WARNING, FAILED = CheckStatus.OK, CheckStatus.WARNING, CheckStatus.FAILED
BYPASS = "api-bypass-rate-limit"
EXAMPLE_ACCOUNTS = 500
TWO_FACTOR = "Accounts_TwoFactorAuthentication_Enabled"
PASSWORD_FALLBACK = "Accounts_TwoFactorAuthentication_Enforce_Password_Fallback"  # noqa: S105
TOKEN_BYPASS_BROKEN: Version = (8, 5)


@dataclass(frozen=True, slots=True)
class Permission:
    """One permission and what fails without it.

    `in_room`: the bot has it as owner of the rooms it makes.
    """

    name: str
    purpose: str
    in_room: bool = False
    needed: bool = True


PERMISSIONS = (
    Permission("view-d-room", said("list accounts")),
    Permission(
        "view-full-other-user-info", said("see e-mail addresses, by which people are recognised")
    ),
    Permission("view-room-administration", said("list all channels")),
    Permission("create-user", said("create accounts")),
    Permission("edit-other-user-info", said("change names and e-mail addresses")),
    Permission("edit-other-user-active-status", said("deactivate and reactivate accounts")),
    Permission("create-p", said("create private channels")),
    Permission("create-c", said("create public channels"), needed=False),
    Permission("view-p-room", said("read members of private channels")),
    Permission("view-c-room", said("read members of public channels"), needed=False),
    Permission("add-user-to-joined-room", said("add members"), in_room=True),
    Permission("remove-user", said("remove members"), in_room=True),
    Permission("set-moderator", said("make moderators"), in_room=True),
    Permission("set-owner", said("make owners"), in_room=True),
    Permission("set-leader", said("make leaders"), in_room=True),
    Permission("edit-room", said("rename channels and set topics"), in_room=True),
    Permission("archive-room", said("archive channels"), in_room=True),
    Permission("unarchive-room", said("take channels out of the archive"), needed=False),
)


def permission_checks(client: RocketChat, me: Json) -> Iterator[Check]:
    """One line for each needed permission, from the server's own table; nothing is tried out."""
    granted = _granted(client)
    roles = set(texts(me, "roles", "GET me"))
    for permission in PERMISSIONS:
        yield _permission_check(permission, granted.get(permission.name), roles)
    yield _rate_limit_check(client, bool(roles & granted.get(BYPASS, frozenset())))


def _granted(client: RocketChat) -> Mapping[str, frozenset[str]]:
    where = "GET permissions.listAll"
    rows = objects(client.get("permissions.listAll", slow=True), "update", where)
    return {text(row, "_id", where): frozenset(texts(row, "roles", where)) for row in rows}


def _permission_check(
    permission: Permission, granted: frozenset[str] | None, roles: set[str]
) -> Check:
    name, purpose = said("Permission {name}", name=permission.name), permission.purpose
    if granted is None:
        found = said("the server does not know it; needed to {purpose}", purpose=purpose)
        return Check(name, WARNING, found, OLD_SERVER)
    if holders := sorted(roles & granted):
        who = ", ".join(holders)
        found = said("granted to {roles}; lets rcsync {purpose}", roles=who, purpose=purpose)
        return Check(name, OK, found)
    if permission.in_room and "owner" in granted:
        found = said("as owner of its channels; lets rcsync {purpose}", purpose=purpose)
        return Check(name, OK, found)
    status = FAILED if permission.needed else WARNING
    found = said("missing; rcsync cannot {purpose}", purpose=purpose)
    return Check(name, status, found, grant(permission.name))


def _rate_limit_check(client: RocketChat, bypass: bool) -> Check:
    name = said("Rate limit")
    if bypass:
        return Check(name, OK, said('the bot has "{name}"', name=BYPASS))
    if setting(client, "API_Enable_Rate_Limiter") is False:
        return Check(name, OK, said("the API's rate limiter is switched off"))
    calls = _positive(setting(client, "API_Enable_Rate_Limiter_Limit_Calls_Default"), 10)
    window = _positive(setting(client, "API_Enable_Rate_Limiter_Limit_Time_Default"), 60_000)
    minutes = -(-EXAMPLE_ACCOUNTS * window // (calls * 60_000))
    found = said(
        "the bot has to keep to {calls} calls in {seconds} s per kind of call:"
        " {accounts} new accounts take about {minutes} minutes",
        calls=calls,
        seconds=f"{window / 1000:g}",
        accounts=EXAMPLE_ACCOUNTS,
        minutes=minutes,
    )
    return Check(name, WARNING, found, grant(BYPASS))


def second_factor_check(
    client: RocketChat, me: Json, public: Json, version: Version | None
) -> Check:
    """users.update asks for a second factor, the password at least, unless the token is exempt."""
    name = said("Second factor")
    if public.get(TWO_FACTOR) is False:
        return Check(name, OK, said("two-factor authentication is switched off"))
    if _token_is_exempt(client) and version != TOKEN_BYPASS_BROKEN:
        return Check(name, OK, said("the token ignores two-factor authentication"))
    if methods := _own_methods(me):
        found = said(
            "the bot has its own two-factor authentication ({methods}): names and e-mails cannot "
            "be changed",
            methods=joined(", ", methods),
        )
        return Check(name, WARNING, found, EXEMPT)
    if public.get(PASSWORD_FALLBACK) is False:
        found = said("the bot has none, and the server does not ask for the password")
        return Check(name, OK, found)
    if client.connection.credentials.factor:
        found = said("the bot's password is known, it is sent when the server asks")
        return Check(name, OK, found)
    found = said(
        "a change of name or e-mail may be refused: the token does not ignore two-factor, and the "
        "bot's password is not known"
    )
    return Check(name, WARNING, found, EXEMPT)


def _token_is_exempt(client: RocketChat) -> bool:
    """Our token among the bot's personal access tokens is recognised by its last characters."""
    token, where = client.connection.credentials.token, "GET users.getPersonalAccessTokens"
    if not token:
        return False
    try:
        rows = objects(client.get("users.getPersonalAccessTokens"), "tokens", where)
    except RocketChatError:
        return False
    own = [
        row for row in rows if (part := text(row, "lastTokenPart", where)) and token.endswith(part)
    ]
    return any(flag(row, "bypassTwoFactor", where, default=False) for row in own)


def _own_methods(me: Json) -> list[str]:
    services = me.get("services")
    names = {"totp": said("app"), "email2fa": said("e-mail")}
    return [
        label
        for key, label in names.items()
        if isinstance(services, dict)
        and isinstance(one := services.get(key), dict)
        and one.get("enabled") is True
        and (key != "email2fa" or _has_verified_email(me))
    ]


def _has_verified_email(me: Json) -> bool:
    """Codes by e-mail are in force once an address is verified."""
    if me.get("emails") is None:
        return False
    rows = objects(me, "emails", "GET me")
    return any(flag(row, "verified", "GET me", default=False) for row in rows)


def setting(client: RocketChat, name: str) -> object:
    """A private setting; None when it does not exist or takes view-privileged-setting to read."""
    try:
        return client.get(f"settings/{name}").get("value")
    except RocketChatError:
        return None


def _positive(value: object, default: int) -> int:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and isinstance(value, int) and value > 0 else default


OLD_SERVER = said("Update Rocket.Chat if the call fails; then look {where}.", where=WHERE)
EXEMPT = said(
    "Make a personal access token with 'Ignore Two Factor Authentication' for the bot (without"
    " effect on Rocket.Chat 8.5), or store the bot's password as second factor."
)
