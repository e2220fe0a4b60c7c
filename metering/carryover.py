"""Carry-over: an account takes over what the guest it was had open, exactly once.

Two idempotent halves, each one script: the guest is sealed, which tells its codes, and the account
adopts them. Who is to be taken over is noted in PostgreSQL first, in the transaction that logs them
in, so whatever a crash cuts off is found at the next log-in, or by the sweep before that.
"""

from collections.abc import Callable
from datetime import datetime

from db.accounts import account_by_id
from db.carried import accounts_with_open_guests, note_carried, open_guests
from db.pool import Database
from metering.meter import Meter
from metering.requests import derived_id
from metering.shards import shard_of
from schema.acts import ActOutcome, AdoptGuest, SealGuest
from schema.people import Viewer

CODES_MAX = 1000
"""Most codes of a guest whose plan names no limit."""
SWEPT_AT_ONCE = 100


class CarryOver:
    """Takes guests over. Raises StoreUnavailable; what was noted is then done later."""

    def __init__(
        self,
        database: Database,
        meter: Meter,
        guest_limit: Callable[[], int | None],
        now: Callable[[], datetime],
    ) -> None:
        """`guest_limit` is that of the guest plan in force; `now` the clock, UTC."""
        self._database = database
        self._meter = meter
        self._guest_limit = guest_limit
        self._now = now

    async def finish(self, account: Viewer) -> None:
        """Take over every guest noted for an account that it has not taken over yet."""
        for guest_id, shard in await open_guests(self._database, account.id):
            if await self._take_over(account, guest_id, shard):
                await note_carried(self._database, account.id, guest_id, self._now())

    async def sweep(self, before: datetime) -> int:
        """Finish what was noted before an instant; how many accounts that concerned."""
        ids = await accounts_with_open_guests(self._database, before, SWEPT_AT_ONCE)
        for account_id in ids:
            account = await account_by_id(self._database, account_id)
            if account is not None:
                await self.finish(account.viewer(shard_of(account_id)))
        return len(ids)

    async def _take_over(self, account: Viewer, guest_id: str, shard: int) -> bool:
        """Whether nothing is left to do for the guest."""
        limit = self._guest_limit()
        sealed = await self._meter.perform(
            SealGuest(
                viewer_id=guest_id,
                shard=shard,
                request_id=derived_id("seal", guest_id, account.id),
                account_id=account.id,
                codes_max=CODES_MAX if limit is None else min(limit, CODES_MAX),
            )
        )
        if sealed.outcome is ActOutcome.SEALED_FOR_ANOTHER or not sealed.codes:
            return True
        adopted = await self._meter.perform(
            AdoptGuest(
                viewer=account,
                guest_id=guest_id,
                codes=sealed.codes,
                request_id=derived_id("adopt", guest_id, account.id),
            )
        )
        # An account that was moved to another plan meanwhile is met again, on that one.
        return adopted.outcome is not ActOutcome.STALE_ASSIGNMENT
