"""The rules for accounts: creating, updating, (de)activating (contract, 2.1)."""

from __future__ import annotations

import json
from typing import Any

from demo.standin.errors import ApiError, action_not_allowed, failure, meteor
from demo.standin.rules import addresses, limits, names, passwords
from demo.standin.state.clock import sha256
from demo.standin.state.records import Room, User
from demo.standin.state.world import ServerState

BIO, NICKNAME = 260, 120  # characters


def create(world: ServerState, caller: User, data: dict[str, Any]) -> User:
    """`users.create`, after the schema. The password policy is not enforced here."""
    if not world.allowed(caller, "create-user"):
        raise action_not_allowed("Adding user", "insertOrUpdateUser", "Adding_user")
    _check_new_account(world, caller, data)
    user = _store_new_account(world, data)
    if world.dialect.at_least(7, 0):
        _check_lengths(data)  # too late: the refused account is there
    if data.get("joinDefaultChannels", True):
        join_default_channels(world, user)
    if data.get("active") is False:
        user.active, user.inactive_reason = False, "deactivated"
    return user


def _check_new_account(world: ServerState, caller: User, data: dict[str, Any]) -> None:
    _check_display_name(data)
    _check_custom_fields(world, data)
    _check_roles(world, caller, data.get("roles", []))
    if world.settings["Accounts_RequireNameForSignUp"]:
        _require(data, "name", "Name")
    _require(data, "username", "Username")
    names.check_username_characters(world, data["username"])
    if not data["password"] and not data.get("setRandomPassword"):
        raise _missing("Password")
    names.check_username_is_free(world, data["username"])
    addresses.check(world, data["email"])
    if world.user_with_email(data["email"]):
        raise names.in_use(data["email"])
    limits.check_seat(world)


def _check_display_name(data: dict[str, Any]) -> None:
    if names.is_invalid_name(data.get("name") or ""):
        raise failure("Name contains invalid characters")


def _check_lengths(data: dict[str, Any]) -> None:
    """Refuses texts about a person that are too long."""
    for key, label, most in (("bio", "Bio", BIO), ("nickname", "Nickname", NICKNAME)):
        if len(data.get(key) or "") > most:
            text = f"{label} size exceeds {most} characters"
            raise meteor(f"error-{key}-size-exceeded", text, method="saveUserProfile")


def _check_custom_fields(world: ServerState, data: dict[str, Any]) -> None:
    """Refuses values the site has rules against."""
    for key, rule in _custom_field_rules(world).items():
        _check_custom_field(key, rule, data.get("customFields", {}).get(key))


def _custom_field_rules(world: ServerState) -> dict[str, Any]:
    text = world.settings["Accounts_CustomFields"]
    return dict(json.loads(text)) if text.strip() else {}


def _check_custom_field(key: str, rule: dict[str, Any], value: Any) -> None:
    if not isinstance(value, str):
        return
    for word, wrong in (("min", len(value) < rule.get("minLength", 0)),
                        ("max", len(value) > rule.get("maxLength", len(value)))):  # fmt: skip
        if wrong:
            text = f"{word.capitalize()} length of field {key} {rule[f'{word}Length']}"
            raise meteor("error-user-registration-custom-field", text, method="registerUser")


def _require(data: dict[str, Any], key: str, label: str) -> None:
    if not str(data[key]).strip():
        raise _missing(label)


def _missing(label: str) -> ApiError:
    return meteor(
        "error-the-field-is-required",
        f"The field {label} is required",
        method="insertOrUpdateUser",
        field=label,
    )


def _check_roles(world: ServerState, caller: User, roles: list[str]) -> None:
    if any(role not in world.roles for role in roles):
        word = "id" if world.dialect.at_least(4, 0) else "name"
        raise meteor(
            "error-action-not-allowed",
            f"The field Roles consist invalid role {word}",
            method="insertOrUpdateUser",
            action="Assign_role",
        )
    if "admin" in roles and not world.allowed(caller, "assign-admin-role"):
        raise action_not_allowed("Assigning admin", "insertOrUpdateUser", "Assign_admin")


