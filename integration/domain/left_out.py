"""Who and what Rocket.Chat did not let rcsync put in or make, by a decision there. Values only."""

from typing import NamedTuple


class LeftOut(NamedTuple):
    """Refused by a decision of somebody or of a policy in Rocket.Chat. `banned`: a ban. `lately`:
    not to be asked for again yet.
    """

    why: str
    banned: bool = False
    lately: bool = True
