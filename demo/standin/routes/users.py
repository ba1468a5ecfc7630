"""users.* (contract, 2.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from demo.standin.dialects import forbidden
from demo.standin.errors import ApiError, failure
from demo.standin.routes.routing import Answer, Routes
from demo.standin.rules import documents, people
from demo.standin.rules.targets import one_user
from demo.standin.state.records import User
from demo.standin.web import mongo_query, paging
from demo.standin.web.call import Call, to_json

routes = Routes()


@routes.add("POST", "users.create")
def create(call: Call) -> Answer:
    """A new account."""
    user = people.create(call.world, call.caller, call.body)
    return {"user": documents.user_document(call.world, user)}


@routes.add("POST", "users.update", two_factor=True)
def update(call: Call) -> Answer:
    """Other values for an account."""
    user = people.update(call.world, call.caller, call.body["userId"], call.body["data"])
    return {"user": documents.user_document(call.world, user)}


@routes.add("POST", "users.setActiveStatus", permission="edit-other-user-active-status")
def set_active_status(call: Call) -> Answer:
    """Activates or deactivates an account."""
    user = call.world.users.get(call.body["userId"])
    if user is None:
        if call.dialect.at_least(4, 0):
            raise failure("User not found")
        return {}
    people.set_active(
        call.world,
        user,
        active=call.body["activeStatus"],
        relinquish=bool(call.body.get("confirmRelinquish")),
    )
    return {"user": {"_id": user.id, "active": user.active}}


@routes.add("POST", "users.forgotPassword", login=False)
def forgot_password(call: Call) -> Answer:
    """A mail with a link to set a password. Not recorded: as the server's code has it."""
    email = str(call.body.get("email") or "")
    if not call.world.settings.get("Accounts_PasswordReset", True):
        raise failure("Password reset is not enabled")
    if not email:
        raise failure("The 'email' param is required")
    user = call.world.user_with_email(email)
    if user is None or not call.world.options.sends_mail:
        raise failure("User not found")
    call.world.mails.append(email.lower())
    return {}


@routes.add("GET", "users.info")
def info(call: Call) -> Answer:
    """One account; with its rooms if asked for and allowed."""
    user = _asked_user(call)
    if user is None:
        raise _nobody(call)
    full = call.world.allowed(call.caller, "view-full-other-user-info")
    shown = documents.user_info(call.world, user, full=full)
    if _wants_rooms(call) and call.world.allowed(call.caller, "view-other-user-channels"):
        shown["rooms"] = documents.user_rooms(call.world, user)
    return {"user": shown}


def _asked_user(call: Call) -> User | None:
    """Usernames are matched with their case; addresses are for whoever may see them.

    A very old server asked for nobody shows anybody.
    """
    if user_id := call.parameter("userId"):
        return call.world.users.get(user_id)
    if username := call.parameter("username"):
        user = call.world.user_named(username)
        return user if user and user.username == username else None
    if import_id := call.parameter("importId"):
        users = call.world.users.values()
        return next((user for user in users if import_id in user.import_ids), None)
    if email := call.parameter("email"):
        may_see = call.world.allowed(call.caller, "view-full-other-user-info")
        return call.world.user_with_email(email) if may_see else None
    return None if call.dialect.at_least(7, 0) else call.world.users["rocket.cat"]


def _nobody(call: Call) -> ApiError:
    asked = any(call.parameter(key) for key in ("userId", "username", "importId", "email"))
    return failure("User not found." if asked else "Invalid search query.")


def _wants_rooms(call: Call) -> bool:
    if call.dialect.query_is_obeyed:
        return bool(mongo_query.parsed(call.parameter("fields"), "fields").get("userRooms"))
    return call.parameter("includeUserRooms") == "true"


