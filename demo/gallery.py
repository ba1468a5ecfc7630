"""`python -m demo.gallery FOLDER [WORDS]`: every page of the admin, to be looked at.

In both widths, light and dark, in English and German; WORDS choose the pages whose names hold one
of them. Beside the pages of every day stand those that are seldom seen: refused, lost and failed
pages, a paused site, runs that wait, an undo, the old plugin's import, every kind of conflict.
Prints which pages are wider than their window.
"""

import base64
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import WebDriverWait

from demo import screenshots
from demo.moodle_activity import running_fake_moodle
from demo.standin import StandIn

SIZES = {"1440": (1440, 900), "390": (390, 844)}
THEMES = ("light", "dark")
LANGUAGES = ("en", "de")
TALLEST = 2600  # pixels of a picture
HARMLESS = "/admin/no-such-page/"  # of the site, so that it takes a cookie
LONG = "A group whose name is as long as a name can be, " * 6
PAGES = {
    "start": "/admin/",
    "courses": "/admin/integration/integratedcourse/",
    "course": "/admin/integration/integratedcourse/{course}/change/",
    "course-many": "/admin/integration/integratedcourse/{many}/change/",
    "course-links": "/admin/course/2/links/",
    "groups": "/admin/groups/",
    "channels": "/admin/integration/channellink/",
    "channel": "/admin/integration/channellink/{channel}/change/",
    "accounts": "/admin/integration/accountlink/",
    "account": "/admin/integration/accountlink/{account}/change/",
    "memberships": "/admin/integration/managedmembership/",
    "endings": "/admin/integration/pendingending/",
    "runs": "/admin/integration/syncrun/",
    "run": "/admin/integration/syncrun/{run}/change/",
    "failures": "/admin/failures/",
    "conflicts": "/admin/integration/conflict/",
    "why-search": "/admin/why/?search=seminar",
    "why": "/admin/why/person/30/",
    "find": "/admin/find/?q=seminar",
    "settings": "/admin/integration/integrationsettings/1/change/",
    "checks": "/admin/checks/",
    "roles": "/admin/integration/includedrole/",
    "choose-roles": "/admin/choose-roles/",
    "patterns": "/admin/integration/groupregexfilter/",
    "new-pattern": "/admin/integration/groupregexfilter/add/",
    "pattern": "/admin/integration/groupregexfilter/2/change/",
    "own-settings": "/admin/own-settings/",
    "own-category": "/admin/own-settings/category/1/",
    "limits": "/admin/integration/removallimit/",
    "add-courses": "/admin/add-courses/",
    "plugin-none": "/admin/plugin/",
    "lti": "/admin/lti/",
    "users": "/admin/auth/user/",
    "user": "/admin/auth/user/{viewer}/change/",
    "user-groups": "/admin/auth/group/",
    "user-group": "/admin/auth/group/1/change/",
    "audit": "/admin/integration/auditentry/",
    "entry": "/admin/integration/auditentry/{entry}/change/",
    "pause": "/admin/pause/",
    "help": "/admin/help/",
    "error-404": "/admin/no-such-page/",
}
KEYS = """
import json
from django.contrib.auth.models import User
from integration.models import *
courses = IntegratedCourse.objects.all()
def channels_of(course):
    return ChannelLink.objects.filter(moodle_course_id=course.course_id).count()
print(json.dumps({
    "run": SyncRun.objects.filter(kind="apply").latest("pk").pk,
    "course": IntegratedCourse.objects.earliest("pk").pk,
    "many": max(courses, key=channels_of).pk,
    "channel": ChannelLink.objects.earliest("pk").pk,
    "account": AccountLink.objects.earliest("pk").pk,
    "entry": AuditEntry.objects.filter(action="create_channel").earliest("pk").pk,
    "viewer": User.objects.get(username="viewer").pk,
    "conflicts": {c.kind: c.pk for c in Conflict.objects.order_by("-pk")},
}))
"""
PEOPLE = f"""
from django.contrib.auth.models import Group, User
from integration.models import *
viewer = User.objects.create_user("viewer", password="{screenshots.NAME}", is_staff=True)
viewer.groups.add(Group.objects.get(name="viewer"))
"""
CONFLICTS = """
from django.utils import timezone
from integration.domain.conflicts import ConflictKind
from integration.models import *
OF_GROUPS = ("channel", "group", "foreign", "bot", "members", "not_", "plugin", "needs")
known = set(Conflict.objects.values_list("kind", flat=True))
for number, kind in enumerate(sorted(set(ConflictKind) - known)):
    of_group = kind.startswith(OF_GROUPS)
    about = {"moodle_group_id": 1 + number} if of_group else {"moodle_user_id": 20 + number}
    if kind == "course_changed":
        about = {"moodle_course_id": 2}
    Conflict.objects.create(kind=kind, moodle_side="What Moodle says about it, with names.",
        rocketchat_side="What Rocket.Chat says about it, with names.", remote_id="abc" * 5,
        advice="What a person can do about it.", last_seen=timezone.now(), courses=[2], **about)
"""
LONG_NAME = f"""
from integration.models import *
one = ChannelLink.objects.earliest("pk")
ChannelLink.objects.filter(pk=one.pk).update(group_name="{LONG[:254]}")
"""
WAITING = """
from integration.models import *
IncludedRole.objects.filter(room_role="member").update(enabled=False)
"""
PAUSED = """
from integration.models import *
Pause.objects.create(actor="anna", reason="Rocket.Chat is upgraded until noon")
"""
NEWEST = "from integration.models import *\nprint(SyncRun.objects.latest('pk').pk)"
PLUGIN = """
CREATE TABLE mdl_local_rocketchat_courses (id bigint PRIMARY KEY, course bigint,
    pendingsync smallint, eventbasedsync smallint, lastsync bigint, error text);
CREATE TABLE mdl_local_rocketchat_roles (id bigint PRIMARY KEY, role bigint, requiresync smallint);
CREATE TABLE IF NOT EXISTS mdl_user_preferences (id bigint PRIMARY KEY, userid bigint,
    name varchar(255), value varchar(1333));
CREATE TABLE IF NOT EXISTS mdl_task_scheduled (id bigint PRIMARY KEY, component varchar(255),
    classname varchar(255), disabled smallint);
INSERT INTO mdl_task_scheduled VALUES (901, 'local_rocketchat', 'sync', 0);
INSERT INTO mdl_local_rocketchat_courses VALUES (1, 2, 1, 1, NULL, NULL), (2, 3, 0, 0, NULL, NULL);
INSERT INTO mdl_local_rocketchat_roles VALUES (1, 5, 1), (2, 3, 1), (3, 4, 0);
INSERT INTO mdl_config_plugins (plugin, name, value) VALUES
    ('local_rocketchat', 'host', 'chat.example.org'), ('local_rocketchat', 'port', '443'),
    ('local_rocketchat', 'protocol', '0'), ('local_rocketchat', 'username', 'bot'),
    ('local_rocketchat', 'groupregex',
        '/^lab/i' || char(10) || '/(a|aa)+$/' || char(10) || 'coach');
"""
BROKEN = """
from django.db import connection
connection.cursor().execute("ALTER TABLE integration_managedmembership RENAME TO gone")
"""


