"""From an empty machine to the first sync by the README's words: `setup`, `run`, a browser."""

import os
import re
import shutil
import socket
import stat
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver

from demo.sample_moodle import create_sample_moodle
from demo.standin import ADMIN_PASSWORD, ADMIN_USERNAME, StandIn
from tests.support.browser import DESKTOP, Browser, resize
from tests.support.paths import ROOT as TOP
from tests.support.tls import tls_proxy

NEWCOMER = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".*_cache", ".hypothesis")
PASSWORD = "long-enough-for-anybody-27"
README = (TOP / "README.md").read_text()


@pytest.fixture(scope="module")
def moodle(tmp_path_factory: pytest.TempPathFactory, django_db_blocker) -> str:
    path = tmp_path_factory.mktemp("moodle") / "moodle.sqlite3"
    with django_db_blocker.unblock():
        create_sample_moodle(path, int(time.time()))
    return f"sqlite:///{path}"


def cloned(folder: Path) -> Path:
    """The project as it is cloned, with this environment's packages."""
    place = folder / "rcsync"
    shutil.copytree(TOP, place, ignore=LEFT_OUT)
    (place / ".venv").symlink_to(TOP / ".venv")
    return place


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return cloned(tmp_path)


def commands() -> list[str]:
    """What the README says to type, without its remarks."""
    block = README.split("## Setting it up")[1].split("```")[1]
    return [line.split("#")[0].strip() for line in block.strip().splitlines()]


def setup(copy: Path, *options: str, typed: str = "", **environment: str):
    return subprocess.run(
        [copy / "rcsync", "setup", *options],
        env=NEWCOMER | environment,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_readme_names_the_two_commands() -> None:
    assert commands() == ["./rcsync setup", "./rcsync run"]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, moodle: str):
    """Where `setup` was answered, and how it ended."""
    copy = cloned(tmp_path_factory.mktemp("asked"))
    typed = "\n".join(["", "nonsense://x", moodle, "", "", "short", PASSWORD, PASSWORD, ""])
    return copy, setup(copy, typed=typed)


def test_setup_asks_and_writes_what_only_its_user_may_read(asked, moodle: str) -> None:
    copy, done = asked
    assert done.returncode == 0, done.stdout + done.stderr
    file = copy / ".env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    values = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    assert len(values["SECRET_KEY"]) >= 50
    assert values["MOODLE_DATABASE_URL"] == moodle
    assert values["SECURE_SSL"] == "off"
    assert "too short" in done.stdout, "a weak password is asked for again"
    assert "Moodle answers" in done.stdout
    assert "./rcsync run" in done.stdout
    assert "http://127.0.0.1:8000/" in done.stdout
    for secret in (values["SECRET_KEY"], values["RCSYNC_SECRET_KEYS"], PASSWORD):
        assert secret not in done.stdout + done.stderr


def test_setup_once_more_changes_nothing(asked, moodle: str) -> None:
    copy, _first = asked
    options = ("--moodle", moodle, "--host", "", "--admin", "root")
    before = (copy / ".env").read_text()
    again = setup(copy, *options, RCSYNC_ADMIN_PASSWORD="another-one-of-27-letters")
    assert again.returncode == 0, again.stderr
    assert "stays as it is" in again.stdout
    assert "There is an administrator already." in again.stdout
    assert (copy / ".env").read_text() == before


def test_setup_refuses_nonsense_in_one_sentence_and_writes_nothing(copy: Path) -> None:
    for options in (
        ("--moodle", "nonsense://x", "--host", ""),
        ("--moodle", "sqlite:////tmp/x", "--host", "https://rcsync.example.org"),
        (),
    ):
        done = setup(copy, *options)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert not (copy / ".env").exists()


def test_an_example_that_is_only_copied_locks_nothing_and_redirects_nowhere() -> None:
    """Every optional line is commented out: no address of Rocket.Chat, no redirect, no database."""
    lines = (TOP / ".env.example").read_text().splitlines()
    active = [line.split("=")[0] for line in lines if re.match(r"[A-Z_]+=", line)]
    assert active == ["SECRET_KEY", "RCSYNC_SECRET_KEYS", "ALLOWED_HOSTS", "MOODLE_DATABASE_URL"]


