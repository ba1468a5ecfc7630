"""Why somebody is not signed in: for the person in general, for the log in detail."""

from enum import StrEnum


class Advice(StrEnum):
    """What helps the person who sees the page."""

    AGAIN = "again"  # sign in once more
    GROUP = "group"  # somebody has to put the person into a group
    NAME = "name"  # a local user has the name
    OFF = "off"  # an administrator of rcsync switched the user off
    SETUP = "setup"  # somebody has to repair the settings


class Refused(Exception):
    """Not signed in. `code` is shown to the person and logged; `why` is for the log.

    Neither holds a token, an authorization code, a name or an address.
    """

    def __init__(self, code: str, why: str, advice: Advice = Advice.SETUP) -> None:
        super().__init__(why)
        self.code = code
        self.why = why
        self.advice = advice
