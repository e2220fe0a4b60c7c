"""Partners' keys: made, replaced, taken back, and known again when one is sent.

A key is `csk_live_`, 12 letters and digits that are its public name, `_`, and 43 URL-safe
characters that are its secret. docs/decisions/0018 says why both are derived.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.keys import (
    KeyRefusal,
    KeyRules,
    NewKey,
    create_key,
    is_good,
    key_by_id,
    note_used,
    revoke_key,
    rotate_key,
)
from db.pool import Database
from db.requests import KEPT_SECONDS
from metering.digests import url_text
from schema.accounts import KEY_PREFIX, Account, ApiKey, ApiScope
from schema.people import ViewerKind

ID_LENGTH = 12
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KEY = re.compile(rf"{KEY_PREFIX}([0-9A-Za-z]{{{ID_LENGTH}}})_([\w-]{{43}})", re.ASCII)
_NO_SECRET = bytes(32)
"""Compared with where no key has the id: no text that anybody knows has this SHA-256."""
RULES = KeyRules(most_good=20, again_for=timedelta(seconds=KEPT_SECONDS))


def read_key(text: str) -> tuple[str, str] | None:
    """The id and the secret of a text that has the form of a key; None for any other."""
    found = _KEY.fullmatch(text)
    return None if found is None else (found[1], found[2])


def prefix_of(key_id: str) -> str:
    """The part of a key that may be shown for ever."""
    return KEY_PREFIX + key_id


def key_text(key_id: str, secret: str) -> str:
    """The whole key, as its bearer sends it."""
    return f"{prefix_of(key_id)}_{secret}"


def secret_digest(secret: str) -> bytes:
    """What is kept of a secret, 32 bytes: of so many random bits one hash is enough."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True)
class Made:
    """A key just made, with what nobody is told again."""

    key: ApiKey
    text: str
    """The whole key, secret and all."""

    def __repr__(self) -> str:
        """Without the text: what is printed may be kept."""
        return f"Made({self.key.id})"


@dataclass(frozen=True)
class Keys:
    """The acts on keys. All raise StoreUnavailable."""

    database: Database
    seed: bytes
    """What keys are derived with; see graph/secret.py."""
    now: Callable[[], datetime]
    """The clock, UTC."""
    rules: KeyRules = RULES

    async def holder(self, text: str) -> tuple[Account, ApiKey] | None:
        """Whose key a text is, and that it was used; None for what is no good key of a partner.

        An unknown id and a wrong secret take one read and one comparison each.
        """
        parts = read_key(text)
        if parts is None:
            return None
        key_id, secret = parts
        held = await key_by_id(self.database, key_id)
        kept = _NO_SECRET if held is None else held.secret_digest
        is_right = hmac.compare_digest(secret_digest(secret), kept)
        now = self.now()
        if held is None or not is_right or not is_good(held.key, now):
            return None
        if not _is_partner(held.account, now):
            return None
        await note_used(self.database, held.key, now)
        return held.account, held.key

    async def create(
        self,
        account: Account,
        name: bytes,
        label: str,
        scopes: frozenset[ApiScope],
        expires_at: datetime | None,
    ) -> Made | KeyRefusal:
        """A key that the partner calls `label`; `name` is that of the change."""
        key_id, secret = self._derived(name)
        new = NewKey(
            id=key_id,
            account_id=account.id,
            name=label,
            secret_digest=secret_digest(secret),
            scopes=scopes,
            made_at=self.now(),
            expires_at=expires_at,
        )
        return _made(await create_key(self.database, new, self.rules), secret)

    async def rotate(
        self, account: Account, name: bytes, old_id: str, overlap: timedelta
    ) -> Made | KeyRefusal:
        """A key in place of another, which is good for as long as `overlap` yet; `name` is that
        of the change."""
        key_id, secret = self._derived(name)
        now = self.now()
        new = NewKey(
            id=key_id,
            account_id=account.id,
            name="",
            secret_digest=secret_digest(secret),
            scopes=frozenset(),
            made_at=now,
            expires_at=None,
            replaces=old_id,
        )
        return _made(await rotate_key(self.database, new, now + overlap, self.rules), secret)

    async def revoke(self, account: Account, key_id: str) -> ApiKey | None:
        """The key, refused from now on; None when the account has no such key."""
        return await revoke_key(self.database, account.id, key_id, self.now())

    def _derived(self, name: bytes) -> tuple[str, str]:
        """The id and the secret of the key that a change of that name makes."""
        number = int.from_bytes(hmac.digest(self.seed, b"id " + name, "sha256"))
        letters = []
        for _ in range(ID_LENGTH):
            number, place = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[place])
        return "".join(letters), url_text(hmac.digest(self.seed, b"secret " + name, "sha256"))


def _made(done: ApiKey | KeyRefusal, secret: str) -> Made | KeyRefusal:
    return done if isinstance(done, KeyRefusal) else Made(done, key_text(done.id, secret))


def _is_partner(account: Account, now: datetime) -> bool:
    has_ended = account.plan_ends_at is not None and account.plan_ends_at <= now
    return account.kind is ViewerKind.PARTNER and not has_ended
