"""What happened on the recorded servers besides the recorded calls.

The recordings hold a part of what was asked of those servers. A scene does the rest: it makes the
people and rooms a recording needs, right before that recording is played.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from demo.standin import ADMIN_ID, StandIn
from demo.standin.constants import LONG_AGO
from demo.standin.rules import people
from demo.standin.state.records import Room, User
from tests.support.standin_client import Answer, Client
from tests.support.standin_tape import Case, ids_by_username

WIDE_NAMES = "[0-9a-zA-Z-_.а-яА-ЯёЁ]+"
ADMIN_PASSWORD = "adminpass"

# What came before a case, where the clocks do not tell.
BEFORE: dict[str, tuple[str, ...]] = {
    "users_update_ok": ("users_update_requires_2fa", "users_update_wrong_2fa"),
    "users_update_active_false": ("users_update_username",),
    "users_update_active_true": ("users_update_active_false",),
    "users_update_roles": ("users_update_active_true",),
    "users_update_unknown_field": ("users_update_roles",),
    "channels_create_duplicate": ("channels_create_ok",),
    "channels_list": ("channels_create_readonly_customfields",),
    "channels_invite_single": (
        "channels_list",
        "channels_members_paging",
        "channels_members_count0",
    ),
    "channels_invite_existing_member": ("channels_invite_single",),
    "channels_members_after_userIds": ("channels_invite_userIds", "channels_invite_usernames"),
    "channels_kick_ok": ("channels_members_after_inactive",),
    "channels_kick_non_member": ("channels_kick_ok",),
    "channels_setCustomFields": ("channels_setDescription", "channels_setAnnouncement"),
    "channels_members_after_method": ("method_addUsersToRoom_partly_unknown",),
    "channels_archive": ("channels_rename_bad", "channels_rename_dup"),
    "channels_archive_again": ("channels_archive",),
    "channels_create_name_of_archived": ("channels_archive",),
    "channels_info_archived": ("channels_archive",),
    "channels_invite_archived": ("channels_archive",),
    "channels_kick_archived": ("channels_archive",),
    "groups_create_duplicate": ("groups_create_ok",),
    "groups_invite": ("groups_list", "groups_listAll", "groups_listAll_query", "groups_members"),
    "groups_invite_existing": ("groups_invite",),
    "groups_invite_username": ("groups_invite",),
    "groups_invite_usernames": ("groups_invite",),
    "groups_rename": ("method_addUsersToRoom_group",),
    "groups_setTopic": ("groups_rename",),
    "groups_addModerator": ("groups_setCustomFields",),
    "groups_setCustomFields": ("groups_setDescription", "groups_setAnnouncement"),
    "groups_archive": ("groups_removeModerator", "groups_removeOwner"),
    "subs_before_deactivate": ("users_update_pat_bypass2fa",),
    "users_setActiveStatus_false": ("subs_before_deactivate",),
    "channels_members_after_reactivate": ("users_setActiveStatus_true",),
    "users_info_reactivated": ("users_setActiveStatus_true",),
    "channels_members_default_page": ("method_addUsersToRoom_bulk60",),
    "users_generatePAT_dup": ("users_generatePAT_no2fa",),
    "users_getPATs": ("users_generatePAT_bypass2fa",),
    "users_delete_again": ("users_delete_ok",),
}

# Which login a case came with, where it was not the account's usual one.
LOGINS = {
    "me_bad_token": "wrong",
    "settings_update_pat_bypass2fa": "bypass",
    "users_update_pat_bypass2fa": "bypass",
    "users_update_pat_2fa_bypassed": "bypass",
    "users_update_pat_2fa_required": "personal",
    "settings_update_2fa_required": "fresh",
    "me_with_pat2": "personal",
}


# People whose ids show only in requests about them.
PEOPLE_BY_CASE = {"pd": "p_setActiveStatus_last_owner", "pf": "p_groups_kick_ok"}


class Stage:
    """A stand-in that takes the part of a recorded server in one of its sessions."""

    def __init__(self, cases: list[Case], server: StandIn, admin: str) -> None:
        self.server = server
        self.world = server.world
        self.cases = {case.name: case for case in cases}
        self.ids = ids_by_username(cases)
        for username, name in PEOPLE_BY_CASE.items():
            if name in self.cases:
                self.ids[username] = str(self.cases[name].body["userId"])
        self.tokens: dict[str, str] = {}
        self.admin = self._cast_the_administrator(admin, self._main_caller(cases))

    def _main_caller(self, cases: list[Case]) -> str:
        """The id of the administrator: whoever calls most."""
        callers = Counter(case.caller for case in cases if case.caller)
        return callers.most_common(1)[0][0]

    def _cast_the_administrator(self, username: str, user_id: str) -> User:
        """The recorded server's own administrator instead of the stand-in's."""
        self.world.remove_user(self.world.users[ADMIN_ID])
        return self.world.add_user(
            username,
            id=user_id,
            name="Administrator",
            email="admin@example.com",
            password=ADMIN_PASSWORD,
            roles=("admin",),
            made_by_api=False,
        )

    def add_person(self, username: str, **fields: Any) -> User:
        """An account as `users.create` makes it, with the recorded id."""
        options: dict[str, Any] = {
            "id": self.ids.get(username, ""),
            "name": f"Name {username}",
            "email": f"{username}@example.com",
            "password": f"Str0ng-pass-{username}",
            "email_two_factor": True,
        }
        return self.world.add_user(username, **(options | fields))

    def room_id(self, name: str) -> str:
        """The id of the room a recorded call is about."""
        case = self.cases[name]
        return str((case.body or case.parameters)["roomId"])

    def play(self, case: Case) -> Answer:
        """The stand-in's answer to a recorded request, after whatever has to happen first."""
        if case.name in SCENES:
            SCENES[case.name](self)
        self._reserve_ids(case)
        with Client(self.server, case.caller, self.token_for(case)) as client:
            extra = {k: v for k, v in case.headers.items() if k.startswith("x-2fa")}
            body = self.body_of(case)
            return client.replay(case.method, case.path, case.parameters, body, extra)

    def token_for(self, case: Case) -> str:
        """The text of the token a case came with."""
        return self.token(case.caller, LOGINS.get(case.name, "session"))

    def body_of(self, case: Case) -> Any:
        """The body a case is sent with."""
        return case.body

    def token(self, user_id: str, label: str = "session") -> str:
        """The text of an account's token; each label is a login of its own."""
        key = f"{user_id} {label}"
        if label == "wrong" or user_id not in self.world.users:
            return "nonsense"
        if key not in self.tokens:
            user = self.world.users[user_id]
            self.tokens[key] = self.world.add_token(user, bypass_two_factor=label == "bypass")
        return self.tokens[key]

    def _reserve_ids(self, case: Case) -> None:
        if not isinstance(case.answer, dict):
            return
        if half_made := re.search(r'rid: "(\w+)"', str(case.answer.get("error"))):
            self.world.ids.reserved["room"].append(half_made[1])
        if case.status != 200:
            return
        for key, kind in CREATED.get(case.endpoint, {}).items():
            self.world.ids.reserved[kind].append(case.answer[key]["_id"])
        if case.endpoint == "teams.create":
            self.world.ids.reserved["room"].append(case.answer["team"]["roomId"])
        if case.endpoint == "rooms.createDiscussion":
            self.world.ids.reserved["name"].append(case.answer["discussion"]["name"])

    def stand_by(self, case: Case) -> None:
        """Lets a recorded call that is not offered have its effect on the others."""
        if case.name in EFFECTS and case.status == 200:
            EFFECTS[case.name](self)

    def user(self, username: str) -> User:
        """The account of that name."""
        found = self.world.user_named(username)
        assert found is not None, username
        return found

    def room(self, name: str) -> Room:
        """The room of that name."""
        found = self.world.room_named(name)
        assert found is not None, name
        return found


