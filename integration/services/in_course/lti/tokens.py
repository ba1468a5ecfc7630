"""Is this token really Moodle's, for us, and of this minute?"""

import time
from collections.abc import Mapping
from typing import Any

from integration.domain.addresses import same_address
from integration.models import LtiPlatform
from integration.services.in_course.lti.platform_keys import key_of
from integration.services.in_course.lti.refusals import Advice, Refused

SKEW_SECONDS = 60  # by which the clocks of the two servers may differ; Moodle signs for 60 s
MOST_CHARACTERS = 64 * 1024
REQUIRED = ["exp", "iat", "iss", "aud", "sub", "nonce"]
CLOCKS = "Compare the clocks of both servers (chronyc tracking, timedatectl)."


def verified(token: str, platform: LtiPlatform) -> Mapping[str, Any]:
    """The claims of a token that the platform signed for us and that is valid now; Refused."""
    import jwt

    if not token or len(token) > MOST_CHARACTERS:
        raise Refused("malformed", f"an id_token of {len(token)} characters")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as error:
        raise Refused("malformed", f"not a signed token: {error}") from None
    if header.get("alg") != "RS256":
        raise Refused("algorithm", f"signed with {header.get('alg')!r}, not RS256")
    key = key_of(platform, str(header.get("kid", "")))
    claims = _decoded(token, key, platform)
    _check_issuer(claims, platform)
    _check_party(claims, platform)
    return claims


def _decoded(token: str, key: Any, platform: LtiPlatform) -> Mapping[str, Any]:
    import jwt

    try:
        return jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=platform.client_id,
            leeway=SKEW_SECONDS,
            options={"require": REQUIRED, "verify_sub": False},  # a number is as good as its text
        )
    except jwt.ExpiredSignatureError:
        raise Refused("expired", _age(token), hint=CLOCKS, advice=Advice.AGAIN) from None
    except jwt.ImmatureSignatureError as error:
        raise Refused("not-yet", str(error), hint=CLOCKS, advice=Advice.AGAIN) from None
    except jwt.InvalidSignatureError:
        raise Refused("signature", f"not signed by the key that {platform.jwks_url} has") from None
    except jwt.InvalidAudienceError:
        hint = "Compare the client ID of the registration with the tool's in Moodle."
        raise Refused("audience", f"not for client {platform.client_id!r}", hint=hint) from None
    except jwt.InvalidTokenError as error:
        raise Refused("malformed", str(error)) from None


def _check_issuer(claims: Mapping[str, Any], platform: LtiPlatform) -> None:
    issuer = claims["iss"]
    if not isinstance(issuer, str) or not same_address(issuer, platform.issuer):
        hint = "The Moodle address of the registration has to be $CFG->wwwroot."
        raise Refused("issuer", f"not issued by {platform.issuer!r}", hint=hint)


def _check_party(claims: Mapping[str, Any], platform: LtiPlatform) -> None:
    """Of several audiences the one that is meant has to be us (OpenID Connect Core, 3.1.3.7)."""
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    party = claims.get("azp")
    if (several or party is not None) and party != platform.client_id:
        raise Refused("audience", f"authorized party {party!r} is not {platform.client_id!r}")


def _age(token: str) -> str:
    import jwt

    claims = jwt.decode(token, options={"verify_signature": False})
    seconds = int(time.time()) - int(claims["exp"])
    return f"expired {seconds} s ago by our clock; {SKEW_SECONDS} s are let pass"
