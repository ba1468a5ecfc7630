"""What Moodles in the field send and do that the recorded launch did not show."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from demo.moodle_activity import CLAIM, CLIENT, DEPLOYMENT, FakeMoodle, Key
from integration.domain.addresses import same_address
from integration.models import (
    GroupRegexFilter,
    IntegratedCourse,
    LtiDeployment,
    LtiPlatform,
    SyncRun,
)
from integration.services.in_course.lti import fetch, registration
from integration.services.ledger import pauses
from tests.support.lti import begin, come_back, launch
from tests.support.school import School
from tests.support.small_moodle import STUDENT

pytestmark = [
    pytest.mark.django_db(databases=["default", "moodle"]),
    pytest.mark.usefixtures("platform"),
]
pytest.importorskip("jwt")


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://m.example", "https://m.example/", True),
        ("https://m.example/moodle/", "https://M.Example:443/moodle", True),
        ("https://m.example/moodle", "https://m.example", False),
        ("https://m.example/Moodle", "https://m.example/moodle", False),
        ("http://m.example", "https://m.example", False),
        ("https://m.example", "https://m.example.evil", False),
        ("https://m.example", "http://[", False),
        ("", "", False),
    ],
)
def test_the_same_site_has_the_same_address(one: str, other: str, same: bool) -> None:
    assert same_address(one, other) is same


def test_a_moodle_in_a_folder_is_known_by_its_whole_address(lms: FakeMoodle) -> None:
    site = f"{lms.url}/moodle"
    row = LtiPlatform(name="Folder", issuer=f"{site}/", client_id="in-a-folder")
    row.full_clean()
    row.save()
    LtiDeployment.objects.create(platform=row, deployment_id=DEPLOYMENT)
    fields = lms.initiation() | {"iss": site, "client_id": "in-a-folder"}
    answer = Client().post("/lti/start", fields)
    assert answer["Location"].startswith(f"{site}/mod/lti/auth.php?")
    sent = begin(lms)
    assert come_back(sent, lms.sign(lms.claims(sent["nonce"], iss=site))).status_code == 403


@pytest.mark.parametrize("written", ["{}/", "{}"])
def test_a_slash_at_the_end_of_the_issuer_changes_nothing(lms: FakeMoodle, written: str) -> None:
    issuer = written.format(lms.url)
    assert Client().post("/lti/start", lms.initiation() | {"iss": issuer}).status_code == 303
    assert launch(lms, iss=issuer).status_code == 200


def test_an_issuer_that_is_no_text_is_refused(lms: FakeMoodle) -> None:
    for issuer in (17, [lms.url], {"a": 1}):
        sent = begin(lms)
        claims = lms.claims(sent["nonce"]) | {"iss": issuer}
        assert "issuer" in come_back(sent, _unchecked(lms, claims)).content.decode()


def _unchecked(lms: FakeMoodle, claims: dict[str, Any]) -> str:
    """Signed without the library's own check of what is signed."""
    import json

    import jwt

    key = lms.keys[0]
    return jwt.api_jws.encode(
        json.dumps(claims).encode(), key.private, "RS256", headers={"kid": key.kid}
    )


@pytest.mark.parametrize("name", ["iss", "client_id", "lti_deployment_id", "login_hint"])
@pytest.mark.parametrize("value", ["http://[", "\x00", "a\x00b", "\ud800", "x" * 9000, "'\""])
def test_odd_input_reaches_no_database(lms: FakeMoodle, name: str, value: str) -> None:
    """PostgreSQL refuses NUL, engines differ in what they call equal: they are not asked."""
    fields = lms.initiation() | {name: value.encode("utf-8", "replace").decode()}
    with CaptureQueriesContext(connection) as asked:
        answer = Client().get("/lti/start", fields)
    assert answer.status_code in (303, 403)
    assert not [one for one in asked if value in one["sql"]]


# --- claims ---------------------------------------------------------------------------------------


def test_a_number_as_subject_or_course_is_as_good_as_its_text(
    school: School, lms: FakeMoodle
) -> None:
    sent = begin(lms)
    claims = lms.claims(sent["nonce"]) | {"sub": 1000, f"{CLAIM}context": {"id": 10}}
    answer = come_back(sent, _unchecked(lms, claims))
    assert answer["Location"].endswith("/group/C10-Group-101")


@pytest.mark.parametrize("subject", [True, 1.5, -3, "-3", "1e3", " ", "１０００"])
def test_what_is_no_user_id_is_nobody(lms: FakeMoodle, subject: Any) -> None:
    sent = begin(lms)
    answer = come_back(sent, _unchecked(lms, lms.claims(sent["nonce"]) | {"sub": subject}))
    assert answer.status_code == 403


def test_one_audience_in_a_list_with_its_party_is_accepted(lms: FakeMoodle) -> None:
    sent = begin(lms)
    claims = lms.claims(sent["nonce"]) | {"aud": [CLIENT, "other"], "azp": CLIENT}
    assert come_back(sent, lms.sign(claims)).status_code == 200


