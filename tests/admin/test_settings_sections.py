"""The settings: in sections, each saved on its own; found by a search; wrong ones named on top."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from integration.domain.errors import ConfigurationError
from integration.models import IntegrationSettings
from integration.pages.setting_groups import SETTING_GROUPS
from integration.pages.setting_sections import key_of
from integration.services.sync.names import check_template

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

URL = "/admin/integration/integrationsettings/1/change/"
SAFETY = f"{URL}?section=limit_percent"


@pytest.fixture(autouse=True)
def plain_http(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = False


def form_of(client: Client, url: str) -> Any:
    return client.get(url).context["adminform"].form


def as_posted(form: Any) -> dict[str, Any]:
    values = {name: form[name].value() for name in form.fields}
    return {name: "on" if v is True else v for name, v in values.items() if v not in (None, False)}


def test_every_section_is_in_the_index_and_shows_its_own_settings(administrator: Client) -> None:
    page = administrator.get(SAFETY).content.decode()
    for group in SETTING_GROUPS:
        assert f"?section={key_of(group)}" in page
        shown = form_of(administrator, f"{URL}?section={key_of(group)}")
        assert {field for field in shown.fields if not field.startswith("clear_")} == {
            field for field in group[1]["fields"] if not field.startswith("clear_")
        }


def test_a_section_is_saved_on_its_own_and_stays_open(administrator: Client) -> None:
    IntegrationSettings.load()
    data = as_posted(form_of(administrator, SAFETY)) | {"limit_percent": "12"}
    IntegrationSettings.objects.update(big_run=77, help_contact="by somebody else meanwhile")
    answer = administrator.post(SAFETY, data)
    assert answer.headers["Location"] == SAFETY
    row = IntegrationSettings.load()
    assert (row.limit_percent, row.big_run) == (12, 77)
    assert row.help_contact == "by somebody else meanwhile"


def test_without_a_section_and_with_an_unknown_one_all_settings_are_there(
    administrator: Client,
) -> None:
    for url in (URL, f"{URL}?section=nonsense"):
        assert len(form_of(administrator, url).fields) > 40
    menu = administrator.get("/admin/integration/integrationsettings/")
    assert menu.headers["Location"] == f"{URL}?section=rocketchat_url"


def test_what_is_wrong_is_named_on_top_and_beside_the_field(administrator: Client) -> None:
    data = as_posted(form_of(administrator, SAFETY)) | {"limit_percent": "400"}
    page = administrator.post(SAFETY, data).content.decode()
    top = page.split("Nothing was saved. Correct:")[1]
    assert '<a href="#id_limit_percent">Limit in percent</a>' in top.split("</div>")[0]
    assert page.count("less than or equal to 100") == 2


def test_a_search_finds_settings_by_name_explanation_and_section(administrator: Client) -> None:
    page = administrator.get(f"{URL}?q=quiet").content.decode()
    assert "Quiet hours begin" in page.split("settings found")[1]
    assert "?section=rocketchat_url#id_quiet_from" in page
    page = administrator.get(f"{URL}?q=zzz").content.decode()
    assert "0 settings found" in page


def test_a_viewer_reads_a_section_and_nothing_of_a_secret(transactional_db: None) -> None:
    IntegrationSettings(rocketchat_auth_token="a-very-long-secret-token").save()
    user = User.objects.create_user("v", password="v", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_integrationsettings"))
    client = Client()
    client.force_login(user)
    page = client.get(f"{URL}?section=rocketchat_url").content.decode()
    assert "a-very-long" not in page
    assert "Personal access token" in page


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{course}-{gruppe}", "The placeholder {gruppe} is not known"),
        ("{course}-{group", "A brace is not closed or not opened"),
        ("{course}}-{group}", "A brace is not closed or not opened"),
        ("{course}", "All groups of a course would get the same name"),
        ("all", "All groups of a course would get the same name"),
    ],
)
def test_a_template_that_cannot_be_meant_is_refused(
    administrator: Client, template: str, why: str
) -> None:
    url = f"{URL}?section=name_template"
    data = as_posted(form_of(administrator, url)) | {"name_template": template}
    page = administrator.post(url, data).content.decode()
    assert why in page.replace("&#x27;", "'")
    assert IntegrationSettings.load().name_template == "{course}-{group}"


@pytest.mark.parametrize("name", ["topic", "description", "announcement"])
def test_templates_of_texts_are_checked_and_kept(administrator: Client, name: str) -> None:
    field = f"{name}_template"
    url = f"{URL}?section=name_template"
    data = as_posted(form_of(administrator, url))
    page = administrator.post(url, data | {field: "Ask {teacher}"}).content.decode()
    assert "The placeholder {teacher} is not known" in page
    assert administrator.post(url, data | {field: "Ask in {course}"}).status_code == 302
    assert getattr(IntegrationSettings.load(), field) == "Ask in {course}"


def test_a_topic_may_be_the_same_for_all_groups() -> None:
    check_template("Ask in the forum of {course}", is_name=False)
    with pytest.raises(ConfigurationError, match="not known"):
        check_template("{teacher}", is_name=False)
