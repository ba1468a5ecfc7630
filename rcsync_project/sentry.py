"""Errors to Sentry, where SENTRY_DSN names one: without secrets, without data of people.

Needs the extra: `./rcsync install --extra sentry`.
"""

from collections.abc import Callable, Collection
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from integration import __version__
from integration.domain import request_id

HIDDEN = "[hidden]"
SHORTEST = 4  # a shorter "secret" would be found everywhere


def start(dsn: str, environment: str, secrets: Collection[str], **options: Any) -> None:
    """Switch it on. `secrets`: values that leave this machine in no event."""
    try:
        import sentry_sdk
    except ImportError:
        raise ImproperlyConfigured(
            "SENTRY_DSN is set, but Sentry's client is not installed. "
            "Run: ./rcsync install --extra sentry"
        ) from None
    cleaned = without(secrets)
    sentry_sdk.init(
        dsn=dsn,
        release=f"rcsync@{__version__}",
        environment=environment,
        include_local_variables=False,  # they hold names, addresses and answers
        max_request_body_size="never",
        before_send=lambda event, _hint: cleaned(_tagged(event)),
        before_breadcrumb=lambda crumb, _hint: cleaned(crumb),
        traces_sample_rate=0.0,
        **options,
    )


def _tagged(event: Any) -> Any:
    request = event.get("request") or {}
    for private in ("cookies", "headers", "query_string", "data", "env"):
        request.pop(private, None)
    event.pop("user", None)
    if request_id.current():
        event.setdefault("tags", {})["request_id"] = request_id.current()
    return event


def without(secrets: Collection[str]) -> Callable[[Any], Any]:
    """Puts HIDDEN in place of the secrets in every text of a JSON value."""
    longest_first = sorted({str(one) for one in secrets if len(one) >= SHORTEST}, key=len)[::-1]

    def cleaned(value: Any) -> Any:
        if isinstance(value, str):
            for secret in longest_first:
                value = value.replace(secret, HIDDEN)
            return value
        if isinstance(value, dict):
            return {name: cleaned(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [cleaned(one) for one in value]
        return value

    return cleaned
