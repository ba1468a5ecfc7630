"""A launch as a browser and the Moodle that plays LTI go through it."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client

from demo.moodle_activity import FakeMoodle


def begin(lms: FakeMoodle) -> dict[str, str]:
    """The parameters with which the browser comes to Moodle's log-in."""
    answer = Client().post("/lti/start", lms.initiation())
    assert answer.status_code == 303, answer.content
    return {name: value[0] for name, value in parse_qs(urlsplit(answer["Location"]).query).items()}


def come_back(sent: dict[str, str], token: str) -> Any:
    return Client().post("/lti/launch", {"state": sent["state"], "id_token": token})


def launch(lms: FakeMoodle, **changes: Any) -> Any:
    sent = begin(lms)
    return come_back(sent, lms.sign(lms.claims(sent["nonce"], **changes)))
