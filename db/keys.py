"""Partners' keys, kept in PostgreSQL without their secrets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import Enum, auto
from typing import NamedTuple

import asyncpg

from db.accounts import read_account
from db.pool import Database
from db.queries import statements
from schema.accounts import Account, ApiKey, ApiScope

USED_TO = timedelta(minutes=1)
"""How exactly it is kept when a key was last used: a write a request would be too many."""


class HeldKey(NamedTuple):
    """A key as whoever checks it needs it."""

    account: Account
    key: ApiKey
    secret_digest: bytes
    """SHA-256 of its secret, 32 bytes."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that is to be made."""

    id: str
    account_id: str
    name: str
    secret_digest: bytes
    scopes: frozenset[ApiScope]
    made_at: datetime
    expires_at: datetime | None
    replaces: str | None = None


class KeyRefusal(Enum):
    """Why no key was made."""

    NO_ACCOUNT = auto()
    """The account is gone."""
    TOO_MANY = auto()
    """The account would have more good keys than it may."""
    OTHER_KEY = auto()
    """There is a key of that id, made from other input, or too long ago to show its secret."""
    NO_KEY = auto()
    """The account has no such key to replace."""
    NOT_GOOD = auto()
    """The key to replace is revoked or over."""
    REPLACED = auto()
    """The key to replace was replaced before."""


class KeyRules(NamedTuple):
    """What bounds the making of keys."""

    most_good: int
    """Keys of one account that may be good at the same time."""
    again_for: timedelta
    """How long after its making the same request is answered with the same key."""


class KeysPart(NamedTuple):
    """A part of the keys of an account, newest first."""

    keys: list[ApiKey]
    has_more: bool
    total: int


class DeprecatedFieldUses(NamedTuple):
    """How often a key asked for one thing that will go away."""

    field: str
    """Its coordinate, as `Type.field`."""
    uses: int
    last_day: date
    """UTC."""


async def key_by_id(database: Database, key_id: str) -> HeldKey | None:
    """The key of that id, good or not, with its account; None when there is none."""
    row = await database.fetch_one(statements("keys")["key_by_id"], key_id)
    if row is None:
        return None
    account = read_account(row)
    return HeldKey(account, _key(row, account.id), row["secret_digest"])


async def note_used(database: Database, key: ApiKey, now: datetime) -> None:
    """Note that the key was used, unless that was noted a moment ago."""
    noted_before = now - USED_TO
    if key.last_used_at is None or key.last_used_at < noted_before:
        await database.fetch(statements("keys")["touch_key"], key.id, now, noted_before)


async def create_key(database: Database, new: NewKey, rules: KeyRules) -> ApiKey | KeyRefusal:
    """Make a key, or find it made by the same request before."""
    async with database.connection() as connection, connection.transaction():
        if await connection.fetchval(statements("keys")["hold_keys_of"], new.account_id) is None:
            return KeyRefusal.NO_ACCOUNT
        made = await _made_before(connection, new)
        if made is not None:
            is_same = (made.name, made.scopes, made.expires_at, made.replaces) == (
                *(new.name, new.scopes, new.expires_at, new.replaces),
            )
            return made if is_same and _is_fresh(made, new, rules) else KeyRefusal.OTHER_KEY
        if await _is_full(connection, new, rules):
            return KeyRefusal.TOO_MANY
        return await _add(connection, new)


async def rotate_key(
    database: Database, new: NewKey, ends_at: datetime, rules: KeyRules
) -> ApiKey | KeyRefusal:
    """Make a key in place of `new.replaces`, which is refused from `ends_at` on, or sooner where
    it was so before. Name, scopes and how long it lives are those of the key before; what `new`
    says of them is not read."""
    assert new.replaces is not None, "a rotation replaces a key"
    named = statements("keys")
    async with database.connection() as connection, connection.transaction():
        await connection.execute(named["hold_keys_of"], new.account_id)
        made = await _made_before(connection, new)
        if made is not None:
            is_same = made.replaces == new.replaces and _is_fresh(made, new, rules)
            return made if is_same else KeyRefusal.OTHER_KEY
        row = await connection.fetchrow(named["key_of_account"], new.account_id, new.replaces)
        if row is None:
            return KeyRefusal.NO_KEY
        old = _key(row, new.account_id)
        if not is_good(old, new.made_at):
            return KeyRefusal.NOT_GOOD
        if await connection.fetchval(named["replacement_of"], new.account_id, old.id):
            return KeyRefusal.REPLACED
        stays = ends_at > new.made_at
        if await _is_full(connection, new, rules, leaving=0 if stays else 1):
            return KeyRefusal.TOO_MANY
        await connection.execute(named["end_key"], old.id, ends_at)
        return await _add(connection, _like(old, new))


