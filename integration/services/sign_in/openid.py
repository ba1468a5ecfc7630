"""OpenID Connect: is the provider's answer really its own, for us, of this minute, of this browser?

The library (mozilla-django-oidc) keeps state, nonce and PKCE's verifier in the session, fetches the
token and looks up the key. What it leaves to its user is done here: the provider's addresses come
from its discovery document, issuer, audience and age of the token are checked, and the person is
told by issuer and subject, never by the e-mail address.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jwt
import requests
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpRequest
from mozilla_django_oidc import auth as library
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from integration.domain.sign_in import OpenId
from integration.services.rocketchat.address_guard import guarded_session
from integration.services.sign_in.people import Person, user_of
from integration.services.sign_in.refusals import Advice, Refused

SECONDS = 10  # for each answer of the provider
REMEMBERED_SECONDS = 3600  # the addresses; keys are fetched at every sign-in
SKEW_SECONDS = 60  # by which the clocks of the two servers may differ
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
REQUIRED = ["exp", "iat", "iss", "aud", "sub"]
CALLBACK = "rcsync:openid_callback"
ENDPOINTS = {  # the library's name -> the discovery document's
    "OIDC_OP_AUTHORIZATION_ENDPOINT": "authorization_endpoint",
    "OIDC_OP_TOKEN_ENDPOINT": "token_endpoint",
    "OIDC_OP_JWKS_ENDPOINT": "jwks_uri",
    "OIDC_OP_USER_ENDPOINT": "userinfo_endpoint",
}


def configured() -> OpenId:
    """The provider; Refused where none is switched on."""
    openid: OpenId | None = settings.SIGN_IN.openid
    if openid is None:
        raise Refused("off", "OIDC_ISSUER is not set")
    return openid


def setting(name: str, *default: Any) -> Any:
    """What the library asks of its settings, by its names."""
    if name in ENDPOINTS:
        return discovered(configured()).get(ENDPOINTS[name], "")
    ours = {
        "OIDC_RP_CLIENT_ID": configured().client_id,
        "OIDC_RP_CLIENT_SECRET": configured().client_secret,
        "OIDC_RP_SCOPES": configured().scopes,
        "OIDC_RP_SIGN_ALGO": "RS256",  # any of ALGORITHMS: the provider's keys, never our secret
        "OIDC_USE_NONCE": True,
        "OIDC_USE_PKCE": True,
        "OIDC_TIMEOUT": SECONDS,
        "OIDC_AUTHENTICATION_CALLBACK_URL": CALLBACK,
        "LOGIN_REDIRECT_URL": settings.LOGIN_REDIRECT_URL,
    }
    return ours[name] if name in ours else default[0]


def discovered(openid: OpenId) -> Mapping[str, Any]:
    """The provider's addresses (OpenID Connect Discovery, 4); Refused."""
    key = f"openid:{openid.issuer}"
    document: dict[str, Any] | None = cache.get(key)
    if document is None:
        document = _fetched(openid)
        cache.set(key, document, REMEMBERED_SECONDS)
    return document


def _fetched(openid: OpenId) -> dict[str, Any]:
    url = openid.issuer.rstrip("/") + "/.well-known/openid-configuration"
    try:
        answer = Provider.get(url, timeout=SECONDS)
        answer.raise_for_status()
        document = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise Refused("provider", f"{url} cannot be read: {type(error).__name__}") from None
    if not isinstance(document, dict) or document.get("issuer") != openid.issuer:
        raise Refused("issuer", f"{url} names another issuer than OIDC_ISSUER")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        if not isinstance(document.get(name), str):
            raise Refused("provider", f"{url} names no {name}")
    return document


class Provider:
    """Requests to the provider, in place of the library's `requests`: no redirect is followed,
    which would take the client's secret, the code or a token along, and nothing is sent to
    addresses where only machines find out about themselves.
    """

    @staticmethod
    def get(url: str, **options: Any) -> requests.Response:
        return _answer("GET", url, options)

    @staticmethod
    def post(url: str, **options: Any) -> requests.Response:
        return _answer("POST", url, options)


library.requests = Provider