def _store_new_account(world: ServerState, data: dict[str, Any]) -> User:
    default_roles = world.settings["Accounts_Registration_Users_Default_Roles"].split(",")
    change = data.get("requirePasswordChange") or data.get("setRandomPassword")
    opted_in = world.settings["Accounts_TwoFactorAuthentication_By_Email_Auto_Opt_In"]
    approved = not world.settings["Accounts_ManuallyApproveNewUsers"]
    return world.add_user(
        data["username"].strip(),
        name=data["name"],
        email=data["email"] if world.dialect.at_least(7, 0) else data["email"].strip(),
        password=data["password"] or world.ids.text(20),
        roles=data.get("roles") or default_roles,
        verified=bool(data.get("verified")),
        active=approved,
        inactive_reason="" if approved else "pending_approval",
        bio=data.get("bio", ""),
        nickname=data.get("nickname", ""),
        require_password_change=bool(change) if "requirePasswordChange" in data else change or None,
        email_two_factor=opted_in,
        custom_fields=_known_custom_fields(world, data.get("customFields", {})),
    )


def _known_custom_fields(world: ServerState, fields: dict[str, Any]) -> dict[str, Any]:
    """Keys the site does not define are dropped in silence."""
    defined = _custom_field_rules(world)
    return {key: value for key, value in fields.items() if key in defined}


def join_default_channels(world: ServerState, user: User) -> None:
    """New people join the default channels unless the caller says otherwise."""
    for room in [room for room in world.rooms.values() if room.default]:
        world.subscribe(room, user)
        world.system_message(room)


def update(world: ServerState, caller: User, user_id: str, data: dict[str, Any]) -> User:
    """`users.update`, after schema and second factor.

    Newer servers erase a bio or nickname that is omitted.
    """
    if not world.allowed(caller, "edit-other-user-info"):
        raise action_not_allowed("Editing user", "insertOrUpdateUser", "Editing_user")
    user = world.users.get(user_id)
    if user is None:
        raise _unknown_account(world)
    data = _only_allowed(world, caller, data)
    if world.dialect.at_least(7, 0):
        _check_update(world, data)
    _update_identity(world, user, data)
    _update_profile(world, user, data)
    if "active" in data:
        set_active(world, user, active=data["active"], relinquish=False)
    world.touch_user(user)
    return user


def _unknown_account(world: ServerState) -> ApiError:
    """The refusal of an update without a target: four versions, four ways."""
    if world.dialect.at_least(7, 7):
        return meteor("error-user-not-found", "User not found", method="saveUser")
    if world.dialect.at_least(7, 0):
        return meteor("error-invalid-user", "Invalid user")
    missing = "'roles' of null" if world.dialect.at_least(4, 0) else "'username' of undefined"
    return failure(f"Cannot read property {missing}")


def _check_update(world: ServerState, data: dict[str, Any]) -> None:
    _check_display_name(data)
    _check_lengths(data)
    _check_custom_fields(world, data)
    if data.get("password"):
        passwords.check(world, data["password"])


def _only_allowed(world: ServerState, caller: User, data: dict[str, Any]) -> dict[str, Any]:
    """Roles need a right of their own; so does a password, which is dropped in silence."""
    _check_roles(world, caller, data.get("roles", []))
    if "roles" in data and not world.allowed(caller, "assign-roles"):
        raise action_not_allowed("Assigning roles", "insertOrUpdateUser", "Assign_role")
    if world.allowed(caller, "edit-other-user-password"):
        return data
    return {key: value for key, value in data.items() if key != "password"}


def _update_identity(world: ServerState, user: User, data: dict[str, Any]) -> None:
    username = data.get("username") or user.username
    if username != user.username:
        names.check_username_characters(world, username)
        is_other = world.user_named(username) not in (None, user) or world.team_named(username)
        if is_other or names.is_reserved(world, username):
            raise _identity_not_saved()
    if world.dialect.at_least(7, 0) and "name" in data and not str(data["name"]).strip():
        raise _identity_not_saved()
    addresses.change(world, user, data)
    if username != user.username:
        world.rename_user(user, username)


def _identity_not_saved() -> ApiError:
    text = "Could not save user identity"
    return meteor("error-could-not-save-identity", text, method="saveUser")


