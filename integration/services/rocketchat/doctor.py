"""Looks whether rcsync can work with this Rocket.Chat, and says what to repair; changes nothing."""

from collections.abc import Callable, Iterable, Iterator

from integration.domain.errors import SyncError
from integration.domain.messages import said
from integration.domain.state import Check
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
from integration.services.rocketchat.public_settings import (
    CHANNEL_NAMES,
    NAMES,
    USERNAMES,
    PublicSettings,
    compiles,
)

OLDEST: Version = (3, 11)
NEWEST: Version = (8, 8)
APPROVAL = "Accounts_ManuallyApproveNewUsers"
INFINITE = "API_Allow_Infinite_Count"
MAILS = ("Accounts_Send_Email_When_Activating", "Accounts_Send_Email_When_Deactivating")


def check_rocketchat(client: RocketChat) -> list[Check]:
    """Every check with its fix. Never raises: what cannot be looked at is a failed check."""
    features = Features(client)
    checks = _safely(said("Reachable"), lambda: _reachable(client, features))
    if any(check.status is FAILED for check in checks):
        return checks
    me: dict[str, object] = {}
    checks += _safely(said("Account"), lambda: [_account(client, me)])
    if not me:
        return checks
    public: dict[str, object] = {}
    settings = _safely(said("Settings"), lambda: _settings(client, features, public))
    checks += _safely(said("Permissions"), lambda: permission_checks(client, me))
    checks += _safely(
        said("Second factor"), lambda: [second_factor_check(client, me, public, features.version)]
    )
    return checks + settings + _safely(said("Licence"), lambda: _seats(client))


def _safely(name: str, look: Callable[[], Iterable[Check]]) -> list[Check]:
    found: list[Check] = []
    try:
        found.extend(look())
    except SyncError as problem:
        found.append(Check(name, FAILED, problem.message, problem.hint))
    return found


def _reachable(client: RocketChat, features: Features) -> Iterator[Check]:
    version = features.version
    found = said("a server answers at {url}", url=client.connection.url)
    yield Check(said("Reachable"), OK, found)
    if not client.connection.verify_tls:
        fix = said("Switch it on; for an own certificate authority set its CA file.")
        yield Check("TLS", WARNING, said("the server's certificate is not checked"), fix)
    yield _version(version)


def _version(version: Version | None) -> Check:
    name = said("Version")
    if version is None:
        found = said("the server does not tell; what it can do is found out by trying")
        fix = said("Let /api/info through, if a proxy holds it back.")
        return Check(name, WARNING, found, fix)
    shown = ".".join(map(str, version))
    if version < OLDEST:
        found = said("{version} is older than 3.11", version=shown)
        return Check(name, WARNING, found, said("Update Rocket.Chat."))
    if version > NEWEST:
        found = said("{version} is newer than what rcsync was made for (8.8)", version=shown)
        fix = said("Try with a few courses first, and look for a newer rcsync.")
        return Check(name, WARNING, found, fix)
    return Check(name, OK, shown)


def _account(client: RocketChat, me: dict[str, object]) -> Check:
    answer: Json = client.get("me")
    name, roles = text(answer, "username", "GET me"), texts(answer, "roles", "GET me")
    me.update(answer)
    shown = ", ".join(sorted(roles)) or said("no role")
    found = said("signed in as {name} ({roles})", name=name, roles=shown)
    return Check(said("Account"), OK, found)


def _settings(client: RocketChat, features: Features, values: dict[str, object]) -> Iterator[Check]:
    """What is read goes into `values` too."""
    public = PublicSettings.read(client, features)
    values.update(public.values)
    limited = not features.count_unlimited
    rules = public.name_rules()
    yield _pattern(public, said("Usernames"), USERNAMES, rules.username_pattern)
    yield _pattern(public, said("Channel names"), CHANNEL_NAMES, rules.channel_pattern)
    found = said("names of channels keep to the pattern")
    if rules.free_channel_names:
        found = said("names of channels may hold any character")
    yield Check(said("Special characters"), OK, found)
    yield _lists(limited or setting(client, INFINITE) is False)
    yield _approval(public.values.get(APPROVAL, setting(client, APPROVAL)))
    yield _mails({name: setting(client, name) for name in MAILS})
    found = said("accounts made by rcsync do not join the default channels")
    yield Check(said("Default channels"), OK, found)


def _pattern(public: PublicSettings, what: str, name: str, used: str) -> Check:
    given = public.values.get(name, public.values.get(NAMES))
    if isinstance(given, str) and not compiles(given):
        found = said("the server's pattern is not valid; {pattern} is used", pattern=used)
        fix = said("Repair the setting {name} in Rocket.Chat.", name=name)
        return Check(what, WARNING, found, fix)
    return Check(what, OK, said("have to match {pattern}", pattern=used))


def _lists(limited: bool) -> Check:
    name = said("Long lists")
    if not limited:
        return Check(name, OK, said("come in one request"))
    found = said("come in pages ({name} is off): more requests at every run", name=INFINITE)
    return Check(name, WARNING, found, said("Switch {name} on.", name=INFINITE))


def _approval(value: object) -> Check:
    name = said("Manual approval")
    if value is True:
        found = said(
            "new accounts wait for approval, and every one sends a mail to the administrators"
        )
        return Check(name, WARNING, found, said("Switch {name} off.", name=APPROVAL))
    return Check(name, OK, said("new accounts are active at once"))


def _mails(values: dict[str, object]) -> Check:
    name = said("Mails on activation")
    if all(value is None for value in values.values()):
        found = said("could not be read, needs view-privileged-setting")
        return Check(name, WARNING, found, grant("view-privileged-setting"))
    if on := [setting_name for setting_name, value in values.items() if value is True]:
        found = said(
            "people get a mail when rcsync changes their account ({names})", names=", ".join(on)
        )
        fix = said("Switch these settings off unless the mails are wanted.")
        return Check(name, WARNING, found, fix)
    found = said("people get no mail when their account is switched on or off")
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
        found = said("{used} of {most} seats are taken", used=used, most=most)
        if most > used:
            yield Check(said("Licence"), OK, found)
        else:
            fix = said("Deactivate accounts or extend the licence.")
            yield Check(said("Licence"), FAILED, found, fix)


def _path(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
