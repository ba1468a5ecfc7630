"""`python -m demo.screenshots`: pictures of the admin's pages for the administrator's guide.

Makes a sample Moodle and a stand-in Rocket.Chat, clicks through a first sync in Chromium, and
writes PNG files into
docs/screenshots/. Look at them before committing.
"""

import base64
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from demo.moodle_activity import CLIENT, DEPLOYMENT, running_fake_moodle
from demo.standin import ADMIN_PASSWORD, ADMIN_USERNAME, StandIn

HERE = Path(__file__).resolve().parent.parent
TARGET = HERE / "docs" / "screenshots"
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--lang=en",
)
DESKTOP, PHONE = (1280, 860), (390, 844)
TALLEST = 1200  # pixels of a picture
NAME = "screenshots"  # user and password of the throw-away installation
PREPARE = f"""
import time
from pathlib import Path
from django.contrib.auth.models import User
from demo.sample_moodle import create_sample_moodle
create_sample_moodle(Path("{{folder}}/moodle.sqlite3"), int(time.time()))
User.objects.create_superuser("{NAME}", password="{NAME}")
"""
CHOOSE = """
from integration.models import *
from integration.services.admin import moodle_search
moodle_search.integrate([c.course.course_id for c in moodle_search.course_choices("", None)])
roles = {r.shortname: r.role_id for r in moodle_search.role_choices()}
moodle_search.include_roles({roles["student"]: "member", roles["editingteacher"]: "owner"})
GroupRegexFilter.objects.create(pattern=".*")
GroupRegexFilter.objects.create(pattern="^zz ", kind="exclude", position=1)
row = IntegrationSettings.load()
row.moodle_url = "https://moodle.example"
row.save()
"""
REGISTER = f"""
from integration.models import *
row = LtiPlatform(name="Moodle", issuer="{{issuer}}", client_id="{CLIENT}")
row.full_clean()
row.save()
LtiDeployment.objects.create(platform=row, deployment_id="{DEPLOYMENT}")
IntegrationSettings.objects.update(help_contact="the e-learning team, elearning@example.org")
"""


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rcsync-screenshots-") as folder, StandIn() as chat:
        environment = _environment(Path(folder), chat.url)
        _manage(environment, "migrate", "-v0")
        _manage(environment, "shell", "-c", PREPARE.format(folder=folder))
        with _server(environment) as home, _browser(folder) as browser:
            _pictures(browser, home, environment)
    print(f"written: {', '.join(sorted(file.name for file in TARGET.glob('*.png')))}")  # noqa: T201


def _pictures(browser: webdriver.Chrome, home: str, environment: dict[str, str]) -> None:
    camera = _Camera(browser, home)
    camera.sign_in()
    camera.take("start-empty", "/admin/")
    camera.take("roles", "/admin/choose-roles/")
    camera.take("add-courses", "/admin/add-courses/")
    _manage(environment, "shell", "-c", CHOOSE)
    camera.take("checks", "/admin/checks/")
    camera.take("settings", "/admin/integration/integrationsettings/1/change/")
    camera.take("pattern", "/admin/integration/groupregexfilter/2/change/")
    camera.go("/admin/")
    camera.press("form[action$='sync-everything/'] button")
    camera.wait_for("form[action$='/apply/'] button")
    camera.take("preview")
    camera.press("form[action$='/apply/'] button")
    camera.wait_for("#counts")
    camera.take("run")
    camera.take("start", "/admin/")
    camera.take("courses", "/admin/integration/integratedcourse/")
    camera.press("#result_list tbody a[href*='/integratedcourse/']")
    camera.wait_for("#course-groups")
    camera.take("course")
    camera.take("conflicts", "/admin/integration/conflict/")
    camera.press("#result_list tbody a")
    camera.take("conflict")
    camera.take("why", "/admin/why/person/30/")
    camera.take("groups", "/admin/groups/")
    camera.take("channels", "/admin/integration/channellink/")
    camera.take("accounts", "/admin/integration/accountlink/")
    _pictures_of_the_course(camera, home, environment)
    camera.resize(PHONE)
    camera.take("phone-start", "/admin/")
    camera.resize(DESKTOP)
    browser.execute_script("localStorage.setItem('adminTheme', '\"dark\"')")
    camera.take("dark-start", "/admin/")


