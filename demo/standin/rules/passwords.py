"""The password policy: for `users.update`, not for `users.create` (contract, 3 and 11.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from demo.standin.errors import ApiError
from demo.standin.state.world import ServerState

REFUSED = "The password provided does not meet the server's password policy."
PREFIX = "Accounts_Password_Policy_"
KINDS = (
    ("AtLeastOneLowercase", "oneLowercase", "[a-z]", "one lowercase character"),
    ("AtLeastOneUppercase", "oneUppercase", "[A-Z]", "one uppercase character"),
    ("AtLeastOneNumber", "oneNumber", "[0-9]", "one numerical character"),
    ("AtLeastOneSpecialCharacter", "oneSpecial", "[^A-Za-z0-9 ]", "one special character"),
)


def check(world: ServerState, password: str) -> None:
    """Refuses a password the site does not allow; names everything that is wrong with it."""
    if not world.settings[f"{PREFIX}Enabled"]:
        return
    details = [
        {"error": f"error-password-policy-not-met-{code}", "message": text}
        for code, text in _faults(world, password)
    ]
    if details:
        body = {"success": False, "error": REFUSED, "errorType": "error-password-policy-not-met"}
        raise ApiError(400, body | {"details": details})


def _faults(world: ServerState, password: str) -> Iterator[tuple[str, str]]:
    least, most = (world.settings[f"{PREFIX}{end}Length"] for end in ("Min", "Max"))
    if 0 < least > len(password):
        yield "minLength", "The password does not meet the minimum length password policy."
    if 0 < most < len(password):
        yield "maxLength", "The password does not meet the maximum length password policy."
    repeats = world.settings[f"{PREFIX}ForbidRepeatingCharactersCount"]
    forbids = world.settings[f"{PREFIX}ForbidRepeatingCharacters"]
    if forbids and re.search(rf"(.)\1{{{repeats},}}", password):
        text = "The password contains repeating characters which is against the password policy."
        yield "repeatingCharacters", text
    for setting, code, pattern, what in KINDS:
        if world.settings[f"{PREFIX}{setting}"] and not re.search(pattern, password):
            text = f"The password does not contain at least {what} which is against"
            yield code, f"{text} the password policy."
