"""Logging in and out, and who one is (contract, 1.1)."""

from __future__ import annotations

from typing import Any

from demo.standin.errors import ApiError, failure
from demo.standin.routes.routing import Answer, Routes
from demo.standin.rules import documents, limits
from demo.standin.state.clock import now_iso, sha256
from demo.standin.state.records import User
from demo.standin.web.call import TEXT, Call, Reply

routes = Routes()


@routes.add("POST", "login", login=False)
def login(call: Call) -> Answer:
    """With `{user|username|email, password[, code]}` or `{resume}`."""
    if "resume" in call.body:
        user, token = _resumed(call)
    else:
        user = _checked_user(call)
        token = call.world.add_token(user)
    user.last_login = now_iso()
    user.fragments.clear()
    me = profile(call, user) | {"services": _services(call, user)}
    if call.dialect.at_least(7, 7):
        me["isOAuthUser"] = False
    return {"status": "success", "data": {"userId": user.id, "authToken": token, "me": me}}


def _resumed(call: Call) -> tuple[User, str]:
    text = str(call.body["resume"])
    token = call.world.tokens.get(sha256(text))
    if token is None:
        text = "You've been logged out by the server. Please log in again."
        raise _unrecognized(call, 403, text)
    return call.world.users[token.user_id], text


def _checked_user(call: Call) -> User:
    given = call.body.get("user") or call.body.get("username") or call.body.get("email")
    if not given or not call.body.get("password"):
        raise _unrecognized(call, 400, "Unrecognized options for login request")
    user = call.world.user_with_email(str(given)) or call.world.user_named(str(given))
    if user is None:
        raise _refused(call, "Unauthorized", "Unauthorized")
    if limits.is_blocked(call.world, user):
        raise _refused(
            call,
            "error-login-blocked-for-user",
            "Login has been temporarily blocked For User",
            function="Accounts.validateLoginAttempt",
        )
    if isinstance(call.body["password"], (int, float)) and not call.dialect.at_least(7, 7):
        text = "Invalid password hash algorithm. Only 'sha-256' is allowed."
        raise ApiError(401, {"status": "error", "message": text})
    if _password_digest(call.body["password"]) != user.password_digest:
        limits.note_failed_login(call.world, user)
        if call.dialect.says_incorrect_password:
            raise _refused(call, 403, "Incorrect password")
        raise _refused(call, "Unauthorized", "Unauthorized")
    if not user.active:
        raise _refused(
            call,
            "error-user-is-not-activated",
            "User is not activated",
            function="Accounts.validateLoginAttempt",
        )
    _check_email_code(call, user, str(given))
    limits.note_login(user)
    return user


def _unrecognized(call: Call, code: int, text: str) -> ApiError:
    """Newer servers do not say what is wrong with a log-in."""
    if call.dialect.at_least(7, 0):
        return _refused(call, "Unauthorized", "Unauthorized")
    return _refused(call, code, text)


def _password_digest(password: Any) -> str:
    """The digest of a password, or the one that was sent instead.

    Over a number the server stumbles, as over other things that are neither.
    """
    if isinstance(password, dict):
        return str(password.get("digest", ""))
    if not isinstance(password, str):
        raise failure("Internal server error", status=500)
    return sha256(str(password))


def _check_email_code(call: Call, user: User, given: str) -> None:
    """E-mail codes are in force once the address is verified; none is ever right here."""
    enabled = call.world.settings["Accounts_TwoFactorAuthentication_By_Email_Enabled"]
    if not (enabled and user.email_two_factor and user.verified):
        return
    details: dict[str, Any] = {"method": "email"}
    if call.dialect.at_least(6, 0):
        details["emailOrUsername"] = given
    if "code" not in call.body:
        details |= {"codeGenerated": True, "availableMethods": ["email"]}
        raise _refused(call, "totp-required", "TOTP Required", **details)
    if call.dialect.at_least(6, 0):
        details |= {"codeGenerated": False, "codeExpires": now_iso(), "availableMethods": ["email"]}
    raise _refused(call, "totp-invalid", "TOTP Invalid", **details)


def _refused(call: Call, error: int | str, message: str, **details: Any) -> ApiError:
    body: dict[str, Any] = {"status": "error", "error": error, "message": message}
    if call.dialect.long_envelope:
        body = {"success": False, **body}
    return ApiError(401, body | ({"details": details} if details else {}))


@routes.add("POST", "logout")
def logout(call: Call) -> Answer:
    """Drops the token in use."""
    if call.token:
        del call.world.tokens[call.token.digest]
    if call.dialect.logout_says_nothing:
        return Reply(200, b"", TEXT)
    return {"status": "success", "data": {"message": "You've been logged out!"}}


@routes.add("GET", "me")
def me(call: Call) -> Answer:
    """The caller's own account."""
    user = call.caller
    services = _services(call, user)
    if not call.dialect.lists_raw_hash:
        services["password"] = {"exists": bool(user.password_digest)}
    shown = profile(call, user) | {"services": services}
    if call.dialect.at_least(7, 0):
        shown["isOAuthUser"] = False
    if user.verified:
        shown["email"] = user.email
    return shown


def profile(call: Call, user: User) -> dict[str, Any]:
    """The caller's own account without the ways to log in."""
    hidden = ["createdAt", "type", "__rooms", "lastLogin", "settings", "inactiveReason"]
    newer = call.dialect.at_least(7, 0)
    if not newer or not user.require_password_change:
        hidden.append("requirePasswordChange")
    document = {
        k: v for k, v in documents.user_document(call.world, user).items() if k not in hidden
    }
    settings: dict[str, Any] = {"preferences": {"idleTimeLimit": 300}}
    if call.dialect.at_least(6, 0):
        settings["profile"] = {}
    if call.dialect.at_least(8, 0):
        settings["calendar"] = {}
    return document | {"settings": settings, "avatarUrl": f"/avatar/{user.username}"}


def _services(call: Call, user: User) -> dict[str, Any]:
    bcrypt = {"bcrypt": "not shown"} if not call.dialect.at_least(7, 7) else {"exists": True}
    services: dict[str, Any] = {"password": bcrypt}
    if user.email_two_factor:
        services["email2fa"] = {"enabled": True}
    return services
