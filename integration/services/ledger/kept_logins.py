"""The log-in that the runs of a worker share, so that not every run logs in and out.

Stored it is encrypted with RCSYNC_SECRET_KEYS and belongs to one worker, one server and one
username; for others it does not exist.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.utils import timezone

from integration.domain.secret import Secret
from integration.fields import UnreadableSecret
from integration.models import KeptLogin


class StoredLogin:
    """For all processes of a worker. Threads may ask; their connections are closed again."""

    def __init__(self, worker: str, server: str, username: str) -> None:
        self._key = {"worker": worker, "server": server, "username": username}

    def recall(self) -> tuple[str, Secret] | None:
        """Account id and token; None where there is none that we can read."""
        with _own_connection():
            try:
                row = KeptLogin.objects.filter(**self._key).first()
            except UnreadableSecret:  # the keys were changed: it is made anew
                return None
        return None if row is None else (row.user_id, Secret(row.token))

    def keep(self, user_id: str, token: Secret) -> None:
        with _own_connection():
            KeptLogin.objects.filter(worker=self._key["worker"]).exclude(**self._key).delete()
            values = {"user_id": user_id, "token": token, "kept_at": timezone.now()}
            if not KeptLogin.objects.filter(**self._key).update(**values):
                KeptLogin.objects.get_or_create(
                    worker=self._key["worker"],
                    defaults={
                        **self._key,
                        **values,
                    },
                )


class ProcessLogin:
    """For the runs of this process alone, where no key protects what is stored."""

    def __init__(self, server: str, username: str) -> None:
        self.server, self.username = server, username
        self._kept: tuple[str, Secret] | None = None

    def recall(self) -> tuple[str, Secret] | None:
        return self._kept

    def keep(self, user_id: str, token: Secret) -> None:
        self._kept = (user_id, token)


@contextmanager
def _own_connection() -> Iterator[None]:
    try:
        yield
    finally:
        if threading.current_thread() is not threading.main_thread():
            connection.close()