def test_claims_that_nobody_asked_for_do_no_harm(school: School, lms: FakeMoodle) -> None:
    odd = {
        "lis": {"person_sourcedid": "", "course_section_sourcedid": "X"},
        "ext": {"user_username": "admin", "lms": "moodle-2"},
        "custom": ["not", "an", "object"],
        "launch_presentation": None,
        "roles": "Learner",
    }
    assert launch(lms, **odd)["Location"].endswith("/group/C10-Group-101")


# --- windows --------------------------------------------------------------------------------------


def test_moodles_existing_window_is_no_frame(school: School, lms: FakeMoodle) -> None:
    """Moodle writes "frame" for its container "Existing window", "iframe" for what it embeds."""
    lms.target = "frame"
    assert launch(lms).status_code == 303
    lms.target = "iframe"
    assert launch(lms).status_code == 200


@pytest.mark.parametrize(
    ("claimed", "browser", "framed"),
    [
        ("iframe", "document", False),  # opened in a new tab, or by the app in its own window
        ("window", "iframe", True),
        ("window", "object", True),
        ("frame", "document", False),
    ],
)
def test_the_browser_knows_best_whether_it_shows_a_frame(
    school: School, lms: FakeMoodle, claimed: str, browser: str, framed: bool
) -> None:
    lms.target = claimed
    sent = begin(lms)
    fields = {"state": sent["state"], "id_token": lms.sign(lms.claims(sent["nonce"]))}
    answer = Client().post("/lti/launch", fields, headers={"Sec-Fetch-Dest": browser})
    assert answer.status_code == (200 if framed else 303)


@pytest.mark.parametrize("method", ["get", "head"])
def test_who_reloads_or_bookmarks_the_page_is_sent_back_to_the_course(method: str) -> None:
    answer = getattr(Client(), method)("/lti/launch")
    assert answer.status_code == 405
    assert "text/html" in answer["Content-Type"]
    if method == "get":
        assert "open the activity once more" in answer.content.decode()


# --- a tool that is set up wrongly ----------------------------------------------------------------


def test_a_tool_of_an_older_version_is_told_so(
    lms: FakeMoodle, caplog: pytest.LogCaptureFixture
) -> None:
    """Moodle's form for tools begins with LTI 1.0/1.1."""
    fields = {"lti_version": "LTI-1p0", "lti_message_type": "basic-lti-launch-request"}
    answer = Client().post("/lti/launch", fields)
    assert "not set up correctly" in answer.content.decode()
    assert "code=version" in caplog.text
    assert "Choose LTI 1.3" in caplog.text


def test_addresses_in_the_wrong_fields_are_told_so(
    lms: FakeMoodle, caplog: pytest.LogCaptureFixture
) -> None:
    sent = begin(lms)
    token = lms.sign(lms.claims(sent["nonce"]))
    for path, fields in (
        ("/lti/launch", lms.initiation()),
        ("/lti/start", {"state": sent["state"], "id_token": token}),
    ):
        caplog.clear()
        answer = Client().post(path, fields)
        assert "not set up correctly" in answer.content.decode()
        assert "code=address" in caplog.text
        assert "redirection URI" in caplog.text


@pytest.mark.parametrize(
    "odd",
    [
        {"openid_configuration": "http://["},
        {"openid_configuration": "http://[::1"},
        {"openid_configuration": "\x00"},
        {"openid_configuration": "x" * 9000},
        {"openid_configuration": "http://x:99999/"},
        {"registration_token": "\u20ac\n"},
    ],
)
def test_odd_input_of_a_registration_is_told_and_uses_no_link_up(
    lms: FakeMoodle, odd: dict[str, str]
) -> None:
    fields = {
        "openid_configuration": f"{lms.url}/mod/lti/openid-configuration.php",
        "registration_token": lms.registration_token,
    }
    path = reverse("rcsync:lti_register", args=[registration.new_link_token()])
    assert Client().get(path, fields | odd).status_code == 400
    assert Client().get("/lti/register/x", fields | odd).status_code == 400
    assert Client().get(path, fields).status_code == 200