def _like(old: ApiKey, new: NewKey) -> NewKey:
    """The new key with what it has of the old one: it lives as long as that was to live."""
    lives = None if old.expires_at is None else old.expires_at - old.created_at
    ends_at = None if lives is None else new.made_at + lives
    return replace(new, name=old.name, scopes=old.scopes, expires_at=ends_at)


def is_good(key: ApiKey, now: datetime) -> bool:
    """Whether a key is neither revoked nor over."""
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


async def revoke_key(
    database: Database, account_id: str, key_id: str, now: datetime
) -> ApiKey | None:
    """Take a key back; None when the account has no such key."""
    row = await database.fetch_one(statements("keys")["revoke_key"], account_id, key_id, now)
    return None if row is None else _key(row, account_id)


async def keys_of(
    database: Database,
    account_id: str,
    first: int,
    after: tuple[datetime, str] | None,
    only: str | None = None,
) -> KeysPart:
    """A part of an account's keys, newest first, behind the key made `after` (when, id); of `only`
    that one key, where it is given."""
    made_at, key_id = after or (None, None)
    rows = await database.fetch(
        statements("keys")["keys_of"], account_id, made_at, key_id, first + 1, only
    )
    keys = [_key(row, account_id) for row in rows if row["key_id"] is not None]
    return KeysPart(keys[:first], len(keys) > first, rows[0]["total"])


async def add_deprecated_uses(
    database: Database, counts: Mapping[tuple[str, str, date], int]
) -> None:
    """Add to how often keys asked for what will go away; by key, coordinate and day."""
    keys, fields, days = (list(column) for column in zip(*counts, strict=True))
    await database.fetch(
        statements("keys")["add_deprecated_uses"], keys, fields, days, list(counts.values())
    )


async def deprecated_uses_of(
    database: Database, key_ids: Sequence[str], since: date
) -> dict[str, list[DeprecatedFieldUses]]:
    """What each key asked for that will go away, by coordinate; keys that did not are missing."""
    rows = await database.fetch(statements("keys")["deprecated_uses_of"], list(key_ids), since)
    found: dict[str, list[DeprecatedFieldUses]] = {}
    for row in rows:
        use = DeprecatedFieldUses(row["field"], row["uses"], row["last_day"])
        found.setdefault(row["key_id"], []).append(use)
    return found


async def _made_before(
    connection: "asyncpg.Connection[asyncpg.Record]", new: NewKey
) -> ApiKey | None:
    row = await connection.fetchrow(statements("keys")["key_of_account"], new.account_id, new.id)
    return None if row is None else _key(row, new.account_id)


def _is_fresh(made: ApiKey, new: NewKey, rules: KeyRules) -> bool:
    return new.made_at - made.created_at < rules.again_for


async def _is_full(
    connection: "asyncpg.Connection[asyncpg.Record]",
    new: NewKey,
    rules: KeyRules,
    leaving: int = 0,
) -> bool:
    count = await connection.fetchval(
        statements("keys")["count_good_keys"], new.account_id, new.made_at
    )
    return int(count) - leaving >= rules.most_good


async def _add(connection: "asyncpg.Connection[asyncpg.Record]", new: NewKey) -> ApiKey:
    await connection.execute(
        statements("keys")["add_key"],
        *(new.id, new.account_id, new.name, new.secret_digest, sorted(new.scopes)),
        *(new.made_at, new.expires_at, new.replaces),
    )
    return ApiKey(
        id=new.id,
        account_id=new.account_id,
        name=new.name,
        scopes=new.scopes,
        created_at=new.made_at,
        expires_at=new.expires_at,
        last_used_at=None,
        revoked_at=None,
        replaces=new.replaces,
    )


def _key(row: asyncpg.Record, account_id: str) -> ApiKey:
    return ApiKey(
        id=row["key_id"],
        account_id=account_id,
        name=row["name"],
        scopes=frozenset(ApiScope(scope) for scope in row["scopes"]),
        created_at=row["made_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
        replaces=row["replaces"],
    )
