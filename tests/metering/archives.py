"""Logs and archives as the tests of the archive make them."""

import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from db.pool import Database, open_database
from db.usage import cursors, events_after
from metering.archive import Archive, ArchiveRules
from metering.chain import NO_SALT, START, canonical, commitment, link, split
from metering.entries import fields_of
from metering.shards import keys_of
from schema.instants import milliseconds
from tests.metering.ledgers import SHARD, ms, token

SEED = bytes(range(32))
NOON = ms("2026-11-25T12:00:00")
RULES = ArchiveRules(batch=100)
Entry = dict[str, str]


def viewer(kind: str = "g") -> str:
    return f"{kind}{token()}"


def view(
    who: str, outcome: str = "U", code: str = "ICD10CM:I10", *, network: str = "", **more: str
) -> Entry:
    """The entry of a page view."""
    fields = {"type": "view", "epoch": "1", "viewer": who, "kind": "G" if who[0] == "g" else "R"}
    fields |= {"plan": "guest.1", "assignment": "0", "window": "L.0", "code": code}
    fields |= {"outcome": outcome, "used": "1", "limit": "1", "network": network}
    return fields | {"request": token()[:12], "context": "be"} | more


def act(event_type: str, /, **fields: str) -> Entry:
    """The entry of anything else, its fields in the order given."""
    return {"type": event_type, "epoch": "1"} | {name.rstrip("_"): v for name, v in fields.items()}


def erase(who: str) -> Entry:
    return act("erase", viewer=who, request=token()[:12], actor="system", reason="asked for")


def epoch(number: int, proven: int) -> Entry:
    return {"type": "epoch", "epoch": str(number), "cause": "rebuilt", "proven": str(proven)}


class Log:
    """The log of one shard, written without any rule but the numbers."""

    def __init__(self, client: Redis, shard: int = SHARD, at_ms: int = NOON) -> None:
        self.client = client
        self.shard = shard
        self.at_ms = at_ms
        self.seq = 0
        self.keys = keys_of(shard)

    async def add(self, *entries: Entry, step_ms: int = 1) -> list[str]:
        """Append entries, `step_ms` apart; their stream ids."""
        ids = []
        async with self.client.pipeline(transaction=False) as pipeline:
            for entry in entries:
                self.at_ms += step_ms
                self.seq += 1
                ids.append(f"{self.at_ms}-{self.seq}")
                pipeline.xadd(self.keys.log, dict(entry), id=ids[-1])
            self._put_head(pipeline, entries[-1]["epoch"])
            await pipeline.execute()
        return ids

    async def put_head(self, seq: int) -> None:
        """Let the head say another seq."""
        await self.client.hset(self.keys.head, "seq", str(seq))

    def _put_head(self, pipeline: Any, epoch: str) -> None:
        said = {"format": "1", "seq": str(self.seq), "epoch": epoch, "at": str(self.at_ms)}
        pipeline.hset(self.keys.head, mapping=said)


@asynccontextmanager
async def archive_on(
    database_url: str, redis_url: str, rules: ArchiveRules = RULES, *, now_ms: int = NOON
) -> AsyncIterator[tuple[Archive, Database, Redis]]:
    """An archive on stores, its clock standing still, and the stores."""
    async with (
        open_database(database_url, size=4, statement_timeout_seconds=60) as database,
        Redis.from_url(redis_url, decode_responses=True) as client,
    ):
        yield archive_of(database, client, rules, now_ms=now_ms), database, client


def archive_of(
    database: Database,
    client: Redis,
    rules: ArchiveRules = RULES,
    *,
    now_ms: int = NOON,
    seed: bytes = SEED,
) -> Archive:
    async def client_of(_shard: int) -> Redis:
        return client

    return Archive(database, client_of, seed, rules=rules, clock_ms=lambda: now_ms)


async def archive_all(archive: Archive, shard: int = SHARD) -> int:
    """Archive a shard to the end of its log; how many events that were."""
    events = 0
    while True:
        done = await archive.archive_shard(shard)
        assert done.stopped is None
        events += done.events
        if not done.is_behind:
            return events