@pytest.mark.parametrize("name", ["issuer", "jwks_uri", "registration_endpoint"])
def test_an_address_in_the_configuration_that_is_none_is_refused(
    lms: FakeMoodle, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    whole = lms.configuration() | {name: "http://["}
    monkeypatch.setattr(lms, "configuration", lambda: whole)
    path = reverse("rcsync:lti_register", args=[registration.new_link_token()])
    fields = {"openid_configuration": f"{lms.url}/mod/lti/openid-configuration.php"}
    assert Client().get(path, fields).status_code == 400


def test_what_moodle_says_about_a_failed_registration_is_repeated(lms: FakeMoodle) -> None:
    """Moodle answers with one word, such as token_already_used; pages are not repeated."""
    path = reverse("rcsync:lti_register", args=[registration.new_link_token()])
    fields = {
        "openid_configuration": f"{lms.url}/mod/lti/openid-configuration.php",
        "registration_token": "used",
    }
    assert "answers with status 401: null" in Client().get(path, fields).content.decode()


# --- Moodle's keys --------------------------------------------------------------------------------


def test_while_the_keyset_cannot_be_read_the_keys_of_the_last_day_count(lms: FakeMoodle) -> None:
    assert launch(lms).status_code == 200
    _forget_what_is_fresh()
    lms.down = True
    assert launch(lms).status_code == 200
    sent = begin(lms)
    stranger = come_back(sent, lms.sign(lms.claims(sent["nonce"]), Key()))
    assert "keys-unreachable" in stranger.content.decode()


def test_after_an_hour_keys_are_read_anew_and_a_withdrawn_one_is_refused(lms: FakeMoodle) -> None:
    old = lms.keys[0]
    assert launch(lms).status_code == 200
    lms.keys = [Key()]
    _forget_what_is_fresh()
    sent = begin(lms)
    answer = come_back(sent, lms.sign(lms.claims(sent["nonce"]), old))
    assert "key-unknown" in answer.content.decode()
    assert launch(lms).status_code == 200


def _forget_what_is_fresh() -> None:
    names = [key.split(":", 2)[2] for key in list(cache._cache)]  # type: ignore[attr-defined]
    cache.delete_many([name for name in names if name.endswith(("-fresh", "-asked"))])


class _Dripping(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(200):
            try:
                self.wfile.write(b" ")
                self.wfile.flush()
            except OSError:
                return
            self.server.stopped.wait(0.02)  # type: ignore[attr-defined]

    def log_message(self, *_arguments: Any) -> None:
        """Log nothing."""


@pytest.fixture
def dripping() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Dripping) as server:
        server.stopped = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/keys"
        server.stopped.set()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def test_a_server_that_drips_holds_nobody_up(
    dripping: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "WHOLE_SECONDS", 0.05)
    with pytest.raises(fetch.FetchFailed, match="takes more than"):
        fetch.get_json(dripping)


# --- what the pages promise -----------------------------------------------------------------------


def newcomer(school: School, lms: FakeMoodle) -> None:
    school.moodle.person(5000)
    school.moodle.enrol(10, [5000], STUDENT)
    school.moodle.join(101, [5000])
    lms.user_id = 5000


def test_where_no_sync_begins_by_itself_none_is_promised(school: School, lms: FakeMoodle) -> None:
    school.set(sync_on_launch=True)
    newcomer(school, lms)
    IntegratedCourse.objects.update(background_sync=False, event_sync=False)
    said = launch(lms).content.decode()
    assert "automatically" not in said
    assert "An administrator starts the next sync of this course." in said


def test_while_everything_is_paused_no_sync_is_promised_or_queued(
    school: School, lms: FakeMoodle
) -> None:
    school.set(sync_on_launch=True)
    newcomer(school, lms)
    pauses.pause("anna", "the server moves")
    said = launch(lms).content.decode()
    assert "is being updated now" not in said
    assert "automatically" not in said
    assert not SyncRun.objects.filter(status="queued").exists()


@pytest.mark.parametrize(
    ("role", "helper"),
    [("membership#Learner", "ask your teacher"), ("membership#Instructor", "look after Moodle")],
)
def test_a_teacher_who_tries_the_activity_is_not_sent_to_the_teacher(
    school: School, lms: FakeMoodle, role: str, helper: str
) -> None:
    lms.user_id = 5000
    school.moodle.person(5000)
    school.moodle.enrol(10, [5000], STUDENT)
    said = launch(lms, roles=[f"http://purl.imsglobal.org/vocab/lis/v2/{role}"])
    assert helper in said.content.decode()


# --- groups that Moodle hides ---------------------------------------------------------------------


@pytest.mark.parametrize(("visibility", "told"), [(0, True), (1, True), (2, True), (3, False)])
def test_nobody_learns_of_a_group_that_hides_their_own_membership(
    school: School, lms: FakeMoodle, visibility: int, told: bool
) -> None:
    """Moodle's visibility 3: not even its members see that they are in it."""
    school.moodle.group(190, 10, "Under observation", [])
    school.moodle.change_group(190, visibility=visibility)
    GroupRegexFilter.objects.create(pattern="observation", kind="exclude")
    school.moodle.person(5000)
    school.moodle.enrol(10, [5000], STUDENT)
    school.moodle.join(190, [5000])
    lms.user_id = 5000
    said = launch(lms).content.decode()
    assert ("Under observation" in said) is told
    assert ("You are in no group of this course." in said) is not told


@pytest.mark.parametrize(("visibility", "named"), [(0, True), (1, False), (2, False), (3, False)])
def test_an_activity_for_a_hidden_group_does_not_name_it(
    school: School, lms: FakeMoodle, visibility: int, named: bool
) -> None:
    school.moodle.group(190, 10, "Under observation", [])
    school.moodle.change_group(190, visibility=visibility)
    lms.custom = {"group": "190"}
    said = launch(lms).content.decode()
    assert ("Under observation" in said) is named
    assert ("This activity is for a group that you are not in." in said) is not named
