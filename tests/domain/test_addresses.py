"""Which addresses are the same server, and which nothing is sent to."""

import re

import pytest

from integration.domain.addresses import is_refused, is_within, number_of, origin


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://chat.example.org", "https://chat.example.org:443"),
        ("https://CHAT.example.org:443/sub/api/v1/", "https://chat.example.org:443"),
        ("https://chat.example.org.", "https://chat.example.org:443"),
        ("http://chat.example.org", "http://chat.example.org:80"),
        ("http://[::1]:3000/", "http://[::1]:3000"),
        ("https://chat.example.org@elsewhere.example", "https://elsewhere.example:443"),
        ("chat.example.org", ""),
        ("https://chat.example.org:port", ""),
        ("https://", ""),
        ("", ""),
    ],
)
def test_a_server_is_scheme_host_and_port(url: str, expected: str) -> None:
    assert origin(url) == expected


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "febf::1"),
        *("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16"),
        *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"),
        *("::ffff:0:169.254.169.254", "64:ff9b:1::a9fe:a9fe", "::169.254.169.254"),
        *("2852039166", "0xa9fea9fe", "0xA9.0xfe.0xa9fe", "169.254.43518", "0251.0376.0251.0376"),
        *("169.254.169.254.", "[::ffff:a9fe:a9fe]", "[::169.254.169.254]"),
        *("１６９.254.169.254", "169。254。169。254", "169%2e254%2e169%2e254"),
        *("fd00:ec2::23", "fd00:ec2::253", "fd00:ec2:1::1", "192.0.0.192"),
    ],
)
def test_link_local_and_metadata_addresses_are_refused_unless_allowed(address: str) -> None:
    assert is_refused(address)
    assert is_refused(address, ["10.0.0.0/8"])
    assert not is_refused(address, ["0.0.0.0/0", "::/0"])


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.7", "192.0.2.1", "::1", "::", "fd00:ec3::1", "2130706433", "::10.0.0.7"],
)
def test_other_addresses_are_not(address: str) -> None:
    assert not is_refused(address)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "chat.example.org",
            "chat",
            "a9fea9fe",
            "1.2.3.4.5",
            "256.256.256.256",
            *("4294967296", "1.2.65536", "256.1"),
        ),
        *("0xa9fea9fe.example.org", "169.254.169.254.example.org", "::g"),
    ],
)
def test_a_name_is_no_number(name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(name)) if name else "IP"):
        number_of(name)


def test_nonsense_is_in_no_network() -> None:
    assert is_within("10.1.2.3", ["10.0.0.0/8"])
    assert is_within("::ffff:10.1.2.3", ["10.0.0.0/8"])
    assert is_within("::1", ["::1"])
    for nonsense in ("", "unknown", "10.1.2.3:80", "10.0.0.0/8"):
        assert not is_within(nonsense, ["0.0.0.0/0", "::/0"])
