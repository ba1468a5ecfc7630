"""Why a launch is refused: for the person in general, for the log in detail."""

from enum import StrEnum


class Advice(StrEnum):
    """What helps the person who sees the page."""

    AGAIN = "again"  # open the activity once more
    SETUP = "setup"  # somebody has to repair the registration


class Refused(Exception):
    """Not let in. `code` is shown to the person and logged; `why` and `hint` are for the log.

    Neither holds a token: a token is as good as the launch for a minute.
    """

    def __init__(self, code: str, why: str, *, hint: str = "", advice: Advice = Advice.SETUP):
        super().__init__(why)
        self.code = code
        self.why = why
        self.hint = hint
        self.advice = advice
