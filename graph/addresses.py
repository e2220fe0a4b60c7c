"""The address that a request comes from, whichever proxies it went through."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.requests import Request

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]

_UNKNOWN = ip_address("0.0.0.0")  # noqa: S104 - the network of everybody without an address


def client_address(request: Request, trusted_proxies: Networks) -> Address:
    """The nearest hop that is no proxy of ours: what it says of hops before it is hearsay.

    A request over a unix socket has no address; it came from a proxy on this machine, which is
    believed where any proxy is. 0.0.0.0 stands for an address nobody told.
    """
    peer = parse_address(request.client.host) if request.client else None
    believed = bool(trusted_proxies) if peer is None else is_in(peer, trusted_proxies)
    nearest = peer or _UNKNOWN
    hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    for text in reversed(hops):
        hop = parse_address(text.strip()) if believed else None
        if hop is None:
            break
        nearest, believed = hop, is_in(hop, trusted_proxies)
    return nearest


def parse_address(text: str) -> Address | None:
    """An address, with or without a port, an IPv4 one mapped into IPv6 as IPv4; None if none."""
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::\d+)?", text)
    if bracketed:
        text = bracketed[1]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_in(address: Address, networks: Networks) -> bool:
    """Whether one of the networks holds the address."""
    return any(address in network for network in networks)
