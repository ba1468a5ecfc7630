"""Refusals in the shapes a Rocket.Chat server gives them."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A refused call: the status and body the caller gets."""

    def __init__(
        self, status: int, body: dict[str, Any], headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = headers


def failure(text: str, status: int = 400) -> ApiError:
    """A plain failure: no errorType."""
    return ApiError(status, {"success": False, "error": text})


def meteor(code: str, reason: str = "", status: int = 400, **details: Any) -> ApiError:
    """A `Meteor.Error(code, reason, details)` thrown by an action."""
    body: dict[str, Any] = {
        "success": False,
        "error": f"{reason} [{code}]" if reason else f"[{code}]",
        "errorType": code,
    }
    if details:
        body["details"] = details
    return ApiError(status, body)


def named(code: str, kind: str) -> ApiError:
    """An error thrown without a reason, whose arguments the server mixes up: no brackets."""
    return ApiError(400, {"success": False, "error": code, "errorType": kind})


def not_allowed(method: str) -> ApiError:
    """What membership and role actions say to a caller without the right."""
    return meteor("error-not-allowed", "Not allowed", method=method)


def action_not_allowed(text: str, method: str, action: str) -> ApiError:
    """What account and settings actions say to a caller without the right."""
    reason = f"{text} is not allowed"
    return meteor("error-action-not-allowed", reason, method=method, action=action)
