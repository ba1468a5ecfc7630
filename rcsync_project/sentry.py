"""Errors to Sentry, where SENTRY_DSN names one: without secrets, without data of people.

What leaves is listed here, and the rest stays: Sentry's client collects more with each version,
and any text (of an exception, of a log line, of a query) may hold a name.

Needs the extra: `./rcsync install --extra sentry`.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from integration import __version__
from integration.domain import request_id

HIDDEN = "[hidden]"
SHORTEST = 4  # a shorter "secret" would be found everywhere
EVENT = (
    *("event_id", "timestamp", "platform", "level", "logger", "release", "environment"),
    *("server_name", "sdk", "modules"),
)
EXCEPTION = ("type", "module")
MECHANISM = ("type", "handled", "exception_id", "parent_id", "is_exception_group")
FRAME = ("filename", "module", "function", "lineno", "in_app")
BREADCRUMB = ("type", "category", "level", "timestamp")
BREADCRUMB_DATA = ("http.method", "method", "http.response.status_code", "status_code")
# Their log lines are constant patterns, with what they are about as arguments.
PATTERNS_OF = re.compile(r"(integration|rcsync_project|moodle|django\.request)(\..*)?")

Json = dict[str, Any]


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
        before_send=lambda event, _hint: cleaned(told(event)),
        before_breadcrumb=lambda crumb, hint: cleaned(told_breadcrumb(crumb, hint)),
        auto_session_tracking=False,
        traces_sample_rate=0.0,
        **options,
    )


def told(event: Any) -> Any:
    """What Sentry is told of an event."""
    kept = _some(event, EVENT)
    if "exception" in event:
        kept["exception"] = {"values": [_exception(one) for one in _values(event["exception"])]}
    if "breadcrumbs" in event:  # each was cleaned when it was left
        kept["breadcrumbs"] = event["breadcrumbs"]
    if "logentry" in event:
        text = event["logentry"].get("message", "")
        kept["logentry"] = {"message": _pattern(event.get("logger"), text)}
    if "message" in event:
        kept["message"] = HIDDEN
    if (event.get("transaction_info") or {}).get("source") == "route":  # else it is the address
        kept["transaction"] = event["transaction"]
        kept["transaction_info"] = {"source": "route"}
    if "request" in event:
        kept["request"] = _some(event["request"], ("method",))
    contexts = event.get("contexts") or {}
    kept["contexts"] = {
        "runtime": _some(contexts.get("runtime") or {}, ("name", "version")),
        "trace": _some(contexts.get("trace") or {}, ("trace_id", "span_id")),
    }
    if request_id.current():
        kept["tags"] = {"request_id": request_id.current()}
    return kept


def told_breadcrumb(crumb: Any, hint: Any) -> Any:
    """What Sentry is told of something that happened before an error."""
    kept = _some(crumb, BREADCRUMB)
    if data := _some(crumb.get("data") or {}, BREADCRUMB_DATA):
        kept["data"] = data
    record = (hint or {}).get("log_record")
    if record is not None:
        kept["message"] = _pattern(record.name, record.msg)
    elif crumb.get("message"):
        kept["message"] = HIDDEN
    return kept


def _exception(value: Any) -> Json:
    kept: Json = {**_some(value, EXCEPTION), "value": HIDDEN}
    if value.get("mechanism"):
        kept["mechanism"] = _some(value["mechanism"], MECHANISM)
    if value.get("stacktrace"):
        frames = value["stacktrace"].get("frames") or []
        kept["stacktrace"] = {"frames": [_some(frame, FRAME) for frame in frames]}
    return kept


def _pattern(logger: object, message: object) -> str:
    ours = PATTERNS_OF.fullmatch(str(logger or ""))
    return message if ours and isinstance(message, str) else HIDDEN


def _values(several: Any) -> list[Any]:
    return several.get("values", []) if isinstance(several, Mapping) else several


def _some(value: Any, names: Collection[str]) -> Json:
    return {name: value[name] for name in names if value.get(name) is not None}


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