def _pictures_of_the_course(camera: "_Camera", home: str, environment: dict[str, str]) -> None:
    """What leads from a Moodle course to its channels."""
    camera.take("course-links", "/admin/course/2/links/")
    with running_fake_moodle() as lms:
        lms.tool = home
        _manage(environment, "shell", "-c", REGISTER.format(issuer=lms.url))
        camera.take("lti-setup", "/admin/lti/")
        lms.user_id, lms.course_id = 30, 2
        lms.custom = {"group": "999"}
        camera.browser.get(f"{lms.url}/launch")  # which gives the session
        camera.browser.get(f"{lms.url}/launch")
        camera.wait_for("main")
        camera.take("lti-why")


class _Camera:
    """A browser that is pointed at pages and photographs them."""

    def __init__(self, browser: webdriver.Chrome, home: str) -> None:
        self.browser = browser
        self.home = home
        self.resize(DESKTOP)

    def resize(self, size: tuple[int, int]) -> None:
        metrics: dict[str, Any] = {"width": size[0], "height": size[1], "deviceScaleFactor": 1}
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {**metrics, "mobile": size[0] < 500}
        )

    def go(self, path: str) -> None:
        self.browser.get(self.home + path)

    def sign_in(self) -> None:
        self.go("/admin/login/?next=/admin/")
        for name in ("username", "password"):
            self.browser.find_element(By.NAME, name).send_keys(NAME)
        self.browser.find_element(By.NAME, "password").submit()
        self.wait_for("#content-main")

    def wait_for(self, selector: str, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while not self.browser.find_elements(By.CSS_SELECTOR, selector):
            if time.monotonic() > until:
                raise TimeoutError(f"{selector} did not appear at {self.browser.current_url}")
            time.sleep(0.1)

    def press(self, selector: str) -> None:
        element = self.browser.find_element(By.CSS_SELECTOR, selector)
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        self.browser.execute_script("arguments[0].click()", element)

    def take(self, name: str, path: str = "") -> None:
        if path:
            self.go(path)
        time.sleep(1)  # fonts, and what a page asks for after it was loaded
        width, height = self.browser.execute_script(
            "return [innerWidth, Math.max(innerHeight, document.body.scrollHeight)]"
        )
        self.resize((width, min(height, TALLEST)))  # so that bars at the bottom are at the bottom
        time.sleep(0.4)
        picture = self.browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        (TARGET / f"{name}.png").write_bytes(base64.b64decode(picture["data"]))
        self.resize(PHONE if width == PHONE[0] else DESKTOP)


def _environment(folder: Path, chat: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "RCSYNC_ENV_FILE": "",
        "DEBUG": "on",
        "LOG_LEVEL": "WARNING",
        "DATABASE_URL": f"sqlite:///{folder}/rcsync.sqlite3",
        "MOODLE_DATABASE_URL": f"sqlite:///{folder}/moodle.sqlite3",
        "ROCKETCHAT_URL": chat,
        "ROCKETCHAT_USERNAME": ADMIN_USERNAME,
        "ROCKETCHAT_PASSWORD": ADMIN_PASSWORD,
        "TIME_ZONE": "Europe/Berlin",
    }


def _manage(environment: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, str(HERE / "manage.py"), *arguments]
    subprocess.run(command, env=environment, cwd=HERE, check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def _server(environment: dict[str, str]) -> Iterator[str]:
    port = _free_port()
    command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=HERE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    home = f"http://127.0.0.1:{port}"
    try:
        for _attempt in range(100):
            with contextlib.suppress(requests.ConnectionError):
                requests.get(f"{home}/admin/login/", timeout=5)
                break
            time.sleep(0.2)
        yield home
    finally:
        process.terminate()
        process.wait(20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _browser(folder: str) -> Iterator[webdriver.Chrome]:
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        raise SystemExit("Chromium and ChromeDriver are needed (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for switch in (*SWITCHES, f"--user-data-dir={folder}/chromium"):
        options.add_argument(switch)
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield browser
    finally:
        browser.quit()


if __name__ == "__main__":
    main()
