"""A Moodle that launches, registered with rcsync."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache

from demo.moodle_activity import CLIENT, DEPLOYMENT, FakeMoodle, running_fake_moodle
from integration.models import LtiDeployment, LtiPlatform

TOOL = "http://testserver"


@pytest.fixture
def lms() -> Iterator[FakeMoodle]:
    with running_fake_moodle() as lms:
        lms.tool = TOOL
        yield lms


@pytest.fixture
def platform(lms: FakeMoodle, db: None, settings: Any) -> LtiPlatform:
    """Registered by hand, as the admin's form does it."""
    settings.ALLOWED_HOSTS = ["*"]
    cache.clear()
    platform = LtiPlatform(name="Moodle", issuer=f"{lms.url}/", client_id=CLIENT)
    platform.full_clean()
    platform.save()
    LtiDeployment.objects.create(platform=platform, deployment_id=DEPLOYMENT)
    return platform
