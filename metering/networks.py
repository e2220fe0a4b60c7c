"""Pseudonyms of networks: enough to count guests of one network, useless once the key is gone."""

import hmac
from ipaddress import IPv6Address, ip_address

from metering.digests import digest_text

KEPT_LENGTH = 12
"""Characters of a digest that the ledger keeps: 72 bits tell the networks of a period apart, and
an event that admits a guest stays short."""


def network_digest(key: bytes, address: str) -> str:
    """The 22 URL-safe characters that stand for the network of an address in one period.

    `key` is the period's (db.plans.network_key). A network is one IPv4 address or one IPv6 /64,
    which is what one household gets; an IPv4 address written as IPv6 is the IPv4 address. Raises
    ValueError when `address` is none.
    """
    return digest_text(hmac.digest(key, _network(address), "sha256"))


def _network(address: str) -> bytes:
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return b"6" + parsed.packed[:8]
        parsed = parsed.ipv4_mapped
    return b"4" + parsed.packed
