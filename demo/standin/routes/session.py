"""Logging in and out, and who one is (contract, 1.1)."""

from __future__ import annotations

from typing import Any

from demo.standin.errors import ApiError, meteor
from demo.standin.routes.routing import Answer, Routes
from demo.standin.rules import documents
from demo.standin.state.clock import now_iso, sha256
from demo.standin.state.records import User
from demo.standin.web.call import Call

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
    return {"status": "success", "data": {"userId": user.id, "authToken": token, "me": me}}


def _resumed(call: Call) -> tuple[User, str]:
    text = str(call.body["resume"])
    token = call.world.tokens.get(sha256(text))
    if token is None:
        raise _refused(call, 403, "You've been logged out by the server. Please log in again.")
    return call.world.users[token.user_id], text


def _checked_user(call: Call) -> User:
    given = call.body.get("user") or call.body.get("username") or call.body.get("email")
    if not given or not call.body.get("password"):
        raise _refused(call, 400, "Unrecognized options for login request")
    user = call.world.user_with_email(str(given)) or call.world.user_named(str(given))
    if user is None:
        raise _refused(call, "Unauthorized", "Unauthorized")
    if _password_digest(call.body["password"]) != user.password_digest:
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
    return user


def _password_digest(password: Any) -> str:
    if isinstance(password, dict):
        return str(password.get("digest", ""))
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
    return {"status": "success", "data": {"message": "You've been logged out!"}}


@routes.add("GET", "me")
def me(call: Call) -> Answer:
    """The caller's own account."""
    user = call.caller
    services = _services(call, user)
    if not call.dialect.lists_raw_hash:
        services["password"] = {"exists": bool(user.password_digest)}
    shown = profile(call, user) | {"services": services}
    if user.verified:
        shown["email"] = user.email
    return shown


def profile(call: Call, user: User) -> dict[str, Any]:
    """The caller's own account without the ways to log in."""
    hidden = ("createdAt", "type", "__rooms", "lastLogin", "requirePasswordChange", "settings")
    document = {
        k: v for k, v in documents.user_document(call.world, user).items() if k not in hidden
    }
    settings: dict[str, Any] = {"preferences": {"idleTimeLimit": 300}}
    if call.dialect.at_least(6, 0):
        settings["profile"] = {}
    return document | {"settings": settings, "avatarUrl": f"/avatar/{user.username}"}


def _services(call: Call, user: User) -> dict[str, Any]:
    bcrypt = {"bcrypt": "not shown"} if not call.dialect.at_least(7, 0) else {"exists": True}
    services: dict[str, Any] = {"password": bcrypt}
    if user.email_two_factor:
        services["email2fa"] = {"enabled": True}
    return services


@routes.add(
    "POST",
    "users.generatePersonalAccessToken",
    permission="create-personal-access-tokens",
    two_factor=True,
)
def generate_personal_access_token(call: Call) -> Answer:
    """A new personal access token of the caller's own; its name must be new."""
    name = str(call.body.get("tokenName") or "")
    if any(token.name == name for token in call.world.tokens_of(call.caller)):
        text = "A token with this name already exists"
        method = "personalAccessTokens:generateToken"
        raise meteor("error-token-already-exists", text, method=method)
    bypass = bool(call.body.get("bypassTwoFactor"))
    return {"token": call.world.add_token(call.caller, name=name, bypass_two_factor=bypass)}


@routes.add("GET", "users.getPersonalAccessTokens", permission="create-personal-access-tokens")
def personal_access_tokens(call: Call) -> Answer:
    """The caller's own personal access tokens."""
    tokens = [token for token in call.world.tokens_of(call.caller) if token.name]
    return {"tokens": [documents.token_view(call.world, token) for token in tokens]}
