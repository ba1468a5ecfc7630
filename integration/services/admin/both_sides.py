"""Moodle and Rocket.Chat read whole, outside of a run: for decisions that look first."""

from collections.abc import Callable
from dataclasses import dataclass

from integration.domain.policy import Policy
from integration.domain.state import EVERYTHING, Managed, RemoteState
from integration.services.ledger.managed import integrated_courses
from integration.services.ledger.policy import load_policy
from integration.services.moodle.reader import MoodleReader
from integration.services.rocketchat import RocketChatRemote, connect
from integration.services.runs.configured_connection import rocketchat_connection
from integration.services.sync.desired import Desired, desire


@dataclass(frozen=True, slots=True)
class BothSides:
    policy: Policy
    desired: Desired
    remote: RemoteState


def read_both_sides(managed: Managed, read: Callable[[RocketChatRemote], RemoteState]) -> BothSides:
    """What should be true of all integrated courses, and what `read` gives of Rocket.Chat.

    SourceError, RocketChatError or ConfigurationError.
    """
    moodle = MoodleReader().read(
        EVERYTHING, integrated=integrated_courses(), linked_users=set(managed.accounts)
    )
    policy = load_policy(moodle.role_names)
    with connect(rocketchat_connection()) as remote:
        desired = desire(moodle, policy, remote.name_rules(), managed, EVERYTHING)
        return BothSides(policy, desired, read(remote))
