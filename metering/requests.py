"""Ids of acts that follow from others: the same parts always make the same request."""

from hashlib import sha256

from metering.digests import digest_text


def derived_id(*parts: str) -> str:
    """The 22 URL-safe characters that name the request of these parts."""
    return digest_text(sha256(" ".join(parts).encode()).digest())
