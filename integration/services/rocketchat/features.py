"""What this server can do: by its version where known, else by what it answered.

Remembered per client. The versions are those of the server's changelog.
"""

import re
import threading

from integration.domain.errors import RocketChatError, UnexpectedAnswer
from integration.domain.server_facts import ServerFacts
from integration.services.rocketchat.answers import text
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.versions import Version

LIST_BY_STATUS: Version = (6, 8)
INFO = "/api/info"  # without internet 8.6 takes 5 seconds for it (reference 11)
MEMBERS_BY_ROLE: Version = (7, 3)
TOPIC_AT_CREATION: Version = (4, 0)  # 3.11 drops it, 6.5 keeps it; between them nobody looked
ALL_TEXTS_LISTED: Version = (6, 5)  # 3.11 lists rooms without description and announcement
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})")
_NO_ARRAYS = re.compile(r"additional propert|user-?param-not-provided", re.IGNORECASE)


class Features:
    """Knowledge about one server.

    Threads may share it: each question settles on the same answer.
    """

    def __init__(self, client: RocketChat, known: ServerFacts | None = None) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._version: Version | None = known.version if known else None
        self._asked = known is not None
        self._missing: set[str] = set(known.missing) if known else set()
        self.count_unlimited = True  # count=0 returns everything (API_Allow_Infinite_Count)

    @property
    def version(self) -> Version | None:
        """Major and minor, None when the server does not tell. Costs one request, once."""
        with self._lock:
            if not self._asked:
                self._version = self._ask_version()
                self._asked = True
            return self._version

    def _ask_version(self) -> Version | None:
        try:
            answer = self._client.get(INFO, slow=True)
        except RocketChatError as error:
            if isinstance(error, UnexpectedAnswer) or error.status in (403, 404):
                return None  # hidden, by a proxy perhaps: the calls themselves will show
            raise
        found = _VERSION.match(text(answer, "version", "GET /api/info"))
        return (int(found[1]), int(found[2])) if found else None

    def has(self, feature: str, since: Version) -> bool:
        """Whether to try `feature`.

        An unknown version counts as a new one: a refusal will be remembered.
        """
        if feature in self._missing:
            return False
        return self.version is None or self.version >= since

    @property
    def missing(self) -> frozenset[str]:
        """What was found missing so far."""
        return frozenset(self._missing)

    def note_missing(self, feature: str) -> None:
        self._missing.add(feature)

    def invites_lists(self, kind: str) -> bool:
        """Whether `kind`.invite takes many people at once: not on 3.x, nor 8.8's channels."""
        return f"{kind}.invite list" not in self._missing

    def refuses_lists(self, kind: str, error: RocketChatError) -> bool:
        """Whether `error` says that lists are not taken; remembered if so.

        Such a refusal had no effect.
        """
        msg = f"{error.code} {error.answer}"
        if error.status != 400 or not _NO_ARRAYS.search(msg):
            return False
        self.note_missing(f"{kind}.invite list")
        return True
