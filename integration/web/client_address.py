"""Who asks: the address of the browser, behind as many proxies as the settings say."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

HOUSEHOLD = 64  # bits of an IPv6 address that one customer has to themselves


def client_address(request: HttpRequest) -> str:
    """The IP address of whoever asks; "" where it is not known.

    Every proxy adds whom it was asked by to the end of X-Forwarded-For, so behind N of them the
    N-th from the end is the client; what stands before it anybody may have written. A request that
    came past a proxy has fewer entries: nothing is known of it.
    """
    if not settings.PROXIES:
        return _number(str(request.META.get("REMOTE_ADDR", "")))
    hops = request.headers.get("X-Forwarded-For", "").split(",")
    return _number(hops[-settings.PROXIES]) if len(hops) >= settings.PROXIES else ""


def counted_address(request: HttpRequest) -> str | None:
    """What failed log-ins are counted under: one customer may change the end of an IPv6 address."""
    address = client_address(request) or _number(str(request.META.get("REMOTE_ADDR", "")))
    if not address:
        return None
    if isinstance(ip_address(address), IPv6Address):
        return str(ip_network(f"{address}/{HOUSEHOLD}", strict=False).network_address)
    return address


def _number(text: str) -> str:
    """The IP address in an entry: some proxies add the port, IPv6 ones may be in brackets."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)
