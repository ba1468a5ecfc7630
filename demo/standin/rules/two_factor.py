"""The second factor some calls ask for (contract, 1.2)."""

from __future__ import annotations

import calendar
import time
from typing import Any

from demo.standin.errors import ApiError, meteor
from demo.standin.state.records import User
from demo.standin.web.call import Call


def demand(call: Call) -> None:
    """Lets a call through, or asks for the caller's password as second factor.

    Raises:
        ApiError: `totp-required` or `totp-invalid`.
    """
    if not _is_asked(call):
        return
    headers = call.request.headers
    code, method = headers.get("x-2fa-code"), headers.get("x-2fa-method")
    newer = call.dialect.at_least(7, 0)
    if not code or (method != "password" and not newer):
        raise _refused(call, "totp-required", "TOTP Required")
    if method in ("totp", "email"):
        raise _refused(call, "totp-invalid", "TOTP Invalid", method)
    if code != call.caller.password_digest:
        raise _refused(call, "totp-invalid", "TOTP Invalid")
    _remember(call)


def _is_asked(call: Call) -> bool:
    settings = call.world.settings
    if not settings["Accounts_TwoFactorAuthentication_Enabled"]:
        return False
    if not settings["Accounts_TwoFactorAuthentication_Enforce_Password_Fallback"]:
        return False
    token = call.token
    if token and (token.bypass_two_factor or token.trusted_until > time.time()):
        return False
    return age(call.caller) >= settings["Accounts_TwoFactorAuthentication_RememberFor"]


def age(user: User) -> float:
    """Seconds since the account was made: a young one is not asked."""
    made = time.strptime(user.created_at[:19], "%Y-%m-%dT%H:%M:%S")
    return time.time() - calendar.timegm(made)


def _remember(call: Call) -> None:
    if call.token:
        seconds = call.world.settings["Accounts_TwoFactorAuthentication_RememberFor"]
        call.token.trusted_until = time.time() + seconds


def _refused(call: Call, code: str, reason: str, method: str = "password") -> ApiError:
    details: dict[str, Any] = {"method": method}
    if code == "totp-required" or call.dialect.at_least(6, 0):
        details |= {"codeGenerated": method == "email", "availableMethods": []}
    return meteor(code, reason, **details)
