"""What happened on the servers of 7.2.0, 7.7.1 and 8.6.1 besides the recorded calls.

Their recordings hold nearly every call with an effect; the notes name what they leave out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from demo.standin.constants import LONG_AGO
from tests.support.standin_client import Answer, Client
from tests.support.standin_scenes import SCENES, Stage
from tests.support.standin_tape import Case

MANY = 990

# Which personal access token a case came with, by the token's name.
TOKENS: tuple[tuple[str, str], ...] = (
    (r"nb?_2fa_(\w+_pat_bypass|setting_by_patb|pat_by_bypass)", "young-bypass"),
    (r"nb?_2fa_(PATs_by_pat|\w*_pat(_\w+)?|pat_\w+)", "young"),
    (r"nb?_pat_old_after_regenerate", "young"),
    (r"nb?_pat_(before_removal|removed_\w+)", "young-bypass"),
    (r"nb?_pat_(again_me|of_\w+)", "again"),
)
ROLE_CALLS = ("addUserToRole", "removeUserFromRole")
BY_PASSWORD = ("2fa_pat_login_no_code", "2fa_old_login", "2fa_young_login")


class LaterStage(Stage):
    """A stand-in in the part of one of the newer servers."""

    def __init__(self, cases: list[Case], server: Any, admin: str) -> None:
        super().__init__(cases, server, admin)
        self.made_tokens: dict[str, str] = {}
        self.world.options.registered = False
        if cases[0].session != "main":  # a log-in of the administrator's that is not recorded
            self.admin.last_login = LONG_AGO

    def _main_caller(self, cases: list[Case]) -> str:
        """The administrator calls first."""
        return next(case.caller for case in cases if case.caller)

    def play(self, case: Case) -> Answer:
        """The stand-in's answer to a recorded request, after whatever has to happen first."""
        self.world.ids.reserved.clear()
        if scene := LATER_SCENES.get(case.name.replace("nb_", "n_", 1)):
            scene(self)
        answer = super().play(case)
        self._keep_token(case, answer)
        return answer

    def stand_by(self, case: Case) -> None:
        """Roles are the one effect that no endpoint of the stand-in has."""
        super().stand_by(case)
        verb = case.endpoint.removeprefix("roles.")
        if verb not in ROLE_CALLS or case.status != 200 or "roomId" in case.body:
            return
        user = self.user(case.body["username"])
        role = case.body.get("roleId") or case.body["roleName"]
        user.roles = [one for one in user.roles if one != role]
        user.roles += [role] if verb == "addUserToRole" else []
        user.fragments.clear()

    def _keep_token(self, case: Case, answer: Answer) -> None:
        if case.endpoint == "users.generatePersonalAccessToken" and answer.status == 200:
            self.made_tokens[case.body["tokenName"]] = answer.body["token"]

    def token_for(self, case: Case) -> str:
        """A personal access token made on the way, or the account's session."""
        if case.name == "me_with_created_token":
            return "nonsense"
        if not case.name.endswith(BY_PASSWORD):
            for pattern, name in TOKENS:
                if re.fullmatch(pattern, case.name):
                    return self.made_tokens.get(name, "nonsense")
        return super().token_for(case)

    def body_of(self, case: Case) -> Any:
        """The recorded body; lists that were cut are whole again."""
        if case.name == "n_many_groups_create":
            missing = [f"nosuch{number}" for number in range(10)]
            return case.body | {"members": [*_many_names(MANY), *missing]}
        if case.name == "n_many_invite_500":
            return case.body | {"userIds": [self.user(name).id for name in _many_names(500)]}
        return super().body_of(case)


def _many_names(count: int) -> list[str]:
    return [f"m{number:04}" for number in range(count)]


LATER_SCENES: dict[str, Callable[[LaterStage], object]] = {}


def before(name: str) -> Callable[[Callable[[LaterStage], object]], Callable[[LaterStage], object]]:
    """Registers what has to happen right before a case is played."""

    def register(scene: Callable[[LaterStage], object]) -> Callable[[LaterStage], object]:
        LATER_SCENES[name] = scene
        return scene

    return register


@before("method_addUsersToRoom_partly_unknown")
def a_slow_server(stage: LaterStage) -> None:
    """Those who get in are not in yet when the members are read."""
    if stage.world.dialect.release != (7, 7):  # that one was quicker
        stage.world.options.late_join_seconds = 3600


@before("channels_setDescription")
def a_while_later(stage: LaterStage) -> None:
    stage.world.options.late_join_seconds = 0
    stage.world.late_joins = [replace(join, at=0) for join in stage.world.late_joins]


@before("n_users_info_app_type")
def an_app(stage: LaterStage) -> None:
    """Type and role were set in the database."""
    user = stage.user("app1")
    user.type, user.roles = "app", ["app"]
    user.fragments.clear()


@before("n_users_info_federated")
def a_federated_account(stage: LaterStage) -> None:
    user = stage.user("fed1")
    user.federated = True
    user.fragments.clear()


@before("n_users_create_bio")
@before("n_users_create_nickname")
def half_made(stage: LaterStage) -> None:
    """An account that is made though the call is refused; its id was not recorded."""
    stage.world.ids.reserved["user"].append(f"zz{stage.world.ids.text(15)}")


@before("n_listByStatus_loggedin")
def somebody_logged_in(stage: LaterStage) -> None:
    """The log-in behind the token of u09 is not recorded."""
    stage.user("u09").last_login = LONG_AGO
    stage.user("u09").fragments.clear()


@before("n_many_groups_create")
def a_thousand(stage: LaterStage) -> None:
    """Accounts that were put into the database."""
    for number, name in enumerate(_many_names(MANY)):
        stage.add_person(name, name=f"Many {number}")


@before("n_rate_plain_01")
def a_limit(stage: LaterStage) -> None:
    stage.server.configure(rate_limit=True)


@before("n_login_rate_off")
def no_limit(stage: LaterStage) -> None:
    stage.server.configure(rate_limit=False)


def _fail(times: int) -> Callable[[LaterStage], object]:
    def scene(stage: LaterStage) -> None:
        with Client(stage.server, "") as client:
            for _ in range(times):
                client.post("login", user="lg1", password="wrong")

    return scene


LATER_SCENES["n_login_failed_08"] = _fail(6)
LATER_SCENES["n_login_after_failures"] = _fail(1)


@before("users_info_verified")
def made_without_more(stage: LaterStage) -> None:
    """Nothing was said about a change of the password."""
    stage.user("verified1").require_password_change = None


@before("n_2fa_old_login")
def the_service_grows_older(stage: LaterStage) -> None:
    """The account of the service is older than the time in which nobody asks."""
    stage.user("svc").created_at = LONG_AGO


@before("n_2fa_email_login")
def a_verified_service_grows_older(stage: LaterStage) -> None:
    stage.user("svcm").created_at = LONG_AGO


__all__ = ["LATER_SCENES", "SCENES", "LaterStage"]
