"""What the site's staff works with: the plans of accounts, and the ledgers of viewers."""

from dataclasses import dataclass

from graph.people.plans import PlanChanges
from metering.about import state_of
from metering.fold import ViewerState
from metering.places import shard_of_viewer
from metering.shards import shard_of
from metering.store import Store


@dataclass(frozen=True)
class BackOffice:
    """The parts of it; all raise StoreUnavailable."""

    changes: PlanChanges
    store: Store
    site_name: str = "Codestile"
    """Whose texts its editors write, as the line of copyright under them says."""

    async def place_of(self, viewer_id: str) -> int | None:
        """The shard of a viewer; None for a guest of whom nothing is known."""
        return await shard_of_viewer(self.store, self.changes.database, viewer_id)

    async def account_state(self, account_id: str) -> ViewerState:
        """What the ledger knows of an account, its codes left out."""
        return await state_of(self.store, account_id, shard_of(account_id))