def main(folder: Path, words: tuple[str, ...]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rcsync-gallery-") as place, StandIn() as chat:
        environment = screenshots._environment(Path(place), chat.url) | {
            "DEBUG": "off",
            "LOG_LEVEL": "ERROR",
            "SECRET_KEY": "x" * 60,
            "ALLOWED_HOSTS": "127.0.0.1",
            "SECURE_SSL": "off",
            "RCSYNC_SECRET_KEYS": base64.urlsafe_b64encode(b"k" * 32).decode(),
            "RCSYNC_STATIC_DIR": f"{place}/static",
        }
        site = _Site(environment)
        site.manage("migrate", "-v0")
        site.manage("collectstatic", "--noinput", "-v0")
        site.do(screenshots.PREPARE.format(folder=place))
        with screenshots._server(environment) as home, screenshots._browser(place) as browser:
            gallery = _Gallery(browser, home, folder, words, site)
            gallery.walk()
            with closing(sqlite3.connect(f"{place}/moodle.sqlite3")) as moodle, moodle:
                moodle.executescript(PLUGIN)
            gallery.walk_after_the_plugin()


class _Site:
    """The throw-away installation."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, str(screenshots.HERE / "manage.py"), *arguments]
        done = subprocess.run(
            command,
            env=self.environment,
            cwd=screenshots.HERE,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and arguments[0] != "sync":  # which tells its result by it
            raise SystemExit(done.stderr)
        return done.stdout

    def do(self, code: str) -> str:
        return self.manage("shell", "-v0", "-c", code)


class _Gallery(screenshots._Camera):
    """Takes every page in every form."""

    def __init__(
        self,
        browser: webdriver.Chrome,
        home: str,
        folder: Path,
        words: tuple[str, ...],
        site: _Site,
    ) -> None:
        super().__init__(browser, home)
        self.folder, self.words, self.site = folder, words, site
        self.keys: dict[str, Any] = {}

    def walk(self) -> None:
        self.everywhere("login", "/admin/login/")
        self.sign_in()
        for name in ("start", "courses", "conflicts", "channels", "failures", "new-pattern"):
            self.everywhere(f"empty-{name}", PAGES[name])
        self.site.do(PEOPLE)
        self.site.do(screenshots.CHOOSE)
        self.everywhere("preview", self._pressing("/admin/", "form[action$='sync-everything/']"))
        self.site.manage("sync", "--apply")
        self.site.do(CONFLICTS)
        self.site.do(LONG_NAME)
        keys = json.loads(self.site.do(KEYS))
        for name, path in PAGES.items():
            self.everywhere(name, path.format(**keys))
        for kind, key in keys["conflicts"].items():
            self.everywhere(f"conflict-{kind}", f"/admin/integration/conflict/{key}/change/")
        self.everywhere(
            "choose", f"/admin/conflict/{keys['conflicts']['email_taken']}/choose/?search=a"
        )
        self._runs(keys)
        self._paused()
        self._lti()
        self.keys = keys

    def walk_after_the_plugin(self) -> None:
        """Where Moodle has the old plugin; then what is refused and what fails."""
        self.everywhere("plugin-filled", PAGES["plugin-none"])
        self.everywhere("plugin-people", "/admin/plugin/people/")
        self._refused_and_failed(self.keys)

    def everywhere(self, name: str, page: str | Callable[[], None]) -> None:
        """Every form of a page, which is an address, or what leads to it by a button."""
        if self.words and not any(word in name for word in self.words):
            return
        for language, (width, size), theme in product(LANGUAGES, SIZES.items(), THEMES):
            self.go(HARMLESS)
            self.browser.add_cookie({"name": "django_language", "value": language})
            self.browser.execute_script(f"localStorage.setItem('adminTheme', '\"{theme}\"')")
            self.resize(size)
            if callable(page):
                page()
            else:
                self.go(page)
            self._picture(f"{name}-{width}-{theme}-{language}", size)
        self.browser.add_cookie({"name": "django_language", "value": "en"})

    def _picture(self, name: str, size: tuple[int, int]) -> None:
        time.sleep(0.35)
        height, wide = self.browser.execute_script(
            "const page = document.documentElement;"
            "return [Math.max(innerHeight, document.body.scrollHeight),"
            " page.scrollWidth - page.clientWidth]"
        )
        self.resize((size[0], min(height, TALLEST)))
        time.sleep(0.15)
        picture = self.browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        (self.folder / f"{name}.png").write_bytes(base64.b64decode(picture["data"]))
        if wide > 0:
            print(f"{name}: {wide} pixels too wide")  # noqa: T201

    def _runs(self, keys: dict[str, Any]) -> None:
        run = PAGES["run"].format(**keys)
        self.everywhere("undo", self._pressing(run, "form[action$='look-at-undo/']"))
        self.site.do(WAITING)
        self.site.manage("sync", "--apply")
        self.everywhere("waiting-start", PAGES["start"])
        self.everywhere("waiting-runs", PAGES["runs"])
        newest = self.site.do(NEWEST)
        self.everywhere("waiting-run", PAGES["run"].format(run=newest.strip()))

    def _pressing(self, path: str, form: str) -> Callable[[], None]:
        """Opens a page and presses the button of one of its forms."""

        def open_it() -> None:
            self.go(path)
            before = self.browser.find_element(By.TAG_NAME, "html")
            self.press(f"{form} button")
            WebDriverWait(self.browser, 60).until(staleness_of(before))
            self.wait_for("#content-main")

        return open_it

    def _paused(self) -> None:
        self.site.do(PAUSED)
        for name in ("start", "courses", "groups", "settings", "pause", "runs", "why"):
            self.everywhere(f"paused-{name}", PAGES[name].format())
        self.site.do("from integration.models import *\nPause.objects.all().delete()")

    def _lti(self) -> None:
        with running_fake_moodle() as lms:
            lms.tool = self.home
            self.site.do(screenshots.REGISTER.format(issuer=lms.url))
            self.everywhere("lti-connected", "/admin/lti/")
            lms.user_id, lms.course_id = 30, 2
            lms.custom = {"group": "999"}
            self.everywhere("lti-why", partial(self._launch, f"{lms.url}/launch"))
        self.everywhere("lti-refused", "/lti/start")

    def _launch(self, address: str) -> None:
        for _time in range(2):  # the first gives the session
            self.browser.get(address)
        self.wait_for("main")

    def _refused_and_failed(self, keys: dict[str, int]) -> None:
        self.go("/admin/")
        self.browser.delete_all_cookies()
        self.sign_in_as("viewer")
        self.everywhere("viewer-start", "/admin/")
        self.everywhere("viewer-course", PAGES["course"].format(**keys))
        self.everywhere("viewer-settings", PAGES["settings"])
        self.everywhere("error-403", "/admin/add-courses/")
        self.site.do(BROKEN)
        self.everywhere("error-500", PAGES["memberships"])

    def sign_in_as(self, name: str) -> None:
        self.go("/admin/login/?next=/admin/help/")
        self.browser.find_element(By.NAME, "username").send_keys(name)
        self.browser.find_element(By.NAME, "password").send_keys(screenshots.NAME)
        self.browser.find_element(By.NAME, "password").submit()
        self.wait_for("#content-main")


if __name__ == "__main__":
    main(Path(sys.argv[1]), tuple(sys.argv[2:]))
