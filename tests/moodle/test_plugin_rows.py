"""The rows of local_rocketchat, read from each database Moodle runs on."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from integration.domain.errors import ConfigurationError
from integration.domain.plugin import PluginCourse
from integration.services.moodle.plugin_rows import read_plugin
from tests.support.plugin_moodle import EVENTS_OFF, SWITCHED_OFF, statements
from tests.support.real_moodle import RealMoodle

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

LAYOUTS = [("mariadb", "small", "adpe"), ("mariadb", "m41", "old"), ("postgres", "m51pg", "adpe")]


@pytest.mark.parametrize(("server", "sample", "layout"), LAYOUTS)
def test_every_layout_is_read_on_every_database(
    server: str,
    sample: str,
    layout: str,
    shared: Path,
    request: pytest.FixtureRequest,
    moodle_alias: Callable[..., AbstractContextManager[Any]],
) -> None:
    moodle = RealMoodle(request.getfixturevalue(server), shared, sample)

    def sql(text: str) -> None:
        moodle.server.sql(text, moodle.database)

    with moodle_alias(moodle.url):
        with pytest.raises(ConfigurationError, match="nothing of the plugin"):
            read_plugin()
        sql(statements(layout, [2, 3], [5], "/a/\r\n/b/"))
        sql(
            "INSERT INTO mdl_local_rocketchat_courses (id, course, pendingsync) VALUES (9, 3, 1);"
            "INSERT INTO mdl_user_preferences VALUES "
            "(1, 3, 'local_rocketchat_external_user', ' anna '), "
            "(2, 3, 'local_rocketchat_external_token', 'secret'), "
            "(3, 4, 'local_rocketchat_external_user', ''), (4, 4, 'other', 'x')"
        )
        found = read_plugin()
        event = layout == "adpe"
        assert found.courses == (PluginCourse(2, event, True), PluginCourse(3, event, True))
        assert found.roles == frozenset({5})
        assert found.accounts == {3: "anna"}
        assert (found.scheme, found.host, found.task_on) == ("https", "chat.example.invalid", True)
        assert "never read" not in repr(found)
        assert "secret" not in repr(found)
        assert found.is_on
        sql(SWITCHED_OFF + (EVENTS_OFF if event else ""))
        assert not read_plugin().is_on
        sql("DROP TABLE mdl_task_scheduled; DROP TABLE mdl_user_preferences")
        found = read_plugin()
        assert found.task_on is None
        assert found.accounts is None
        assert found.is_on  # nobody can tell