CREATED = {
    "users.create": {"user": "user"},
    "channels.create": {"channel": "room"},
    "groups.create": {"group": "room"},
    "import.new": {"operation": "operation"},
    "teams.create": {"team": "team"},
    "groups.convertToTeam": {"team": "team"},
    "channels.convertToTeam": {"team": "team"},
    "rooms.createDiscussion": {"discussion": "room"},
}

SCENES: dict[str, Callable[[Stage], object]] = {}


def before(name: str) -> Callable[[Callable[[Stage], object]], Callable[[Stage], object]]:
    """Registers what has to happen right before a case is played."""

    def register(scene: Callable[[Stage], object]) -> Callable[[Stage], object]:
        SCENES[name] = scene
        return scene

    return register


@before("users_info_by_userid")
def more_people(stage: Stage) -> None:
    """People the calls on rooms are about."""
    for username in ("dave", "erin", "frank", "grace", "lowpriv"):
        person = stage.add_person(username)
        people.join_default_channels(stage.world, person)


@before("p_groups_create_members")
def people_of_the_private_session(stage: Stage) -> None:
    """Six people with short names."""
    for username in ("pa", "pb", "pc", "pd", "pe", "pf"):
        stage.add_person(username, name=f"P {username}")


@before("p_groups_leave_ok")
def a_group_of_pd(stage: Stage) -> None:
    """A private group two people own; its recorded id is in the call that follows."""
    room = stage.world.add_room("p-sole", stage.admin, id=stage.room_id("p_groups_leave_ok"))
    stage.world.subscribe(room, stage.admin, roles=["owner"])
    stage.world.subscribe(room, stage.world.users[stage.ids["pd"]], roles=["owner"])
    stage.world.system_message(room)


