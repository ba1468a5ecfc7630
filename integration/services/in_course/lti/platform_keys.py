"""Public keys of a platform: read anew after an hour, and when it signs with another one.

Where it cannot be read, those of the last day still count: the log-in of a whole school does not
hang on one address.
"""

import hashlib
import logging
from typing import Any

from django.core.cache import cache

from integration.models import LtiPlatform
from integration.services.in_course.lti.fetch import FetchFailed, get_json
from integration.services.in_course.lti.refusals import Advice, Refused

logger = logging.getLogger(__name__)
FRESH_SECONDS = 3600
KEEP_SECONDS = 24 * 3600  # while the platform does not answer
PAUSE_SECONDS = 30  # between two looks for a key that is not there


def key_of(platform: LtiPlatform, kid: str) -> Any:
    """The RSA public key with this id; Refused where the platform publishes none."""
    found = _remembered(platform).get(kid)
    if found is not None and cache.get(f"{_name(platform)}-fresh"):
        return found
    problem = _read_anew(platform)
    found = _remembered(platform).get(kid)
    if found is not None:
        return found
    if problem:
        hint = "rcsync's server has to reach the public keyset URL of Moodle."
        raise Refused("keys-unreachable", problem, hint=hint, advice=Advice.AGAIN)
    raise Refused(
        "key-unknown",
        f"{platform.jwks_url} publishes no key {kid[:80]!r}",
        hint="Check the public keyset URL; after a new key in Moodle wait half a minute.",
        advice=Advice.AGAIN,
    )


def published(platform: LtiPlatform) -> list[str]:
    """Ids of the keys that can be used, read now; FetchFailed."""
    document = get_json(platform.jwks_url)
    cache.set(_name(platform), document, KEEP_SECONDS)
    cache.set(f"{_name(platform)}-fresh", True, FRESH_SECONDS)
    return sorted(_usable(document))


def _remembered(platform: LtiPlatform) -> dict[str, Any]:
    return _usable(cache.get(_name(platform), {}))


def _read_anew(platform: LtiPlatform) -> str:
    """Why the keys could not be read, "" where they were. Asks at most once in PAUSE_SECONDS."""
    asked = f"{_name(platform)}-asked"
    problem: str | None = cache.get(asked)
    if problem is None:
        try:
            published(platform)
            problem = ""
        except FetchFailed as error:
            problem = str(error)
            logger.warning("lti=keys-unreachable %s", error)
        cache.set(asked, problem, PAUSE_SECONDS)
    return problem


def _usable(document: dict[str, Any]) -> dict[str, Any]:
    """RSA keys by their id; others are left out."""
    from jwt import PyJWK, PyJWTError

    found: dict[str, Any] = {}
    rows = document.get("keys")
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict) or row.get("kty") != "RSA" or not row.get("kid"):
            continue
        try:
            found[str(row["kid"])] = PyJWK.from_dict(row, algorithm="RS256").key
        except (PyJWTError, ValueError, TypeError) as error:
            logger.warning("lti=key-skipped kid=%r why=%s", row["kid"], error)
    return found


def _name(platform: LtiPlatform) -> str:
    digest = hashlib.sha256(platform.jwks_url.encode()).hexdigest()
    return f"lti-keys-{platform.pk}-{digest[:16]}"
