"""axe-core finds nothing serious on the main pages, in the light and in the dark."""

import pytest
from django.contrib.auth.models import User

from integration.models import Conflict, SyncOperation, SyncRun
from tests.support.browser import Browser, main_pages, serious_findings
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


@pytest.mark.parametrize("theme", [pytest.param("light", marks=pytest.mark.slow), "dark"])
def test_no_serious_finding_on_the_main_pages(browser: Browser, chosen: Site, theme: str) -> None:
    done = chosen.apply().run
    undo = chosen.run(kind="preview", keep_plan=True, undoes=done.pk).run
    SyncOperation.objects.create(
        run=SyncRun.objects.create(kind="apply", trigger="admin", status="failed"),
        position=0,
        kind="archive",
        status="failed",
        description="archive a channel",
        reason="r",
        error="e",
    )
    browser.sign_in(User.objects.create_superuser("admin", password="admin"))
    browser.go("/admin/")
    browser.driver.execute_script(f"localStorage.setItem('adminTheme', '\"{theme}\"')")
    pages = main_pages()
    pages += [f"/admin/integration/syncrun/{run.pk}/change/" for run in (done, undo)]
    pages += [f"/admin/conflict/{c.pk}/choose/?search=a" for c in Conflict.objects.all()[:1]]
    pages += [f"/admin/integration/conflict/{c.pk}/change/" for c in Conflict.objects.all()[:1]]
    findings = {}
    for page in pages:
        browser.go(page)
        browser.find("#content-main")
        if found := serious_findings(browser.driver):
            findings[page] = found
    assert not findings, "\n".join(
        f"{page}: {line}" for page, lines in findings.items() for line in lines
    )
