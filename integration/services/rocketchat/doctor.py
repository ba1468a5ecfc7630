"""Checks whether rcsync can work with this Rocket.Chat and says what to repair. Changes nothing."""

from collections.abc import Callable, Iterable, Iterator

from integration.domain.checks import Check, CheckStatus
from integration.domain.errors import RocketChatError, SyncError
from integration.domain.messages import joined, msg
from integration.domain.policy import Policy
from integration.services.rocketchat import probe
from integration.services.rocketchat.answers import Json, flag, objects, text, texts
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.doctor_lists import list_checks
from integration.services.rocketchat.doctor_permissions import (
    Granted,
    granted_to_all,
    permission_checks,
)
from integration.services.rocketchat.doctor_policies import policy_checks
from integration.services.rocketchat.features import INFO, Features
from integration.services.rocketchat.permissions import grant
from integration.services.rocketchat.public_settings import (
    CHANNEL_NAMES,
    NAMES,
    USERNAMES,
    PublicSettings,
    compiles,
)
from integration.services.rocketchat.versions import NEWEST, OBSERVED_UP_TO, OLDEST, Version

OK, WARNING, FAILED = CheckStatus.OK, CheckStatus.WARNING, CheckStatus.FAILED
BYPASS = "api-bypass-rate-limit"
TOKENS = "create-personal-access-tokens"
EXAMPLE_ACCOUNTS = 500
TWO_FACTOR = "Accounts_TwoFactorAuthentication_Enabled"
PASSWORD_FALLBACK = "Accounts_TwoFactorAuthentication_Enforce_Password_Fallback"  # noqa: S105
TOKEN_BYPASS_BROKEN: Version = (8, 5)


def _permissions(
    client: RocketChat, me: Json, policy: Policy, *, bulk_import: bool
) -> Iterator[Check]:
    granted = granted_to_all(client)
    yield from permission_checks(granted, me, policy, bulk_import=bulk_import)
    yield _rate_limit_check(client, bool(_roles(me) & granted.get(BYPASS, frozenset())))
    yield from _token_check(granted, me, client)


def _token_check(granted: Granted, me: Json, client: RocketChat) -> Iterator[Check]:
    """Only where the bot logs in by password: a token is better, and the role bot may make none."""
    may = _roles(me) & granted.get(TOKENS, frozenset())
    if client.connection.credentials.token or may:
        return
    found = msg("the bot logs in with its password, and its roles may not make a token")
    fix = joined(" ", (grant(TOKENS), msg("The built-in role bot does not have it.")))
    yield Check(msg("Access token"), WARNING, found, fix)


def _roles(me: Json) -> frozenset[str]:
    return frozenset(texts(me, "roles", "GET me"))


