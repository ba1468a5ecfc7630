"""Looks whether rcsync can work with this Rocket.Chat, and says what to repair; changes nothing."""

from collections.abc import Callable, Iterable, Iterator

from integration.services.errors import SyncError
from integration.services.rocketchat.access import (
    FAILED,
    OK,
    WARNING,
    permission_checks,
    second_factor_check,
    setting,
)
from integration.services.rocketchat.answers import Json, text, texts
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.features import Features, Version
from integration.services.rocketchat.permissions import grant
from integration.services.rocketchat.settings import (
    CHANNEL_NAMES,
    NAMES,
    USERNAMES,
    PublicSettings,
    compiles,
)
from integration.services.state import Check

OLDEST: Version = (3, 11)
NEWEST: Version = (8, 8)
APPROVAL = "Accounts_ManuallyApproveNewUsers"
INFINITE = "API_Allow_Infinite_Count"
MAILS = ("Accounts_Send_Email_When_Activating", "Accounts_Send_Email_When_Deactivating")


def check_rocketchat(client: RocketChat) -> list[Check]:
    """Every check with its fix. Never raises: what cannot be looked at is a failed check."""
    features = Features(client)
    checks = _safely("Reachable", lambda: _reachable(client, features))
    if any(check.status is FAILED for check in checks):
        return checks
    me: dict[str, object] = {}
    checks += _safely("Account", lambda: [_account(client, me)])
    if not me:
        return checks
    public: dict[str, object] = {}
    settings = _safely("Settings", lambda: _settings(client, features, public))
    checks += _safely("Permissions", lambda: permission_checks(client, me))
    checks += _safely(
        "Second factor", lambda: [second_factor_check(client, me, public, features.version)]
    )
    return checks + settings + _safely("Licence", lambda: _seats(client))


def _safely(name: str, look: Callable[[], Iterable[Check]]) -> list[Check]:
    found: list[Check] = []
    try:
        found.extend(look())
    except SyncError as problem:
        found.append(Check(name, FAILED, problem.message, problem.hint))
    return found


def _reachable(client: RocketChat, features: Features) -> Iterator[Check]:
    version = features.version
    yield Check("Reachable", OK, f"a server answers at {client.connection.url}")
    if not client.connection.verify_tls:
        fix = "Switch it on; for an own certificate authority set its CA file."
        yield Check("TLS", WARNING, "the server's certificate is not checked", fix)
    yield _version(version)


def _version(version: Version | None) -> Check:
    if version is None:
        found = "the server does not tell; what it can do is found out by trying"
        return Check("Version", WARNING, found, "Let /api/info through, if a proxy holds it back.")
    shown = ".".join(map(str, version))
    if version < OLDEST:
        return Check("Version", WARNING, f"{shown} is older than 3.11", "Update Rocket.Chat.")
    if version > NEWEST:
        fix = "Try with a few courses first, and look for a newer rcsync."
        return Check(
            "Version", WARNING, f"{shown} is newer than what rcsync was made for (8.8)", fix
        )
    return Check("Version", OK, shown)


def _account(client: RocketChat, me: dict[str, object]) -> Check:
    answer: Json = client.get("me")
    name, roles = text(answer, "username", "GET me"), texts(answer, "roles", "GET me")
    me.update(answer)
    return Check("Account", OK, f"signed in as {name} ({', '.join(sorted(roles)) or 'no role'})")


def _settings(client: RocketChat, features: Features, values: dict[str, object]) -> Iterator[Check]:
    """What is read goes into `values` too."""
    public = PublicSettings.read(client, features)
    values.update(public.values)
    limited = not features.count_unlimited
    rules = public.name_rules()
    yield _pattern(public, "Usernames", USERNAMES, rules.username_pattern)
    yield _pattern(public, "Channel names", CHANNEL_NAMES, rules.channel_pattern)
    free = "may hold any character" if rules.free_channel_names else "keep to the pattern"
    yield Check("Special characters", OK, f"names of channels {free}")
    yield _lists(limited or setting(client, INFINITE) is False)
    yield _approval(public.values.get(APPROVAL, setting(client, APPROVAL)))
    yield _mails({name: setting(client, name) for name in MAILS})
    yield Check("Default channels", OK, "accounts made by rcsync do not join the default channels")


def _pattern(public: PublicSettings, what: str, name: str, used: str) -> Check:
    given = public.values.get(name, public.values.get(NAMES))
    if isinstance(given, str) and not compiles(given):
        fix = f"Repair the setting {name} in Rocket.Chat."
        return Check(what, WARNING, f"the server's pattern is not valid; {used} is used", fix)
    return Check(what, OK, f"have to match {used}")


def _lists(limited: bool) -> Check:
    if not limited:
        return Check("Long lists", OK, "come in one request")
    found = f"come in pages ({INFINITE} is off): more requests at every run"
    return Check("Long lists", WARNING, found, f"Switch {INFINITE} on.")


def _approval(value: object) -> Check:
    if value is True:
        found = "new accounts wait for approval, and every one sends a mail to the administrators"
        return Check("Manual approval", WARNING, found, f"Switch {APPROVAL} off.")
    return Check("Manual approval", OK, "new accounts are active at once")


def _mails(values: dict[str, object]) -> Check:
    name = "Mails on activation"
    if all(value is None for value in values.values()):
        found = "could not be read, needs view-privileged-setting"
        return Check(name, WARNING, found, grant("view-privileged-setting"))
    if on := [setting_name for setting_name, value in values.items() if value is True]:
        found = f"people get a mail when rcsync changes their account ({', '.join(on)})"
        return Check(name, WARNING, found, "Switch these settings off unless the mails are wanted.")
    return Check(name, OK, "people get no mail when their account is switched on or off")


def _seats(client: RocketChat) -> Iterator[Check]:
    """Only where the server shows a limit of active users (licensed workspaces, 7.0 and later)."""
    try:
        answer = client.get("licenses.info", {"loadValues": "true"})
    except SyncError:
        return
    limits = _path(answer, "license", "limits", "activeUsers")
    used, most = _path(limits, "value"), _path(limits, "max")
    if isinstance(used, int) and isinstance(most, int) and most > 0:
        free = most - used
        status, fix = (
            (OK, "") if free > 0 else (FAILED, "Deactivate accounts or extend the licence.")
        )
        yield Check("Licence", status, f"{used} of {most} seats are taken", fix)


def _path(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
