"""What gunicorn says by itself has the form of every other line: LOG_FORMAT."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support.paths import ROOT

PATIENCE = 60
LINE = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+ [A-Z]+ gunicorn\.error \[-\] \S.*")
APPLICATION = """
def application(environ, start_response):
    start_response("204 No Content", [])
    return []
"""


def environment(**values: str) -> dict[str, str]:
    return {
        **{key: value for key, value in os.environ.items() if key != "GUNICORN_CMD_ARGS"},
        "RCSYNC_ENV_FILE": "",
        "SECRET_KEY": "only-for-tests-" + 5 * "0123456789",
        "ALLOWED_HOSTS": "localhost",
        "DATABASE_URL": "sqlite://",
        "DJANGO_SETTINGS_MODULE": "rcsync_project.settings",
        **values,
    }


def lines_of_a_worker_that_hangs(folder: Path, form: str) -> list[str]:
    """From the start to the end, at the level that says most of what is usual."""
    (folder / "small.py").write_text(APPLICATION)
    log = folder / "log"
    with log.open("wb") as output:
        web = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "small:application"),
                *("--pythonpath", str(folder), "--bind", "127.0.0.1:0", "--workers", "1"),
                *("--log-level", "info", "--timeout", "2", "--graceful-timeout", "1"),
            ],
            cwd=ROOT,
            env=environment(LOG_FORMAT=form),
            stdout=output,
            stderr=output,
        )
    try:
        address = until(log, lambda text: re.search(r"Listening at: (http://[\d.:]+)", text))
        booting = until(log, lambda text: re.search(r"Booting worker with pid: (\d+)", text))
        with urlopen(address[1], timeout=PATIENCE) as answer:  # it is at work
            assert answer.status == 204
        os.kill(int(booting[1]), signal.SIGSTOP)
        until(log, lambda text: re.search("WORKER TIMEOUT", text))
        until(log, lambda text: re.search("(?s)(Booting worker.*){2}", text))
    finally:
        web.terminate()
        web.wait(20)
    return log.read_text().splitlines()


def until(log: Path, found: Callable[[str], "re.Match[str] | None"]) -> "re.Match[str]":
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        match = found(log.read_text())
        if match:
            return match
        time.sleep(0.1)
    pytest.fail(log.read_text())


def test_every_line_of_gunicorn_is_an_object_where_lines_are_objects(tmp_path: Path) -> None:
    found = [json.loads(line) for line in lines_of_a_worker_that_hangs(tmp_path, "json")]
    (timeout,) = (entry for entry in found if "WORKER TIMEOUT" in entry["message"])
    assert (timeout["level"], timeout["logger"]) == ("CRITICAL", "gunicorn.error")
    assert timeout["request_id"] == "-"
    assert timeout["service"] == "rcsync"


def test_every_line_of_gunicorn_looks_like_the_others(tmp_path: Path) -> None:
    found = lines_of_a_worker_that_hangs(tmp_path, "line")
    assert [line for line in found if not LINE.fullmatch(line)] == []


def test_web_pages_that_are_not_configured_say_so_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "rcsync_project.wsgi", "--bind", "127.0.0.1:0"],
        cwd=ROOT,
        env=environment(LOG_FORMAT="xml"),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    sentence = "rcsync is not configured: LOG_FORMAT is 'xml'. It is line or json.\n"
    assert (done.returncode, done.stderr) == (2, sentence)