def _rate_limit_check(client: RocketChat, bypass: bool) -> Check:
    name = msg("Rate limit")
    if bypass:
        return Check(name, OK, msg('the bot has "{name}"', name=BYPASS))
    if setting(client, "API_Enable_Rate_Limiter") is False:
        return Check(name, OK, msg("the API's rate limiter is switched off"))
    calls = _positive(setting(client, "API_Enable_Rate_Limiter_Limit_Calls_Default"), 10)
    window = _positive(setting(client, "API_Enable_Rate_Limiter_Limit_Time_Default"), 60_000)
    minutes = -(-EXAMPLE_ACCOUNTS * window // (calls * 60_000))
    found = msg(
        "the bot is limited to {calls} calls in {seconds} s per endpoint: "
        "{accounts} new accounts take about {minutes} minutes",
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
    name = msg("Second factor")
    if public.get(TWO_FACTOR) is False:
        return Check(name, OK, msg("two-factor authentication is switched off"))
    if _token_is_exempt(client) and version != TOKEN_BYPASS_BROKEN:
        return Check(name, OK, msg("the token ignores two-factor authentication"))
    if methods := _own_methods(me):
        found = msg(
            "the bot has its own two-factor authentication ({methods}): names and e-mails cannot "
            "be changed",
            methods=joined(", ", methods),
        )
        return Check(name, WARNING, found, EXEMPT)
    if public.get(PASSWORD_FALLBACK) is False:
        found = msg("the bot has none, and the server does not ask for the password")
        return Check(name, OK, found)
    if client.connection.credentials.factor:
        found = msg("the bot's password is known, it is sent when the server asks")
        return Check(name, OK, found)
    found = msg(
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
    names = {"totp": msg("app"), "email2fa": msg("e-mail")}
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


EXEMPT = msg(
    "Make a personal access token with 'Ignore Two Factor Authentication' for the bot (without"
    " effect on Rocket.Chat 8.5), or store the bot's password as second factor."
)


APPROVAL = "Accounts_ManuallyApproveNewUsers"
AVATARS = "Accounts_SetDefaultAvatar"
SLOW_INFO_SECONDS = 2.0
INFINITE = "API_Allow_Infinite_Count"
MAILS = ("Accounts_Send_Email_When_Activating", "Accounts_Send_Email_When_Deactivating")


def check_rocketchat(
    client: RocketChat, policy: Policy | None = None, *, bulk_import: bool = False
) -> list[Check]:
    """Every check with its fix. Never raises: what cannot be looked at is a failed check.

    `policy` None: the settings are those of a new rcsync. `bulk_import`: accounts may be imported.
    """
    features = Features(client)
    checks = _safely(msg("Reachable"), lambda: _reachable(client, features))
    if any(check.status is FAILED for check in checks):
        return checks
    me: dict[str, object] = {}
    checks += _safely(msg("Account"), lambda: [_account(client, me)])
    if not me:
        return checks
    public: dict[str, object] = {}
    settings = _safely(msg("Settings"), lambda: _settings(client, features, public))
    policy = policy or Policy()
    checks += _safely(
        msg("Permissions"), lambda: _permissions(client, me, policy, bulk_import=bulk_import)
    )
    checks += _safely(
        msg("Second factor"), lambda: [second_factor_check(client, me, public, features.version)]
    )
    settings += _safely(
        msg("Policies"), lambda: policy_checks(client, public, features.version, policy)
    )
    checks += settings + _safely(msg("Licence"), lambda: _seats(client))
    return checks + _safely(msg("Lists"), lambda: list_checks(client, features))


def check_access(
    client: RocketChat, policy: Policy | None = None, *, bulk_import: bool = False
) -> list[Check]:
    """The part that tells whether the connection works, in a handful of requests: the address, the
    account, its permissions.
    """
    checks = _safely(msg("Reachable"), lambda: _reachable(client, Features(client)))
    if any(check.status is FAILED for check in checks):
        return checks
    me: dict[str, object] = {}
    checks += _safely(msg("Account"), lambda: [_account(client, me)])
    if me:
        policy = policy or Policy()
        checks += _safely(
            msg("Permissions"), lambda: _permissions(client, me, policy, bulk_import=bulk_import)
        )
    return checks


def _safely(name: str, look: Callable[[], Iterable[Check]]) -> list[Check]:
    found: list[Check] = []
    try:
        found.extend(look())
    except SyncError as problem:
        found.append(Check(name, FAILED, problem.message, problem.hint))
    return found


def _reachable(client: RocketChat, features: Features) -> Iterator[Check]:
    probe.check_address(client.connection)
    version = features.version
    found = msg("a server answers at {url}", url=client.connection.url)
    yield Check(msg("Reachable"), OK, found)
    if not client.connection.verify_tls:
        fix = msg("Switch it on; for an own certificate authority set its CA file.")
        yield Check("TLS", WARNING, msg("the server's certificate is not checked"), fix)
    yield _version(version)
    if slow := _outside(client):
        yield slow


def _outside(client: RocketChat) -> Check | None:
    """From 8.0 on /api/info asks the maker; a server without internet waits until that fails."""
    seconds = client.stats.seconds.get(f"GET {INFO}", 0.0)
    if seconds < SLOW_INFO_SECONDS:
        return None
    found = msg(
        "the server takes {seconds} s to answer with its version: it seems to have "
        "no internet access",
        seconds=f"{seconds:.0f}",
    )
    fix = msg("Allow it, or reject its connections at once instead of dropping them.")
    return Check(msg("Internet"), WARNING, found, fix)


def _avatars(client: RocketChat, value: object) -> Check:
    """Recorded without internet: 5 to 41 seconds for each new account (reference 11)."""
    name = msg("Avatars")
    if value is False:
        return Check(name, OK, msg("the server fetches no avatar for a new account"))
    found = msg(
        "the server looks for an avatar on the internet for every new account "
        "({name}); without internet access each account takes 5 to 41 s",
        name=AVATARS,
    )
    if _outside(client):
        return Check(name, WARNING, found, msg("Switch {name} off.", name=AVATARS))
    return Check(name, OK, found)


def _version(version: Version | None) -> Check:
    name = msg("Version")
    if version is None:
        found = msg("the server does not tell its version; rcsync tries which calls it knows")
        fix = msg("Allow /api/info, if a proxy blocks it.")
        return Check(name, WARNING, found, fix)
    shown = ".".join(map(str, version))
    if version < OLDEST:
        found = msg("{version} is older than 3.11", version=shown)
        return Check(name, WARNING, found, msg("Update Rocket.Chat."))
    if version > NEWEST:
        newest = ".".join(map(str, NEWEST))
        found = msg(
            "{version} is newer than the versions rcsync was made for (up to {newest})",
            version=shown,
            newest=newest,
        )
        fix = msg("Try with a few courses first, and look for a newer rcsync.")
        return Check(name, WARNING, found, fix)
    if version > OBSERVED_UP_TO:
        found = msg(
            "{version}; rcsync supports it by its documentation, but was not tested "
            "with a real server",
            version=shown,
        )
        return Check(name, OK, found)
    return Check(name, OK, shown)


def _account(client: RocketChat, me: dict[str, object]) -> Check:
    answer: Json = client.get("me")
    name, roles = text(answer, "username", "GET me"), texts(answer, "roles", "GET me")
    me.update(answer)
    shown = ", ".join(sorted(roles)) or msg("no role")
    found = msg("signed in as {name} ({roles})", name=name, roles=shown)
    return Check(msg("Account"), OK, found)


def _settings(client: RocketChat, features: Features, values: dict[str, object]) -> Iterator[Check]:
    """What is read goes into `values` too."""
    public = PublicSettings.read(client, features)
    values.update(public.values)
    limited = not features.count_unlimited
    rules = public.name_rules()
    yield _pattern(public, msg("Usernames"), USERNAMES, rules.username_pattern)
    yield _pattern(public, msg("Channel names"), CHANNEL_NAMES, rules.channel_pattern)
    found = msg("channel names must match the pattern")
    if rules.free_channel_names:
        found = msg("channel names may contain any character")
    yield Check(msg("Special characters"), OK, found)
    yield _lists(limited or setting(client, INFINITE) is False)
    yield _approval(public.values.get(APPROVAL, setting(client, APPROVAL)))
    yield _avatars(client, public.values.get(AVATARS, setting(client, AVATARS)))
    yield _mails({name: setting(client, name) for name in MAILS})
    found = msg("accounts created by rcsync do not join the default channels")
    yield Check(msg("Default channels"), OK, found)


def _pattern(public: PublicSettings, what: str, name: str, used: str) -> Check:
    given = public.values.get(name, public.values.get(NAMES))
    if isinstance(given, str) and not compiles(given):
        found = msg("the server's pattern is not valid; {pattern} is used", pattern=used)
        fix = msg("Repair the setting {name} in Rocket.Chat.", name=name)
        return Check(what, WARNING, found, fix)
    return Check(what, OK, msg("have to match {pattern}", pattern=used))


def _lists(limited: bool) -> Check:
    name = msg("Long lists")
    if not limited:
        return Check(name, OK, msg("read in one request"))
    found = msg("read in pages ({name} is off): more requests in every run", name=INFINITE)
    return Check(name, WARNING, found, msg("Switch {name} on.", name=INFINITE))


def _approval(value: object) -> Check:
    name = msg("Manual approval")
    if value is True:
        found = msg(
            "new accounts wait for approval, and each one sends an e-mail to the administrators"
        )
        return Check(name, WARNING, found, msg("Switch {name} off.", name=APPROVAL))
    return Check(name, OK, msg("new accounts are active at once"))


def _mails(values: dict[str, object]) -> Check:
    name = msg("E-mails on activation")
    if all(value is None for value in values.values()):
        found = msg("could not be read, needs view-privileged-setting")
        return Check(name, WARNING, found, grant("view-privileged-setting"))
    if on := [setting_name for setting_name, value in values.items() if value is True]:
        found = msg(
            "people get an e-mail when rcsync changes their account ({names})", names=", ".join(on)
        )
        fix = msg("Switch these settings off unless these e-mails are wanted.")
        return Check(name, WARNING, found, fix)
    found = msg("people get no e-mail when their account is activated or deactivated")
    return Check(name, OK, found)


def _seats(client: RocketChat) -> Iterator[Check]:
    """Only where the server shows a limit of active users (licensed workspaces, 7.0 and later)."""
    try:
        answer = client.get("licenses.info", {"loadValues": "true"})
    except SyncError:
        return
    limits = _path(answer, "license", "limits", "activeUsers")
    used, most = _path(limits, "value"), _path(limits, "max")
    if isinstance(used, int) and isinstance(most, int) and most > 0:
        found = msg("{used} of {most} seats are in use", used=used, most=most)
        if most > used:
            yield Check(msg("Licence"), OK, found)
        else:
            fix = msg("Deactivate accounts or extend the licence.")
            yield Check(msg("Licence"), FAILED, found, fix)


def _path(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
