"""Digests as text, for keys, ids and tokens: letters, digits, `-` and `_`, no padding."""

from base64 import urlsafe_b64encode

DIGEST_LENGTH = 22
"""Characters of a digest that is cut: 132 bits."""


def url_text(raw: bytes) -> str:
    """Bytes in base64url, as many characters as they need."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def digest_text(digest: bytes) -> str:
    """The 22 characters that stand for a digest of 17 bytes or more."""
    return url_text(digest)[:DIGEST_LENGTH]
