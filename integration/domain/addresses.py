"""Web addresses and network addresses: which of them are the same server, and which are refused."""

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from unicodedata import normalize
from urllib.parse import unquote, urlsplit

PORTS = {"http": 80, "https": 443}
# IPv6 networks whose addresses stand for the IPv4 address in their last 32 bits.
CARRIERS = tuple(
    IPv6Network(network)
    for network in (
        "64:ff9b::/96",  # NAT64, RFC 6052
        "64:ff9b:1::/48",  # NAT64 of one's own, RFC 8215
        "::ffff:0:0:0/96",  # SIIT, RFC 2765
    )
)
COMPATIBLE = IPv6Network("::/96")  # IPv4-compatible, RFC 4291; but :: and ::1 are themselves
LEGACY = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}", re.IGNORECASE)
DOTS = str.maketrans("。．｡", "...")  # what else browsers and requests read as a dot in a host
# Where machines find out about themselves, credentials of their cloud account included, and what
# belongs to one cable. No Rocket.Chat is there.
REFUSED = tuple(
    ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local; 169.254.169.254 at AWS, Azure, Google, OpenStack and others
        "fe80::/10",  # link-local
        "fd00:ec2::/32",  # AWS: metadata, credentials of containers, names, time
        "fd20:ce::254/128",  # Google
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure's host
        "192.0.0.192/32",  # Oracle
    )
)


def origin(url: str) -> str:
    """Scheme, host and port, spelled in one way; "" for what is no web address."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or PORTS[parts.scheme]
        host = (parts.hostname or "").rstrip(".")
    except (KeyError, ValueError):
        return ""
    if not host:
        return ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def same_address(one: str, other: str) -> bool:
    """Whether both name the same site: host in any case, a slash at the end or none."""
    first = origin(one)
    return bool(first) and first == origin(other) and _path(one) == _path(other)


def _path(url: str) -> str:
    return urlsplit(url.strip()).path.rstrip("/")


def number_of(host: str) -> IPv4Address | IPv6Address:
    """The IP address that a host is written as, in all the ways that the operating system, or a
    proxy, takes for one: 2852039166, 0xa9fea9fe and 169.254.43518 too. ValueError for a name.
    """
    text = normalize("NFKC", host.strip().strip("[]").translate(DOTS))
    if ":" in text:
        return ip_address(text.partition("%")[0])
    text = unquote(text).rstrip(".")
    return _legacy(text) if LEGACY.fullmatch(text) else ip_address(text)


def _legacy(text: str) -> IPv4Address:
    """As `inet_aton` reads it: parts in any base, the last of which fills what is left."""
    *first, last = [_part(part) for part in text.split(".")]
    left = 4 - len(first)
    if any(part > 0xFF for part in first) or last >= 256**left:
        raise ValueError(f"{text!r} is no IP address")
    number = int.from_bytes(bytes(first), "big")
    return IPv4Address((number << 8 * left) + last)


def _part(text: str) -> int:
    if text.lower().startswith("0x"):
        return int(text[2:] or "0", 16)
    return int(text, 8 if text.startswith("0") else 10)


def is_refused(address: str, allowed: Collection[str] = ()) -> bool:
    """Whether nothing may be sent to this IP address. `allowed`: networks that are all right.
    ValueError for a name.
    """
    number = _embedded(number_of(address))
    if is_within(number, allowed):
        return False
    return any(number in network for network in REFUSED)


def is_within(address: IPv4Address | IPv6Address | str, networks: Collection[str]) -> bool:
    """Whether an IP address lies in one of the networks; "" and other nonsense do not."""
    try:
        number = _embedded(ip_address(address))
    except ValueError:
        return False
    return any(number in ip_network(network, strict=False) for network in networks)


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    compatible = address in COMPATIBLE and int(address) >= 1 << 24
    if compatible or any(address in network for network in CARRIERS):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
