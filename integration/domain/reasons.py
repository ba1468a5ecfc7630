"""Reasons that people give for what they decide. Pure."""

from integration.domain.errors import ConfigurationError
from integration.domain.messages import msg

SAY_WHY = msg("Say in a sentence why.")


def check(reason: str, without: str, hint: str = SAY_WHY) -> None:
    """ConfigurationError with the words of `without` where no reason is given."""
    if not reason.strip():
        raise ConfigurationError(without, hint=hint)
