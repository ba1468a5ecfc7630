"""What is wrong with a form stands on top of its page: which row, which field, what to do."""

import re
from typing import Any

import pytest
from django.test import Client

from integration.models import GroupRegexFilter, LtiDeployment, LtiPlatform, RemovalLimit

pytestmark = pytest.mark.django_db(transaction=True)
LIMITS = "/admin/integration/removallimit/"


@pytest.fixture(autouse=True)
def plain_http(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = False


def summary(page: str) -> str:
    return page.partition("Nothing was saved. Correct:")[2].partition("</div>")[0]


def top(page: str) -> list[str]:
    """The lines of the summary, without markup."""
    lines = re.findall("<li>(.*?)</li>", summary(page))
    return [re.sub("<[^>]*>", "", line) for line in lines]


def targets_exist(page: str) -> bool:
    targets = re.findall('href="#([^"]*)"', summary(page))
    return bool(targets) and all(f'id="{target}"' in page for target in targets)


def rows(**values: dict[str, str]) -> dict[str, str]:
    return {
        "form-TOTAL_FORMS": "2",
        "form-INITIAL_FORMS": "2",
        "_save": "Save",
        **{
            f"form-{row[1:]}-{name}": text
            for row, of in values.items()
            for name, text in of.items()
        },
    }


def test_a_list_names_row_and_field_of_each_error(administrator: Client) -> None:
    first = RemovalLimit.objects.create(what="accounts", span="day", percent=10)
    second = RemovalLimit.objects.create(what="memberships", span="run", percent=20)
    data = rows(
        r0={"id": str(first.pk), "percent": "400", "absolute": ""},
        r1={"id": str(second.pk), "percent": "5", "absolute": "many"},
    )
    page = administrator.post(LIMITS, data).content.decode()
    assert top(page) == [
        f"{first}, Percent: Ensure this value is less than or equal to 100.",
        "Memberships removed in one run, Number: Enter a whole number.",
    ]
    assert targets_exist(page)
    assert RemovalLimit.objects.get(pk=second.pk).percent == 20


def test_an_error_about_a_whole_row_leads_to_its_first_field(administrator: Client) -> None:
    stored = GroupRegexFilter.objects.create(pattern="(unfinished")
    data = rows(r0={"id": str(stored.pk), "enabled": "on"}) | {
        "form-TOTAL_FORMS": "1",
        "form-INITIAL_FORMS": "1",
    }
    page = administrator.post("/admin/integration/groupregexfilter/", data).content.decode()
    assert len(top(page)) == 1
    assert "(unfinished" in top(page)[0]
    assert "is not valid" in top(page)[0]
    assert targets_exist(page)


def test_rows_inside_a_form_are_named_too(administrator: Client) -> None:
    platform = LtiPlatform(name="Moodle", issuer="https://m.example", client_id="x")
    platform.save()
    known = LtiDeployment.objects.create(platform=platform, deployment_id="7")
    data = {
        "name": "",
        "issuer": "https://m.example",
        "client_id": "x",
        "enabled": "on",
        "deployments-TOTAL_FORMS": "2",
        "deployments-INITIAL_FORMS": "1",
        "deployments-0-id": str(known.pk),
        "deployments-0-platform": str(platform.pk),
        "deployments-0-deployment_id": "",
        "deployments-1-platform": str(platform.pk),
        "deployments-1-deployment_id": "x" * 300,
    }
    address = f"/admin/integration/ltiplatform/{platform.pk}/change/"
    page = administrator.post(address, data).content.decode()
    assert [line.split(": ")[0] for line in top(page)] == [
        "Name",
        "7, Deployment ID",
        "New row, Deployment ID",
    ]
    assert targets_exist(page)


def test_a_page_without_errors_says_nothing(administrator: Client) -> None:
    assert "Nothing was saved" not in administrator.get(LIMITS).content.decode()


def test_the_page_to_log_in_says_its_own_words(client: Client) -> None:
    answer = client.post("/admin/login/", {"username": "nobody", "password": "wrong"})
    assert "Nothing was saved" not in answer.content.decode()
    assert "Please enter the correct" in answer.content.decode()
