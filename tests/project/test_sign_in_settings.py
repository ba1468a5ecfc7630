"""Which ways to sign in the environment switches on, and what it may not leave out."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from rcsync_project import sign_in

OIDC = {
    "OIDC_ISSUER": "https://login.example.org",
    "OIDC_CLIENT_ID": "rcsync",
    "OIDC_CLIENT_SECRET": "a-secret-of-the-client",
    "SIGN_IN_VIEWER_GROUPS": "cn=staff,ou=groups; helpdesk",
}
REMOTE = {
    "REMOTE_USER_HEADER": "X-Remote-User",
    "REMOTE_USER_GROUPS_HEADER": "X-Remote-Groups",
    "REMOTE_USER_SECRET": "sixteen-characters-or-more",
    "SIGN_IN_OPERATOR_GROUPS": "it",
}


def read(environment: dict[str, str], proxies: int = 1) -> Any:
    def text(name: str, default: str = "") -> str:
        return environment.get(name, default)

    return sign_in.read(text, proxies)


def test_nothing_is_switched_on_by_itself() -> None:
    found = read({})
    assert (found.openid, found.proxy, sign_in.backends(found)) == (None, None, [])


def test_group_names_stand_between_semicolons_because_a_directory_has_commas_in_them() -> None:
    assert read(OIDC).groups["viewer"] == {"cn=staff,ou=groups", "helpdesk"}


def test_secrets_are_shown_in_no_representation() -> None:
    found = read({**OIDC, **REMOTE})
    assert "a-secret-of-the-client" not in repr(found)
    assert "sixteen-characters" not in repr(found)
    assert found.secrets == ["a-secret-of-the-client", "sixteen-characters-or-more"]


@pytest.mark.parametrize(
    ("environment", "proxies", "sentence"),
    [
        ({**OIDC, "OIDC_ISSUER": "http://login.example.org"}, 1, "It is the https:// address"),
        ({**OIDC, "OIDC_CLIENT_SECRET": ""}, 1, "OIDC_CLIENT_SECRET"),
        ({**OIDC, "SIGN_IN_VIEWER_GROUPS": " ; "}, 1, "no group may sign in"),
        (REMOTE, 0, "BEHIND_PROXY is off"),
        ({**REMOTE, "REMOTE_USER_SECRET": "short"}, 1, "16 characters or more"),
        ({**REMOTE, "REMOTE_USER_GROUPS_HEADER": ""}, 1, "REMOTE_USER_GROUPS_HEADER"),
        ({**REMOTE, "REMOTE_USER_HEADER": "X_REMOTE_USER"}, 1, "no name of a header"),
    ],
)
def test_a_half_set_way_is_an_error_at_the_start(
    environment: dict[str, str], proxies: int, sentence: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=sentence):
        read(environment, proxies)


def test_without_the_extra_the_error_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "find_spec", lambda _name: None)
    with pytest.raises(ImproperlyConfigured, match="install --extra oidc"):
        read(OIDC)
