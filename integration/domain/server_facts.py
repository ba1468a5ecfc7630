"""What rarely changes about a server, kept between runs so that not every run asks again."""

from collections.abc import Mapping
from dataclasses import dataclass

from integration.domain.state import NameRules

FRESH_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The version (None: the server does not tell), the rules for names, and what was found
    missing.

    `learnt_at` is unix seconds. `missing` are names that `Features` gives to what the server lacks.
    """

    url: str
    learnt_at: float
    version: tuple[int, int] | None
    rules: NameRules
    missing: frozenset[str] = frozenset()
    server_id: str = ""  # the workspace's own id, "" where it does not tell

    def is_fresh(self, url: str, now: float) -> bool:
        return self.url == url and 0 <= now - self.learnt_at < FRESH_SECONDS

    def as_json(self) -> dict[str, object]:
        return {
            "url": self.url,
            "learnt_at": self.learnt_at,
            "version": self.version and list(self.version),
            "username_pattern": self.rules.username_pattern,
            "channel_pattern": self.rules.channel_pattern,
            "free_channel_names": self.rules.free_channel_names,
            "topic_at_creation": self.rules.topic_at_creation,
            "all_texts_listed": self.rules.all_texts_listed,
            "reserved": sorted(self.rules.reserved),
            "missing": sorted(self.missing),
            "server_id": self.server_id,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> "ServerFacts | None":
        """None for what another version of rcsync stored: the server is asked again."""
        match stored:
            case {
                "url": str(url),
                "learnt_at": int() | float() as learnt_at,
                "version": version,
                "username_pattern": str(usernames),
                "channel_pattern": str(channels),
                "free_channel_names": bool(free),
                "topic_at_creation": bool(topic),
                "all_texts_listed": bool(texts),
                "reserved": list(reserved),
                "missing": list(missing),
                "server_id": str(server_id),
            }:
                words = frozenset(map(str, reserved))
                rules = NameRules(usernames, channels, free, words, topic, texts)
                known = (int(version[0]), int(version[1])) if isinstance(version, list) else None
                lacks = frozenset(map(str, missing))
                return cls(url, learnt_at, known, rules, lacks, server_id)
            case _:
                return None