def _update_profile(world: ServerState, user: User, data: dict[str, Any]) -> None:
    if "name" in data:
        user.name = _stored_name(world, data["name"])
    user.roles = list(data.get("roles", user.roles))
    user.verified = data.get("verified", user.verified)
    if data.get("password"):
        user.password_digest = sha256(data["password"])
    if "requirePasswordChange" in data:
        user.require_password_change = data["requirePasswordChange"]
    erases = world.dialect.at_least(4, 0)
    user.bio = data.get("bio", "" if erases else user.bio)
    user.nickname = data.get("nickname", "" if erases else user.nickname)
    if "customFields" in data:
        kept = user.custom_fields if world.dialect.at_least(7, 10) else {}
        user.custom_fields = kept | _known_custom_fields(world, data["customFields"])


def _stored_name(world: ServerState, name: str | None) -> str:
    """Newer servers trim a name that is changed, and write nothing as the word "null"."""
    if not world.dialect.at_least(7, 0):
        return name or ""
    return "null" if name is None else name.strip()


def set_active(world: ServerState, user: User, *, active: bool, relinquish: bool) -> None:
    """Activates or deactivates; a deactivated account keeps its rooms and loses its tokens.

    Raises:
        ApiError: it is the last active administrator, or `user-last-owner` somewhere.
    """
    if not active:
        _check_last_admin(world, user)
        _leave_ownerships(world, user, relinquish=relinquish)
        world.drop_tokens(user)
    elif not user.active:
        limits.check_seat(world)
    user.active = active
    user.inactive_reason = "" if active else "deactivated"
    world.touch_user(user)


def _check_last_admin(world: ServerState, user: User) -> None:
    if "admin" not in user.roles or not world.dialect.protects_last_active_admin:
        return
    others = (u for u in world.users.values() if u is not user and u.active)
    if not any("admin" in other.roles for other in others):
        raise action_not_allowed(
            "Leaving the app without an active admin", "removeUserFromRole", "Remove_last_admin"
        )


def _leave_ownerships(world: ServerState, user: User, *, relinquish: bool) -> None:
    to_remove, to_hand_over = sole_ownerships(world, user)
    if (to_remove or to_hand_over) and not relinquish:
        raise meteor(
            "user-last-owner",
            shouldBeRemoved=[room.name for room in to_remove],
            shouldChangeOwner=[room.name for room in to_hand_over],
        )
    for room in to_hand_over:
        heir = _heir(world, room, user)
        if heir is not None:
            room.members[heir.id].roles.append("owner")
    for room in to_remove:
        world.remove_room(room)


def delete(world: ServerState, user: User, *, relinquish: bool) -> list[str]:
    """Deletes an account and answers the ids of the rooms that went with it."""
    before = set(world.rooms)
    others = (u for u in world.users.values() if u is not user)
    if not world.dialect.at_least(7, 7) and not any("admin" in other.roles for other in others):
        text = "Leaving the app without admins"
        raise action_not_allowed(text, "deleteUser", "Remove_last_admin")
    _leave_ownerships(world, user, relinquish=relinquish)
    world.remove_user(user)
    return sorted(before - set(world.rooms))


def sole_ownerships(world: ServerState, user: User) -> tuple[list[Room], list[Room]]:
    """Rooms that would be deleted, and rooms that would get another owner, without this person.

    A private room nobody active would be left in is deleted, also when the person is a plain
    member and the only one (contract, 2.1).
    """
    to_remove, to_hand_over = [], []
    for room_id, entry in user.subscriptions.items():
        room = world.rooms[room_id]
        if "owner" in entry.roles and owners(room) == [user.id]:
            if _heir(world, room, user):
                to_hand_over.append(room)
            elif room.t != "c":
                to_remove.append(room)
        elif room.t != "c" and list(room.members) == [user.id]:
            to_remove.append(room)
    return to_remove, to_hand_over


def owners(room: Room) -> list[str]:
    """The ids of a room's owners."""
    return [user_id for user_id, entry in room.members.items() if "owner" in entry.roles]


def _heir(world: ServerState, room: Room, leaving: User) -> User | None:
    """The active member who has been in the room longest."""
    entries = sorted(room.members.values(), key=lambda entry: entry.serial)
    people = (world.users[entry.user_id] for entry in entries)
    return next((user for user in people if user is not leaving and user.active), None)
