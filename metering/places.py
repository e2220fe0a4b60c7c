"""Where a viewer's ledger is, when only its id is known."""

from collections import defaultdict

from redis.asyncio import Redis

from db.pool import Database
from db.usage_reads import archived_shard_of
from metering.shards import TAGS, keys_of, shard_of
from metering.store import Store, store_errors


async def shard_of_viewer(store: Store, database: Database, viewer_id: str) -> int | None:
    """The shard of a viewer; None for a guest of whom nothing is known.

    A guest's comes from the network it was made in, which its id does not tell: so the archive is
    asked, then the hashes of the shards. Raises StoreUnavailable.
    """
    if viewer_id.startswith("u"):
        return shard_of(viewer_id)
    archived = await archived_shard_of(database, viewer_id)
    return await _live_shard(store, viewer_id) if archived is None else archived


async def _live_shard(store: Store, viewer_id: str) -> int | None:
    """The shard with a hash or a flood of the viewer."""
    by_client: dict[Redis, list[int]] = defaultdict(list)
    for shard in range(len(TAGS)):
        by_client[await store.of(shard)].append(shard)
    for client, shards in by_client.items():
        with store_errors():
            async with client.pipeline(transaction=False) as pipeline:
                for shard in shards:
                    # One key a call: of two, a Cluster may refuse to answer at once.
                    pipeline.exists(keys_of(shard).viewer(viewer_id))
                    pipeline.exists(keys_of(shard).flood(viewer_id))
                found = await pipeline.execute()
        for at, shard in enumerate(shards):
            if found[2 * at] or found[2 * at + 1]:
                return shard
    return None
