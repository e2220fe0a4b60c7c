"""An archiver to be killed: `python -m tests.metering.archiver DATABASE_URL REDIS_URL BATCH`.

Says `ready`, then archives all shards until it dies.
"""

import asyncio
import sys

from db.pool import open_database
from metering.archive import ArchiveRules
from metering.rounds import Rounds
from metering.store import open_store
from tests.metering.archives import NOON, SEED


async def archive(database_url: str, redis_url: str, batch: int) -> None:
    """Archive for ever."""
    async with (
        open_database(database_url, size=3, statement_timeout_seconds=60) as database,
        open_store(redis_url, timeout_seconds=60) as store,
    ):
        # Long after the events: their logs are trimmed right behind the cursor.
        later_ms = NOON + 10 * 86_400_000
        rules = ArchiveRules(batch=batch, checkpoint_events=1000)
        rounds = Rounds(database, store.of, SEED, rules=rules, clock_ms=lambda: later_ms)
        print("ready", flush=True)
        while True:
            done = await rounds.round()
            await asyncio.sleep(0 if done.is_behind else 0.05)


if __name__ == "__main__":
    asyncio.run(archive(sys.argv[1], sys.argv[2], int(sys.argv[3])))
