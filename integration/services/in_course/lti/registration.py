"""Moodle's dynamic registration: a link is pasted into Moodle, and both agree on the rest.

The link is signed, valid for a day and used once, because following it makes this server call the
addresses that come with it.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction

from integration.models import LtiDeployment, LtiPlatform
from integration.services.in_course.lti import single_use
from integration.services.in_course.lti.fetch import FetchFailed, get_json, post_json
from integration.services.in_course.lti.refusals import Refused

SALT = "rcsync.lti.registration"
LINK_SECONDS = 24 * 3600
TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"


@dataclass(frozen=True, slots=True)
class OurAddresses:
    """Where this tool is, as a platform has to know it."""

    start: str
    launch: str
    keyset: str

    @property
    def domain(self) -> str:
        return urlsplit(self.launch).netloc


def new_link_token() -> str:
    """The secret part of a registration link."""
    return signing.dumps(secrets.token_urlsafe(16), salt=SALT)


def register(token: str, fields: Mapping[str, str], ours: OurAddresses) -> LtiPlatform:
    """Register with the platform that `fields` name; Refused with the reason."""
    nonce = _nonce(token)
    if not single_use.use(nonce):
        raise Refused("link-used", "this registration link was used before")
    try:
        return _registered(fields, ours)
    except FetchFailed as error:
        single_use.release(nonce)
        raise Refused("platform-error", str(error)) from None
    except Refused:
        single_use.release(nonce)
        raise


def _nonce(token: str) -> str:
    try:
        return str(signing.loads(token, salt=SALT, max_age=LINK_SECONDS))
    except signing.BadSignature:
        raise Refused(
            "link-unknown", "this registration link is not complete, or older than a day"
        ) from None


def _registered(fields: Mapping[str, str], ours: OurAddresses) -> LtiPlatform:
    address = fields.get("openid_configuration", "")
    if not address:
        raise Refused("malformed", "paste the link into Moodle's tool URL; it is not a page")
    theirs = get_json(address)
    host = _host(address)
    platform = _platform(theirs, host)
    endpoint = str(theirs.get("registration_endpoint", ""))
    _check_host(endpoint, host)
    answer = post_json(endpoint, _our_description(ours), fields.get("registration_token", ""))
    return _stored(platform, answer)


def _platform(theirs: Mapping[str, Any], host: str) -> LtiPlatform:
    platform = LtiPlatform(
        name=host[:100],
        issuer=str(theirs.get("issuer", "")),
        auth_url=str(theirs.get("authorization_endpoint", "")),
        jwks_url=str(theirs.get("jwks_uri", "")),
    )
    for url in (platform.issuer, platform.auth_url, platform.jwks_url):
        _check_host(url, host)
    return platform


def _host(url: str) -> str:
    """ "" for what is no address."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def _check_host(url: str, host: str) -> None:
    """Everything is where the configuration is: the specification asks it of the issuer."""
    if not url.startswith(("http://", "https://")) or _host(url) != host:
        raise Refused("issuer", f"{url[:200]!r} is not an address of {host[:200]!r}")


def _our_description(ours: OurAddresses) -> dict[str, Any]:
    """Asks for the person's id and nothing else; none of Moodle's services is used."""
    return {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["implicit", "client_credentials"],
        "initiate_login_uri": ours.start,
        "redirect_uris": [ours.launch],
        "client_name": "Rocket.Chat",
        "jwks_uri": ours.keyset,
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": "",
        TOOL: {
            "domain": ours.domain,
            "description": "Opens the channel of the group or course in Rocket.Chat.",
            "target_link_uri": ours.launch,
            "claims": ["iss", "sub"],
            "messages": [{"type": "LtiResourceLinkRequest", "target_link_uri": ours.launch}],
        },
    }


def _stored(platform: LtiPlatform, answer: Mapping[str, Any]) -> LtiPlatform:
    tool = answer.get(TOOL)
    deployment = tool.get("deployment_id") if isinstance(tool, dict) else None
    platform.client_id = str(answer.get("client_id") or "")
    if not platform.client_id or not deployment:
        raise Refused("platform-error", "Moodle's answer has no client ID or no deployment ID")
    try:
        with transaction.atomic():
            platform.full_clean()
            platform.save()
            LtiDeployment.objects.create(platform=platform, deployment_id=str(deployment))
    except ValidationError as error:
        raise Refused("malformed", "; ".join(error.messages)) from None
    return platform
