"""Takes the entries of erased viewers out of the logs and out of the files behind them.

What is to be done stands in PostgreSQL since the transaction that erased the viewer, so a crash in
between is finished by the next pass. A file that was being rewritten already when the entries went
may still hold them: then it is written once more.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from redis.asyncio import Redis

from db.pool import Database
from db.usage import (
    Forgotten,
    finish_forgotten,
    forgetting_held,
    forgotten,
    set_forgotten,
)
from metering.archive import ClientOf
from metering.calls import Call, raise_refusal, replies_to, script
from metering.shards import keys_of
from metering.store import store_errors

_IDS_AT_ONCE = 500
_COPIED_AT_ONCE = 500
"""Entries copied by one script; the store does nothing else meanwhile."""


class _FileState(NamedTuple):
    """One server's append-only file."""

    run_id: str
    """Names this life of the server: what it was asked before a restart is forgotten."""
    is_written: bool
    """Whether there is such a file at all."""
    is_busy: bool
    """Whether it is being rewritten, or about to be."""
    is_ok: bool
    """Whether the last rewriting succeeded."""


async def forget_pending(database: Database, client_of: ClientOf) -> int:
    """Do the next step for every entry that is to be forgotten; how many are left afterwards.

    Asks each server at most once to write its file anew. Raises StoreUnavailable.
    """
    if not await forgotten(database):
        return 0
    async with forgetting_held(database) as is_held:
        if is_held:
            await _next_step(database, client_of)
    return len(await forgotten(database))


async def _next_step(database: Database, client_of: ClientOf) -> None:
    pending = await forgotten(database)
    clients = {shard: await client_of(shard) for shard in {entry.shard for entry in pending}}
    await _take_out(database, clients, pending)
    pending = await forgotten(database)
    by_server: dict[str, list[Forgotten]] = defaultdict(list)
    files: dict[str, tuple[Redis, _FileState]] = {}
    for shard, client in clients.items():
        state = await _file_state(client)
        files[state.run_id] = client, state
        by_server[state.run_id] += [entry for entry in pending if entry.shard == shard]
    for run_id, entries in by_server.items():
        await _rewrite(database, *files[run_id], entries)


async def _take_out(
    database: Database, clients: dict[int, Redis], pending: Sequence[Forgotten]
) -> None:
    for shard, client in clients.items():
        mine = [e for e in pending if e.shard == shard and e.state == "DELETE"]
        for start in range(0, len(mine), _IDS_AT_ONCE):
            some = mine[start : start + _IDS_AT_ONCE]
            with store_errors():
                await client.xdel(keys_of(shard).log, *(entry.stream_id for entry in some))
        if mine:
            await compact(client, shard)
            await set_forgotten(database, mine, "REWRITE", None)


async def compact(client: Redis, shard: int) -> None:
    """Make a log anew without the bytes of its deleted entries, some entries at a time."""
    keys, after = keys_of(shard), ""
    while True:
        call = Call(script("compact"), (keys.log, keys.fresh_log), (after, _COPIED_AT_ONCE))
        with store_errors():
            [after] = replies = await replies_to(client, [call])
            raise_refusal(replies)
        if not after:
            return


async def _rewrite(
    database: Database, client: Redis, file: _FileState, entries: Sequence[Forgotten]
) -> None:
    """The next step of one server; `entries` were read before the state of its file."""
    asked = [e for e in entries if e.state == "REWRITING" and e.run_id == file.run_id]
    if file.is_busy:
        return
    if file.is_ok or not file.is_written:
        await finish_forgotten(database, asked)
        entries = [entry for entry in entries if entry not in asked]
    if not file.is_written:
        await finish_forgotten(database, entries)
    elif entries:
        with store_errors():
            await client.bgrewriteaof()
        await set_forgotten(database, entries, "REWRITING", file.run_id)


async def _file_state(client: Redis) -> _FileState:
    with store_errors():
        server = await client.info("server")
        file = await client.info("persistence")
    return _FileState(
        run_id=str(server["run_id"]),
        is_written=bool(file["aof_enabled"]),
        is_busy=bool(file["aof_rewrite_in_progress"] or file["aof_rewrite_scheduled"]),
        is_ok=file["aof_last_bgrewrite_status"] == "ok",
    )