async def rows_of(database: Database, shard: int = SHARD) -> list[Mapping[str, Any]]:
    """Every archived event of a shard, in order."""
    return await events_after(database, shard, 0, 1_000_000)


def id_of(row: Mapping[str, Any]) -> str:
    """The stream id of a row."""
    return f"{milliseconds(row['recorded_at'])}-{row['seq']}"


def entries_of(rows: list[Mapping[str, Any]]) -> list[tuple[str, Entry]]:
    """Archived events as the entries that they were."""
    return [(id_of(row), fields_of(row)) for row in rows]


async def assert_chain_holds(database: Database, shard: int = SHARD, start: bytes = START) -> None:
    """Every link follows from the one before, every commitment from what it commits to."""
    rows = await database.fetch("SELECT viewer, salt FROM viewer_salt")
    salts = {row["viewer"]: row["salt"] for row in rows}
    chain = start
    for row in await rows_of(database, shard):
        public, private = split(fields_of(row))
        if not row["is_erased"]:
            salt = NO_SALT if row["viewer"] is None else salts[row["viewer"]]
            assert row["commitment"] == commitment(salt, canonical(private))
        event_id = f"{shard}:{row['epoch']}:{id_of(row)}"
        chain = link(chain, event_id, canonical(public), row["commitment"])
        assert row["chain"] == chain
    [cursor] = [each for each in await cursors(database) if each.shard == shard]
    assert cursor.chain == chain


ROLLUPS = {
    "hours_of_day": "usage_hour WHERE (starts_at AT TIME ZONE 'UTC')::date = $1",
    "code_day_of_day": "usage_code_day WHERE day = $1",
    "code_month_of_day": "usage_code_month WHERE month = date_trunc('month', $1::timestamp)",
    "day_of_day": "usage_day WHERE day = $1",
    "viewers_of_day": "usage_day_viewer WHERE day = $1",
    "key_day_of_day": "usage_key_day WHERE day = $1",
    "first_touches_of_day": "usage_first_touch WHERE (first_at AT TIME ZONE 'UTC')::date = $1",
    "funnel_of_day": "usage_funnel WHERE day = $1 AND NOT is_erased AND viewers > 0",
}
"""Each statement of rollups.sql, which recounts a rollup, and where the rollup is."""
_RECOUNTS = dict(
    re.findall(
        r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)",
        Path(__file__).with_name("rollups.sql").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
)


async def recounted(database: Database, rollup: str, day: date) -> list[dict[str, Any]]:
    """What a rollup must hold of a day, counted from the events in another way than the archive
    adds them up."""
    return [dict(row) for row in await database.fetch(_RECOUNTS[rollup], day)]


async def assert_rollups_equal_events(database: Database) -> None:
    """Every rollup of every day is what its statement counts from the events."""
    days = await database.fetch(
        "SELECT DISTINCT (recorded_at AT TIME ZONE 'UTC')::date AS day FROM usage_event"
    )
    assert days
    for [day] in days:
        for name, place in ROLLUPS.items():
            counted = await recounted(database, name, day)
            stored = [dict(row) for row in await database.fetch(f"SELECT * FROM {place}", day)]
            for row in stored:
                row.pop("is_erased", None)
                if "erased_viewers" in row:
                    row["viewers"] -= row.pop("erased_viewers")
            assert sorted(map(_sortable, stored)) == sorted(map(_sortable, counted)), name


def _sortable(row: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((name, str(value)) for name, value in row.items())


def some_views(count: int, viewers: int = 10) -> list[Entry]:
    """Views of so many viewers with every outcome and some codes."""
    who = [viewer(secrets.choice("gu")) for _ in range(viewers)]
    return [
        view(
            *(who[n % viewers], "URMLNB"[n % 6], f"ICD10CM:A{n % 7:02}"),
            network="n1/1/50",
            context=("p/key1" if n % 5 == 0 else "pe3/key2" if n % 5 == 1 else "be"),
        )
        for n in range(count)
    ]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
