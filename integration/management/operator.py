"""Who works at the command line: somebody who may read the secrets may also decide."""

import getpass


class Operator:
    """The person at the command line, as a user who may do everything."""

    def __init__(self, name: str = "") -> None:
        self.name = name or _login()

    def get_username(self) -> str:
        return self.name

    def has_perm(self, _perm: str) -> bool:
        return True


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "command line"