@contextmanager
def running(copy: Path) -> Iterator[int]:
    """The second command, on a port of its own because 8000 may be somebody else's."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    program, argument = commands()[1].split()
    command = [str(copy / program), argument]
    with (copy.parent / "output").open("w") as output:
        process = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}", "--web-processes", "1"],
            env=NEWCOMER,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 90
        while process.poll() is None and time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
                break
            except OSError:
                time.sleep(0.3)
        assert process.poll() is None, (copy.parent / "output").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def chromium_that_trusts(chromium: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """It takes the proxy's own certificate."""
    resize(chromium, DESKTOP)
    chromium.execute_cdp_cmd("Security.setIgnoreCertificateErrors", {"ignore": True})
    yield chromium
    chromium.get("about:blank")
    chromium.execute_cdp_cmd("Security.setIgnoreCertificateErrors", {"ignore": False})
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})


def first_sync(browser: Browser, chat: StandIn) -> None:
    """What the start page leads to, clicked: it ends with channels in Rocket.Chat."""
    browser.go("/")
    browser.type("username", "root")
    browser.type("password", PASSWORD)
    browser.find("[name=password]").submit()
    browser.sees("1 of 8 done")
    browser.press("Open settings")
    browser.type("rocketchat_url", chat.url)
    browser.type("rocketchat_username", ADMIN_USERNAME)
    browser.type("rocketchat_password", ADMIN_PASSWORD)
    browser.click(browser.find("button[name=_save]"))
    browser.sees("The connection works")
    browser.go("/admin/")
    browser.press("Choose roles")
    label = next(one for one in browser.all("label") if one.text == "Student")
    browser.click(browser.find(f"#{label.get_attribute('for')}"))
    browser.press("Save")
    browser.sees("1 role is included")
    browser.go("/admin/")
    browser.press("Add a pattern")
    browser.type("pattern", "Seminar")
    browser.click(browser.find("button[name=_save]"))
    browser.sees("was added successfully")
    browser.go("/admin/")
    browser.press("Add courses")
    browser.type("search", "CS101")
    browser.press("Search Moodle")
    browser.sees("1 course")
    browser.click(browser.find("input[name=course]"))
    browser.press("Add ticked courses")
    browser.sees("1 course added")
    browser.go("/admin/")
    browser.press("Preview everything")
    browser.sees("Apply exactly this", patience=60)
    browser.press("Apply exactly this")
    browser.sees("Planned and done", patience=60)
    browser.wait(lambda: "Done" in browser.words(), "the sync did not end", 60)
    rooms = [room["name"] for room in chat.state()["rooms"] if room["customFields"]]
    assert sorted(rooms) == [f"CS101-Seminar-group-{n}" for n in range(1, 6)]


@pytest.mark.slow
def test_on_this_machine_alone_the_way_leads_to_a_first_sync(
    copy: Path, moodle: str, chromium_that_trusts: webdriver.Chrome
) -> None:
    typed = "\n".join([moodle, "", "root", PASSWORD, PASSWORD, ""])
    assert setup(copy, typed=typed).returncode == 0
    with StandIn("8.8") as chat, running(copy) as port:
        first_sync(Browser(chromium_that_trusts, f"http://127.0.0.1:{port}"), chat)


def test_behind_a_proxy_that_ends_tls_the_way_leads_to_a_first_sync(
    copy: Path, moodle: str, tmp_path: Path, chromium_that_trusts: webdriver.Chrome
) -> None:
    typed = "\n".join([moodle, "127.0.0.1", "root", PASSWORD, PASSWORD, ""])
    done = setup(copy, typed=typed)
    assert done.returncode == 0, done.stderr
    with StandIn("8.8") as chat, running(copy) as port, tls_proxy(tmp_path, port) as home:
        browser = Browser(chromium_that_trusts, home)
        first_sync(browser, chat)
        cookies = {one["name"]: one for one in browser.driver.get_cookies()}
        assert cookies["sessionid"]["secure"]
