"""Addresses, credentials and limits: nonsense is refused at once, with what to change."""

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest

from integration.domain.errors import ConfigurationError
from integration.domain.secret import Secret, without
from integration.services.rocketchat import Connection, Credentials

TOKEN = "tok-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
CREDENTIALS = Credentials(user_id="bot-id", token=TOKEN)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://chat.example.org", "https://chat.example.org"),
        ("https://chat.example.org/", "https://chat.example.org"),
        ("  https://chat.example.org/api/v1/ ", "https://chat.example.org"),
        ("https://chat.example.org/api", "https://chat.example.org"),
        ("http://10.0.0.5:3000", "http://10.0.0.5:3000"),
        ("https://example.org/chat/", "https://example.org/chat"),
        ("https://example.org/chat/api/v1", "https://example.org/chat"),
        ("http://[::1]:3000/", "http://[::1]:3000"),
    ],
)
def test_an_address_may_end_in_a_slash_or_the_api_path_and_keeps_its_prefix(
    given: str, used: str
) -> None:
    assert Connection(given, CREDENTIALS).url == used


@pytest.mark.parametrize(
    ("given", "msg"),
    [
        ("", "missing"),
        ("chat.example.org", "Write https://chat.example.org"),
        ("ftp://chat.example.org", "not a web address"),
        ("https://", "not a web address"),
        ("https://chat.example.org:port", "not a web address"),
        ("https://chat example.org", "not a web address"),
        ("https://[::1", "not a web address"),
        ("https://chat.example.org/?x=1", "Leave out everything from ?"),
        ("https://chat.example.org/#/home", "Leave out everything from ?"),
    ],
)
def test_a_wrong_address_is_refused_with_what_is_wrong(given: str, msg: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Connection(given, CREDENTIALS)
    assert msg in str(refused.value)


@pytest.mark.parametrize("given", ["https://bot:hunter2@chat.example.org", "bot:hunter2@chat"])
def test_an_address_with_a_password_is_refused_without_repeating_it(given: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Connection(given, CREDENTIALS)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "msg"),
    [
        ({}, "no credentials"),
        ({"user_id": "bot-id"}, "access token of the Rocket.Chat bot is missing"),
        ({"token": TOKEN}, "user id of the Rocket.Chat bot is missing"),
        ({"username": "bot"}, "no credentials"),
        ({"user_id": "bot-id", "token": f"{TOKEN}\n"}, "contains a space"),
        ({"user_id": "bot id", "token": TOKEN}, "contains a space"),
        ({"user_id": "bot-id", "token": "töken"}, "special character"),
    ],
)
def test_credentials_that_cannot_work_are_refused_without_showing_them(
    given: dict[str, str], msg: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Credentials(**given)
    assert msg in str(refused.value)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        {"max_connections": 0},
        {"max_rps": 0.0},
        {"read_timeout": 0.0},
        {"ca_file": "no/such/file.pem"},
    ],
)
def test_limits_that_cannot_work_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Connection("https://chat.example.org", CREDENTIALS, **given)


def test_tls_is_checked_unless_switched_off_and_takes_an_own_authority(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.touch()
    url = "https://chat.example.org"
    assert Connection(url, CREDENTIALS).verify is True
    assert Connection(url, CREDENTIALS, ca_file=str(authority)).verify == str(authority)
    assert Connection(url, CREDENTIALS, verify_tls=False).verify is False


def test_the_password_is_the_second_factor_unless_another_is_given() -> None:
    assert Credentials(username="bot", password="one").factor == "one"
    given = Credentials(user_id="id", token=TOKEN, second_factor_password="two")
    assert given.factor == "two"
    assert CREDENTIALS.factor == ""


def test_a_token_comes_before_a_password() -> None:
    both = Credentials(user_id="id", token=TOKEN, username="bot", password="one")
    assert not both.by_password
    assert Credentials(username="bot", password="one").by_password


def test_secrets_are_not_shown_by_any_representation() -> None:
    secret = Credentials(
        user_id="bot-id", token=TOKEN, password="hunter2", second_factor_password="correct horse"
    )
    connection = Connection("https://chat.example.org", secret)
    for shown in (repr(secret), str(secret), repr(connection), repr(Secret(TOKEN)), f"{secret!r}"):
        assert TOKEN not in shown
        assert "hunter2" not in shown
        assert "correct horse" not in shown
    assert repr({"password": Secret("hunter2")}) == "{'password': '***'}"


def test_a_secret_is_not_written_into_a_queue_or_cache() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret("hunter2"))
    assert repr(copy.deepcopy([copy.copy(Secret("hunter2"))])) == "['***']"


def test_secrets_are_taken_out_of_foreign_words() -> None:
    assert without("hunter2 is wrong, hunter2!", ["hunter2", ""]) == "*** is wrong, ***!"
