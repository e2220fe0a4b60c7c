"""Ids of acts that follow from others: the same parts always make the same request."""

from base64 import urlsafe_b64encode
from hashlib import sha256


def derived_id(*parts: str) -> str:
    """The 22 URL-safe characters that name the request of these parts."""
    digest = sha256(" ".join(parts).encode()).digest()
    return urlsafe_b64encode(digest)[:22].decode()