def _answer(method: str, url: str, options: Mapping[str, Any]) -> requests.Response:
    with guarded_session(settings.ALLOWED_NETWORKS, partial(Refused, "provider")) as session:
        answer = session.request(method, url, allow_redirects=False, **options)
    if 300 <= answer.status_code < 400:
        raise Refused("provider", f"{url} redirects, which is not followed")
    return answer


class OpenIdBackend(OIDCAuthenticationBackend):  # type: ignore[misc]  # it has no types
    """The library's, with the checks that it leaves out."""

    def __init__(self) -> None:
        """Django makes one for every request, so nothing is asked of the provider here."""
        self.UserModel = User
        self.OIDC_RP_SIGN_ALGO = setting("OIDC_RP_SIGN_ALGO")
        self.OIDC_RP_IDP_SIGN_KEY = None

    @staticmethod
    def get_settings(attr: str, *args: Any) -> Any:
        return setting(attr, *args)

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> Any:
        """Only for what the callback's page asks: Django asks every backend at every log-in, and a
        log-in with a password and a code in the address is none of this one.
        """
        return super().authenticate(request, **credentials) if "nonce" in credentials else None

    def __getattr__(self, name: str) -> Any:
        """The library's attributes of its settings, when one is needed."""
        if name.startswith("OIDC_"):
            return setting(name)
        raise AttributeError(name)

    def raise_token_response_error(self, response: requests.Response) -> None:
        """The library would put the whole answer into the error."""
        if response.status_code != 200:
            why = f"{self.OIDC_OP_TOKEN_ENDPOINT} answers {response.status_code}"
            raise Refused("provider", why, Advice.AGAIN)

    def verify_token(self, token: Any, **kwargs: Any) -> Any:
        if not isinstance(token, str):
            raise Refused("malformed", "the provider sent no id_token")
        if kwargs.get("nonce") is None:
            raise Refused("nonce", "the session holds no nonce", Advice.AGAIN)
        claims = super().verify_token(token, **kwargs)
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        party = claims.get("azp")
        if (several or party is not None) and party != configured().client_id:
            raise Refused("audience", "the authorized party is another client")
        return claims

    def _verify_jws(self, payload: str, key: jwt.PyJWK) -> Any:
        """The claims of a token that the provider signed for us and that is valid now; Refused."""
        openid = configured()
        try:
            return jwt.decode(
                payload,
                key.key,
                algorithms=ALGORITHMS,
                audience=openid.client_id,
                issuer=openid.issuer,
                leeway=SKEW_SECONDS,
                options={"require": REQUIRED},
            )
        except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError):
            why = "the token is not valid at this time. Compare the clocks of both servers."
            raise Refused("expired", why, Advice.AGAIN) from None
        except jwt.InvalidAudienceError:
            raise Refused("audience", "the token is for another client") from None
        except jwt.InvalidIssuerError:
            raise Refused("issuer", "the token is of another issuer than OIDC_ISSUER") from None
        except jwt.PyJWTError as error:
            raise Refused("signature", f"the token is not valid: {type(error).__name__}") from None

    def get_or_create_user(self, access_token: str, id_token: str, payload: Any) -> User:
        openid = configured()
        claims = dict(payload)
        if self.OIDC_OP_USER_ENDPOINT:
            told = self.get_userinfo(access_token, id_token, payload)
            if told.get("sub") != payload["sub"]:  # OpenID Connect Core, 5.3.2
                raise Refused("subject", "the userinfo is of another person than the token")
            claims = {**claims, **told}
        names = (claims.get("preferred_username"), claims.get("email"), claims["sub"])
        person = Person(
            source=openid.issuer,
            subject=str(claims["sub"]),
            names=tuple(name for name in names if isinstance(name, str)),
            email=_address(claims),
            groups=_groups(claims.get(openid.groups_claim)),
        )
        return user_of(person, settings.SIGN_IN.groups)


def _address(claims: Mapping[str, Any]) -> str:
    """Mail goes there: an address that the provider calls unchecked is left out."""
    address = claims.get("email")
    checked = claims.get("email_verified", True) in (True, "true")
    return address if isinstance(address, str) and checked and len(address) <= 254 else ""


def _groups(claim: Any) -> frozenset[str]:
    """Providers send a list, or a text where there is one group."""
    if isinstance(claim, str):
        return frozenset({claim})
    return frozenset(str(group) for group in claim) if isinstance(claim, list) else frozenset()
