"""Personal access tokens (contract, 1.1)."""

from __future__ import annotations

from typing import Any

from demo.standin.errors import failure, meteor
from demo.standin.routes.routing import Answer, Routes
from demo.standin.rules import documents
from demo.standin.state.records import Token
from demo.standin.web.call import Call

routes = Routes()
OWN: dict[str, Any] = {"permission": "create-personal-access-tokens"}


@routes.add("POST", "users.generatePersonalAccessToken", two_factor=True, **OWN)
def generate_personal_access_token(call: Call) -> Answer:
    """A new personal access token of the caller's own; its name must be new."""
    name = str(call.body.get("tokenName") or "")
    if not name and call.dialect.at_least(7, 0):
        raise failure("The 'tokenName' param is required")
    if any(token.name == name for token in call.world.tokens_of(call.caller)):
        text = "A token with this name already exists"
        method = "personalAccessTokens:generateToken"
        raise meteor("error-token-already-exists", text, method=method)
    bypass = bool(call.body.get("bypassTwoFactor"))
    return {"token": call.world.add_token(call.caller, name=name, bypass_two_factor=bypass)}


@routes.add("GET", "users.getPersonalAccessTokens", **OWN)
def personal_access_tokens(call: Call) -> Answer:
    """The caller's own personal access tokens."""
    tokens = [token for token in call.world.tokens_of(call.caller) if token.name]
    return {"tokens": [documents.token_view(call.world, token) for token in tokens]}


@routes.add("POST", "users.regeneratePersonalAccessToken", two_factor=True, **OWN)
def regenerate(call: Call) -> Answer:
    """Another text for a token; the old text is worth nothing any more."""
    old = _own_token(call, "regenerateToken")
    del call.world.tokens[old.digest]
    bypass = old.bypass_two_factor
    return {"token": call.world.add_token(call.caller, name=old.name, bypass_two_factor=bypass)}


@routes.add("POST", "users.removePersonalAccessToken", two_factor=True, **OWN)
def remove(call: Call) -> Answer:
    """Ends a token."""
    del call.world.tokens[_own_token(call, "removeToken").digest]
    return {}


def _own_token(call: Call, method: str) -> Token:
    name = call.body.get("tokenName")
    for token in call.world.tokens_of(call.caller):
        if token.name and token.name == name:
            return token
    text = "Token does not exist"
    raise meteor("error-token-does-not-exists", text, method=f"personalAccessTokens:{method}")
