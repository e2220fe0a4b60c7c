"""What the ledger and the tables call a change."""

import hashlib
from base64 import urlsafe_b64encode

REQUEST_ID_LENGTH = 22


def request_id_of(name: bytes, part: str = "") -> str:
    """The 22 URL-safe characters that name a change, or a part of it, for the ledger."""
    digest = hashlib.sha256(name + part.encode()).digest()
    return urlsafe_b64encode(digest).decode()[:REQUEST_ID_LENGTH]
