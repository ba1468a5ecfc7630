"""Which versions of Rocket.Chat rcsync was made for. The numbers are major and minor."""

Version = tuple[int, int]
OLDEST: Version = (3, 11)
NEWEST: Version = (9, 0)
OBSERVED_UP_TO: Version = (8, 6)
"""Real servers were recorded up to here; newer ones are known from schemas and release notes."""
SUPPORTED = "3.11 to 9.0"
