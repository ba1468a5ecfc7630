"""What the stand-in can do at all: without latency, and with it for the barest client."""

import http.client
import json
import threading
import time
from urllib.parse import urlsplit

from benchmarks.site import running_standin
from demo.standin import ADMIN_ID, ADMIN_TOKEN

CREATES = 3000
HEADERS = {
    "X-User-Id": ADMIN_ID,
    "X-Auth-Token": ADMIN_TOKEN,
    "Content-Type": "application/json",
}


def ceiling(like: str, connections: int) -> float:
    """Accounts created in a second over so many connections, by the barest client there is."""
    return CREATES / _seconds(like, connections, 0, CREATES)


def bare_ratio(like: str, connections: int, latency_ms: float) -> float:
    """What the barest client takes for requests, by what the latency alone would take.

    Nobody can be quicker on this machine at this moment: more than 1 by what the server needs
    beside its latency, and by what else the machine does.
    """
    requests = 100 * connections
    least = requests * latency_ms / 1000 / connections
    return _seconds(like, connections, latency_ms, requests) / least


def _seconds(like: str, connections: int, latency_ms: float, requests: int) -> float:
    with running_standin(latency_ms, like) as standin:
        place = urlsplit(standin.url)
        assert place.hostname is not None
        assert place.port is not None
        shares = [range(n, requests, connections) for n in range(connections)]
        threads = [
            threading.Thread(target=_create, args=(place.hostname, place.port, share))
            for share in shares
        ]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - started


def _create(host: str, port: int, numbers: range) -> None:
    connection = http.client.HTTPConnection(host, port, timeout=30)
    for number in numbers:
        body = {
            "username": f"ceiling{number}",
            "name": f"Person {number}",
            "email": f"ceiling{number}@scale.invalid",
            "password": "not-a-secret-0123456789-aA",
            "joinDefaultChannels": False,
        }
        connection.request("POST", "/api/v1/users.create", json.dumps(body), HEADERS)
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(answer.read())
        answer.read()
    connection.close()
