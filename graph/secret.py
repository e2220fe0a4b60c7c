"""The secret that servers share, and what is derived from it."""

import hashlib
import hmac
import secrets
from pathlib import Path

from db.embedded.data_folder import write_secret
from graph.settings import Settings
from schema.errors import SettingRefused

_FILE = "guest.secret"


def guest_secret(settings: Settings) -> bytes:
    """The key that signs guest tokens: from the settings, or made once for the data folder."""
    if settings.guest_secret:
        return settings.guest_secret.get_secret_value().encode()
    if not settings.is_embedded:
        raise SettingRefused("set CODESTILE_GUEST_SECRET: servers with common stores share it")
    return kept_secret(settings.data / _FILE)


def known_secret(settings: Settings) -> bytes:
    """As guest_secret; raises SettingRefused where it would have to be made."""
    if settings.is_embedded and not (settings.data / _FILE).exists():
        raise SettingRefused(f"no server ran on {settings.data}; name its folder by --data")
    return guest_secret(settings)


def kept_secret(file: Path) -> bytes:
    """The secret in `file`, made on first use and readable by its owner only."""
    if not file.exists():
        write_secret(file, secrets.token_hex(32))
    return file.read_bytes()


def key_seed(secret: bytes) -> bytes:
    """The 32 bytes that partners' keys are derived with."""
    return hmac.digest(secret, b"codestile partner keys", hashlib.sha256)


def checkpoint_seed(secret: bytes) -> bytes:
    """The 32 bytes that sign checkpoints of the archive."""
    return hmac.digest(secret, b"codestile ledger checkpoints", hashlib.sha256)


def people_secret(secret: bytes) -> bytes:
    """The 32 bytes that make digests of addresses and mailed codes."""
    return hmac.digest(secret, b"codestile people", hashlib.sha256)
