"""Web addresses and network addresses: which of them are the same server, and which are refused."""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

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
# Where machines find out about themselves, credentials of their cloud account included, and what
# belongs to one cable. No Rocket.Chat is there.
REFUSED = tuple(
    ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local; 169.254.169.254 at AWS, Azure, Google, OpenStack and others
        "fe80::/10",  # link-local
        "fd00:ec2::254/128",  # AWS
        "fd20:ce::254/128",  # Google
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure's host
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


def is_refused(address: str, allowed: Collection[str] = ()) -> bool:
    """Whether nothing may be sent to this IP address. `allowed`: networks that are all right."""
    number = _embedded(ip_address(address.partition("%")[0]))
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
    if any(address in network for network in CARRIERS):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
