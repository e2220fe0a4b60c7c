"""Erasing the ledgers of deleted accounts, until each is done.

An erasure is noted in PostgreSQL with the deletion, done at once if the ledger answers, and done
again some time later: a request that was under way may have recorded a view in between.
"""

from datetime import datetime

from db.erasures import forget_erasure, open_erasures
from db.pool import Database
from metering.erasure import erase_person
from metering.meter import Meter
from metering.requests import derived_id
from metering.shards import shard_of
from metering.store import Store
from schema.acts import SYSTEM, EraseViewer

SWEPT_AT_ONCE = 100


class Erasures:
    """Erases deleted accounts, and the guests they were. Raises StoreUnavailable."""

    def __init__(self, database: Database, meter: Meter, store: Store) -> None:
        self._database = database
        self._meter = meter
        self._store = store

    async def erase(self, account_id: str) -> None:
        """Erase now; a sweep will do it again."""
        await self._erase(account_id, "first")

    async def sweep(self, before: datetime) -> int:
        """Erase once more what was asked for before an instant, and be done with it; how many."""
        ids = await open_erasures(self._database, before, SWEPT_AT_ONCE)
        for account_id in ids:
            await self._erase(account_id, "last")
            await forget_erasure(self._database, account_id)
        return len(ids)

    async def _erase(self, account_id: str, which: str) -> None:
        act = EraseViewer(
            viewer_id=account_id,
            shard=shard_of(account_id),
            request_id=derived_id("erase", account_id, which),
            actor=SYSTEM,
            reason="The account was deleted.",
        )
        await erase_person(self._meter, self._store, self._database, act)