@routes.add("GET", "users.list", permission="view-d-room")
def list_all(call: Call) -> Answer:
    """All accounts, the deactivated ones and bots included."""
    full = call.world.allowed(call.caller, "view-full-other-user-info")
    if call.dialect.query_is_obeyed and (call.parameter("query") or call.parameter("fields")):
        return _queried_list(call, full=full)
    users = _in_order(call)
    email = call.parameter("email") if call.dialect.at_least(8, 4) else ""
    if email:
        if not full:
            raise forbidden(call.dialect)
        users = [user for user in users if user.email.lower() == email.lower()]
    return paging.page(
        call, "users", users, lambda user: documents.user_fragment(call.world, user, full=full)
    )


def _queried_list(call: Call, *, full: bool) -> Answer:
    """The slow way, for servers that obey `query` and `fields`."""
    query = mongo_query.parsed(call.parameter("query"), "query")
    fields = mongo_query.parsed(call.parameter("fields"), "fields")
    if call.dialect.fields_are_obeyed_by_users:
        mongo_query.refuse_where(query)
    query.pop("$where", None)
    listed = [documents.listed_user(call.world, user, full=full) for user in _in_order(call)]
    chosen = [document for document in listed if mongo_query.matches(document, query)]
    if call.dialect.fields_are_obeyed_by_users and fields:
        chosen = [mongo_query.projected(document, fields) for document in chosen]
    return paging.page(call, "users", chosen, to_json)


SORT_KEYS: dict[str, Callable[[User], Any]] = {
    "_id": lambda user: user.id,
    "username": lambda user: user.username,
    "name": lambda user: user.name,
    "createdAt": lambda user: user.created_at,
    "active": lambda user: user.active,
}


def _in_order(call: Call) -> list[User]:
    """All accounts by the call's `sort`, by username if there is none."""
    order = paging.sort_order(call, "username")
    if order == [("username", False)]:
        return call.world.users_by("username")
    if order == [("_id", False)]:
        return call.world.users_by("id")
    users = list(call.world.users.values())
    for name, descending in reversed(order):
        if name in SORT_KEYS:
            users.sort(key=SORT_KEYS[name], reverse=descending)
    return users


@routes.add("GET", "users.listByStatus", permission="view-d-room", since=(6, 8))
def list_by_status(call: Call) -> Answer:
    """All accounts, or only the active or the deactivated ones."""
    users = [user for user in _in_order(call) if _is_wanted(call, user)]
    return paging.page(
        call, "users", users, lambda user: documents.user_by_status_fragment(call.world, user)
    )


def _is_wanted(call: Call, user: User) -> bool:
    status, roles = call.parameter("status"), call.parameters("roles")
    term, kind = call.parameter("searchTerm").lower(), call.parameter("type")
    haystack = f"{user.username}\n{user.name}\n{user.email}".lower()
    reasons, logged_in = call.parameters("inactiveReason"), call.parameter("hasLoggedIn")
    return (
        (not reasons or user.inactive_reason in ("", *reasons))
        and (not logged_in or bool(user.last_login) == (logged_in == "true"))
        and (not status or user.active == (status == "active"))
        and (not roles or bool(set(roles) & set(user.roles)))
        and (not kind or user.type == kind)
        and term in haystack
    )


@routes.add("GET", "users.autocomplete")
def autocomplete(call: Call) -> Answer:
    """Active accounts whose username or name holds the term."""
    term = str(mongo_query.parsed(call.parameter("selector"), "selector").get("term", "")).lower()
    found = [
        user
        for user in call.world.users.values()
        if user.active and (term in user.username.lower() or term in user.name.lower())
    ]
    return {"items": [_suggestion(user) for user in found[:10]]}


def _suggestion(user: User) -> dict[str, Any]:
    return {"_id": user.id, "username": user.username, "status": "offline", "name": user.name}


@routes.add("POST", "users.delete", permission="delete-user")
def delete(call: Call) -> Answer:
    """Deletes an account; rooms nobody else owns are handed over or deleted on request."""
    user = one_user(call)
    relinquish = bool(call.body.get("confirmRelinquish"))
    gone = people.delete(call.world, user, relinquish=relinquish)
    return {"deletedRooms": gone} if call.dialect.at_least(7, 13) else {}
