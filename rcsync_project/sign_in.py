"""Signing in with OpenID Connect, or by a proxy that says who it is (REMOTE_USER): the switches.

Reads no environment: `settings.py` hands in its reader. Both are off while their variables are not
set. A half-set one is an error at the start, because it would let in nobody, or the wrong people.
"""

import re
from collections.abc import Callable
from importlib.util import find_spec
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from integration.domain.secret import Secret
from integration.domain.sign_in import OpenId, Proxy, SignIn

OPENID_BACKEND = "integration.services.sign_in.openid.OpenIdBackend"
PROXY_BACKEND = "integration.services.sign_in.proxy.ProxyBackend"
SHORTEST_SECRET = 16  # characters; as for the other secrets of the environment
LOOPBACK = ("127.0.0.1", "localhost", "::1")

Text = Callable[..., str]  # the value of a variable as it is written: text(name, default)


def read(text: Text, proxies: int) -> SignIn:
    """What the environment says; ImproperlyConfigured where it says half of it."""
    groups = {
        "viewer": _names(text("SIGN_IN_VIEWER_GROUPS")),
        "operator": _names(text("SIGN_IN_OPERATOR_GROUPS")),
        "administrator": _names(text("SIGN_IN_ADMINISTRATOR_GROUPS")),
    }
    found = SignIn(_openid(text), _proxy(text, proxies), groups, text("SIGN_IN_CONTACT"))
    if backends(found) and not any(groups.values()):
        raise ImproperlyConfigured(
            "OIDC_ISSUER or REMOTE_USER_HEADER is set, but no group may sign in. Set "
            "SIGN_IN_VIEWER_GROUPS, SIGN_IN_OPERATOR_GROUPS or SIGN_IN_ADMINISTRATOR_GROUPS."
        )
    return found


def backends(found: SignIn) -> list[str]:
    """For AUTHENTICATION_BACKENDS: whoever came by a way that is off again is signed out."""
    ways = ((found.openid, OPENID_BACKEND), (found.proxy, PROXY_BACKEND))
    return [backend for way, backend in ways if way]


def _openid(text: Text) -> OpenId | None:
    issuer = text("OIDC_ISSUER")
    if not issuer:
        return None
    parts = urlsplit(issuer)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ImproperlyConfigured(
            f"OIDC_ISSUER is {issuer!r}. It is the https:// address that the provider names as "
            "its issuer, such as https://login.example.org/realms/school."
        )
    client_id, secret = text("OIDC_CLIENT_ID"), Secret(text("OIDC_CLIENT_SECRET"))
    if not client_id or not secret:
        raise ImproperlyConfigured(
            "OIDC_ISSUER is set, so OIDC_CLIENT_ID and OIDC_CLIENT_SECRET have to be set too: the "
            "provider shows both where rcsync is registered as a client."
        )
    if find_spec("mozilla_django_oidc") is None:
        raise ImproperlyConfigured(
            "OIDC_ISSUER is set, but what signs in with OpenID Connect is not installed. "
            "Run: ./rcsync install --extra oidc"
        )
    return OpenId(
        issuer=issuer,
        client_id=client_id,
        client_secret=secret,
        groups_claim=text("OIDC_GROUPS_CLAIM", "groups"),
        scopes=text("OIDC_SCOPES", "openid email profile"),
        label=text("OIDC_LABEL"),
    )


def _proxy(text: Text, proxies: int) -> Proxy | None:
    header = text("REMOTE_USER_HEADER")
    if not header:
        return None
    groups, secret = text("REMOTE_USER_GROUPS_HEADER"), Secret(text("REMOTE_USER_SECRET"))
    if not proxies:
        raise ImproperlyConfigured(
            "REMOTE_USER_HEADER is set, but BEHIND_PROXY is off. Without a proxy in front of "
            "rcsync any visitor could write that header."
        )
    if not groups or len(secret) < SHORTEST_SECRET:
        raise ImproperlyConfigured(
            "REMOTE_USER_HEADER is set, so REMOTE_USER_GROUPS_HEADER and REMOTE_USER_SECRET "
            f"({SHORTEST_SECRET} characters or more) have to be set too. The proxy sends both."
        )
    for name in (header, groups):
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
            raise ImproperlyConfigured(
                f"{name!r} is no name of a header. Write it as the proxy does: X-Remote-User."
            )
    separator = text("REMOTE_USER_GROUPS_SEPARATOR", ";")
    return Proxy(header, groups, separator, secret, text("REMOTE_USER_LABEL"))


def _names(value: str) -> frozenset[str]:
    """Semicolons stand between them: names from a directory (LDAP) hold commas."""
    return frozenset(name.strip() for name in value.split(";") if name.strip())