@before("import_run")
@before("import_run_again")
def ids_of_imported_people(stage: Stage) -> None:
    """The import gives the recorded ids to those the recordings name."""
    operation = stage.world.import_operation
    assert operation is not None
    names = (record["username"] for record in operation.staged)
    ids = [stage.ids.get(name, "") for name in names if not stage.world.user_named(name)]
    stage.world.ids.reserved["imported"].extend(ids)


@before("method_addUsersToRoom_bulk60")
def a_crowd(stage: Stage) -> None:
    """Sixty people and an empty channel."""
    for number in range(60):
        stage.add_person(f"bulk{number:03}", name=f"Bulk {number}")
    room_id = stage.room_id("channels_members_default_page")
    room = stage.world.add_room("bulk-room", stage.admin, "c", id=room_id)
    stage.world.subscribe(room, stage.admin, roles=["owner"])


@before("users_setActiveStatus_last_owner")
def a_channel_of_grace(stage: Stage) -> None:
    """A public channel with one owner and somebody to hand it over to."""
    room = stage.world.add_room("owned-by-grace", stage.admin, "c")
    stage.world.subscribe(room, stage.world.users[stage.ids["grace"]], roles=["owner"])
    stage.world.subscribe(room, stage.admin)


def widen(*settings: str) -> Callable[[Stage], object]:
    """Lets other letters into names, where the server has such a setting."""

    def scene(stage: Stage) -> None:
        known = {name: WIDE_NAMES for name in settings if name in stage.world.settings}
        stage.server.configure(UI_Allow_room_names_with_special_chars=False, **known)

    return scene


def narrow(stage: Stage) -> None:
    """Back to the usual letters."""
    for name in stage.world.settings:
        if name.startswith("UTF8") and name.endswith("Validation"):
            stage.world.settings[name] = "[0-9a-zA-Z-_.]+"


SCENES["channels_create_unicode_allowed"] = widen(
    "UTF8_Channel_Names_Validation", "UTF8_User_Names_Validation"
)
SCENES["channels_create_unicode_allowed2"] = widen("UTF8_Names_Validation")
SCENES["channels_create_special_chars_allowed"] = narrow


@before("users_update_2fa_required_password")
def time_passes(stage: Stage) -> None:
    """Accounts grow older than the time in which nobody asks for a second factor."""
    for user in stage.world.users.values():
        user.created_at = LONG_AGO
        user.fragments.clear()


@before("rate_limited_429")
def many_calls(stage: Stage) -> None:
    """Nobody limits the administrator, but lowpriv has called ten times."""
    stage.server.configure(rate_limit=True)
    lowpriv = stage.ids["lowpriv"]
    with Client(stage.server, lowpriv, stage.token(lowpriv)) as client:
        for _ in range(10):
            client.get("channels.list", count=1)


@before("login_rate_limited_or_blocked")
def many_logins(stage: Stage) -> None:
    """Logins are limited for everybody."""
    with Client(stage.server, "") as client:
        for _ in range(10):
            client.post("login", user="nobody", password="wrong")


@before("users_update_2fa_plain_password")
def no_limit(stage: Stage) -> None:
    stage.server.configure(rate_limit=False)


@before("login_verified_email_user")
def somebody_verified(stage: Stage) -> None:
    """Somebody who is asked for a code by mail."""
    person = stage.add_person(
        "verified1",
        name="V",
        password="Str0ng-pass-v",
        verified=True,
        created_at=LONG_AGO,
        require_password_change=False,
    )
    people.join_default_channels(stage.world, person)


@before("p_users_update_totp")
def the_administrator_grows_older(stage: Stage) -> None:
    stage.admin.created_at = LONG_AGO


@before("lowpriv_users_create")
def grace_comes_back(stage: Stage) -> None:
    stage.user("grace").active = True


def an_unknown_role(stage: Stage) -> None:
    """An old server gives people roles that do not exist."""
    stage.user("alice").roles.append("nosuchrole")


EFFECTS: dict[str, Callable[[Stage], object]] = {
    "roles_addUserToRole_bad": an_unknown_role,
}
