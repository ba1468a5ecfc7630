"""The two halves of a launch: sending the browser to Moodle, and reading what it brings back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from integration.domain.addresses import same_address
from integration.models import LtiPlatform
from integration.services.in_course.lti import single_use
from integration.services.in_course.lti.refusals import Advice, Refused
from integration.services.in_course.lti.state import new_state, read_state
from integration.services.in_course.lti.tokens import verified

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
ADDRESSES = "Compare the initiate login URL and the redirection URI of the tool in Moodle."
Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Launch:
    """What a signed launch says. Ids are Moodle's.

    `group_id` is what a teacher typed (0 for what is no number), None without it: only ever a
    wish among the person's own channels. `framed`: the activity is embedded in a page of Moodle.
    `teaches`: the person's role there is a teacher's or an administrator's.
    """

    user_id: int
    course_id: int
    group_id: int | None
    locale: str
    framed: bool
    teaches: bool


def authentication_request(fields: Fields, redirect_uri: str) -> str:
    """Where the browser goes with the initiation that Moodle sent (OIDC third-party login)."""
    if "id_token" in fields:
        raise Refused("address", "a launch arrives where launches begin", hint=ADDRESSES)
    platform = _platform_named(fields)
    deployment = fields.get("lti_deployment_id", "")
    if deployment:
        _check_deployment(platform, deployment)
    if not fields.get("login_hint"):
        raise Refused("malformed", "the initiation names nobody (login_hint)")
    state, nonce = new_state(platform)
    query = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": platform.client_id,
        "redirect_uri": redirect_uri,
        "login_hint": fields["login_hint"],
        "state": state,
        "nonce": nonce,
    }
    if hint := fields.get("lti_message_hint"):
        query["lti_message_hint"] = hint
    separator = "&" if "?" in platform.auth_url else "?"
    return f"{platform.auth_url}{separator}{urlencode(query)}"


def platform_of(fields: Fields) -> LtiPlatform:
    """The platform to which the state that comes back was given; Refused."""
    if "lti_version" in fields and "id_token" not in fields:
        raise Refused(
            "version",
            f"Moodle launches with {fields['lti_version'][:40]!r}",
            hint="Choose LTI 1.3 as LTI version in the tool's settings in Moodle.",
        )
    if "login_hint" in fields and "id_token" not in fields:
        raise Refused("address", "an initiation arrives where launches end", hint=ADDRESSES)
    state = read_state(fields.get("state", ""))
    platform = LtiPlatform.objects.filter(pk=state.platform_id, enabled=True).first()
    if platform is None:
        raise Refused("platform-off", "the registration was switched off or removed meanwhile")
    return platform


def accept(fields: Fields, platform: LtiPlatform) -> Launch:
    """The launch that `fields` bring, used up by this call; Refused."""
    if error := fields.get("error"):
        told = fields.get("error_description", "")[:200]
        raise Refused(
            "platform-error", f"Moodle answers {error[:80]!r}: {told!r}", advice=Advice.AGAIN
        )
    claims = verified(fields.get("id_token", ""), platform)
    _check_deployment(platform, str(claims.get(f"{CLAIM}deployment_id", "")))
    _check_message(claims)
    if claims["nonce"] != read_state(fields.get("state", "")).nonce:
        raise Refused(
            "nonce", "the token belongs to another launch than the state", advice=Advice.AGAIN
        )
    launch = _read(claims)
    if not single_use.use(claims["nonce"]):
        raise Refused("replay", "this launch was used before", advice=Advice.AGAIN)
    return launch


def _platform_named(fields: Fields) -> LtiPlatform:
    """By issuer and client id; without a client id where the issuer has just one registration.

    Compared here and not by the database: each engine has its own idea of equal texts.
    """
    issuer, client = fields.get("iss", ""), fields.get("client_id", "")
    enabled = LtiPlatform.objects.filter(enabled=True)
    found = [row for row in enabled if same_address(row.issuer, issuer)]
    if not found:
        raise Refused(
            "issuer",
            f"no enabled registration has the Moodle address {issuer[:200]!r}",
            hint="Register it under Moodle activity (LTI).",
        )
    matching = [row for row in found if client in ("", row.client_id)]
    if len(matching) != 1:
        raise Refused(
            "client",
            f"{issuer[:200]!r} is not registered with the client ID {client[:200]!r}",
            hint="Compare the client ID of the registration with the tool's in Moodle.",
        )
    return matching[0]


def _check_deployment(platform: LtiPlatform, deployment_id: str) -> None:
    if deployment_id not in platform.deployments.values_list("deployment_id", flat=True):
        raise Refused(
            "deployment",
            f"{platform.name!r} has no deployment {deployment_id[:200]!r}",
            hint="Add the deployment ID that Moodle shows under the tool's configuration details.",
        )


def _check_message(claims: Mapping[str, Any]) -> None:
    kind, version = claims.get(f"{CLAIM}message_type"), claims.get(f"{CLAIM}version")
    if (kind, version) != ("LtiResourceLinkRequest", "1.3.0"):
        raise Refused("message", f"{kind!r} of version {version!r} is not a launch of LTI 1.3")


def _read(claims: Mapping[str, Any]) -> Launch:
    user = _number(claims["sub"])
    if not user:
        raise Refused("person", f"the subject {claims['sub']!r} is not a user id of Moodle")
    course = _number(_inner(claims, "context").get("id"))
    if not course:
        raise Refused("course", "the launch does not come from a course")
    shown = _inner(claims, "launch_presentation")
    wish = _inner(claims, "custom").get("group")
    return Launch(
        user_id=user,
        course_id=course,
        group_id=None if wish in (None, "") else _number(wish),
        locale=str(shown.get("locale", "")),
        # "frame" is Moodle's word for its container "Existing window", which is no frame.
        framed=shown.get("document_target") == "iframe",
        teaches=_teaches(claims.get(f"{CLAIM}roles")),
    )


def _teaches(roles: object) -> bool:
    names = [str(role).rpartition("#")[2] for role in roles] if isinstance(roles, list) else []
    return any(name in ("Instructor", "Administrator") for name in names)


def _inner(claims: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = claims.get(f"{CLAIM}{name}")
    return value if isinstance(value, dict) else {}


def _number(value: object) -> int:
    """An id of Moodle; 0 for what is none."""
    text = str(value).strip() if isinstance(value, str | int) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
