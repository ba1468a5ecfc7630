"""The state that goes to Moodle and comes back: signed, valid for minutes, stored nowhere."""

import secrets
from dataclasses import dataclass

from django.core import signing

from integration.models import LtiPlatform
from integration.services.in_course.lti.refusals import Advice, Refused

SALT = "rcsync.lti.state"
STATE_SECONDS = 600  # somebody may have to sign in to Moodle on the way


@dataclass(frozen=True, slots=True)
class State:
    """`platform_id` is the primary key of the platform that was asked."""

    platform_id: int
    nonce: str


def new_state(platform: LtiPlatform) -> tuple[str, str]:
    """The state to send, and the nonce that Moodle has to sign."""
    nonce = secrets.token_urlsafe(24)
    return signing.dumps([platform.pk, nonce], salt=SALT), nonce


def read_state(text: str) -> State:
    """What we sent; Refused where it is not ours or too old."""
    try:
        platform_id, nonce = signing.loads(text, salt=SALT, max_age=STATE_SECONDS)
    except signing.SignatureExpired:
        raise Refused(
            "state-expired",
            f"the launch came back more than {STATE_SECONDS} s after it began",
            advice=Advice.AGAIN,
        ) from None
    except (signing.BadSignature, ValueError, TypeError):
        raise Refused(
            "state-unknown",
            "the launch did not begin here, or SECRET_KEY has changed since",
            hint="If it happens again, check the initiation URL in the tool's settings in Moodle.",
            advice=Advice.AGAIN,
        ) from None
    return State(platform_id, nonce)
