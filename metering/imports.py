"""Views that were decided while the store was away: their events, their answers, and their entry
into the ledger."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from typing import Any

from db.fallback import DecidedView, Importing, WaitingView, importing
from db.pool import Database
from metering.calls import Call, script
from metering.log import KIND_LETTERS, OUTCOME_LETTERS, context_text
from metering.policy import AdmissionRule
from metering.shards import keys_of
from metering.store import Store
from schema.errors import StoreUnavailable
from schema.events import ViewEvent
from schema.instants import milliseconds

EPOCH_OF_IMPORTS = "i"
"""Stands for the epoch in the id of a view that was decided outside of the log."""
BATCH = 200
FEW = 50
"""So many views are imported while everybody waits."""
PATIENCE_MS = 200
"""How long decisions under way may hold up the closing, and the closing new decisions."""
VIEW_FIELDS = (
    *("viewer", "kind", "plan", "assignment", "window", "code", "outcome", "used", "limit"),
    *("network", "request", "context"),
)
"""The fields of an entry of type `import` that say how the view was decided, in their order."""


def entry_of(event: ViewEvent) -> dict[str, str]:
    """The fields that an event of type `import` has of a view."""
    met = event.admission
    values = (
        *(event.viewer_id, KIND_LETTERS[event.viewer_kind]),
        *(f"{event.plan_key}.{event.plan_version}", event.assignment, event.window, event.code),
        *(OUTCOME_LETTERS[event.outcome], event.used, "" if event.limit is None else event.limit),
        "" if met is None else f"{met.network}/{met.admitted}/{met.budget}",
        *(event.request_id, context_text(event.context)),
    )
    return {name: str(value) for name, value in zip(VIEW_FIELDS, values, strict=True)}


def answer_of(event: ViewEvent, resets_ms: int | None) -> str:
    """The receipt of a view decided outside of the log.

    The place of the entry is not known yet: the id is made of what the entry will hold, when the
    view was decided and its request.
    """
    return " ".join(
        (
            OUTCOME_LETTERS[event.outcome],
            "1" if event.outcome.is_charging else "0",
            str(event.used),
            "-" if event.limit is None else str(event.limit),
            "-" if resets_ms is None else str(resets_ms),
            EPOCH_OF_IMPORTS,
            f"{milliseconds(event.decided_at)}-{event.request_id}",
        )
    )


class Importer:
    """Brings what episodes decided into the ledger, and closes them."""

    def __init__(self, database: Database, store: Store, admission: AdmissionRule) -> None:
        self._database = database
        self._store = store
        self._admission = admission

    async def bring_back(self, episode: int) -> bool:
        """Import everything and close the episode; False when somebody else is at it, or
        decisions come too fast to be stopped now.

        May end at any point: whoever does it next goes on there. Raises StoreUnavailable.
        """
        while True:
            async with importing(self._database, episode) as turn:
                if turn is None:
                    return False
                waiting = await turn.waiting(BATCH)
                await self._import(turn, waiting)
            if len(waiting) <= FEW:
                return await self._close(episode)

    async def _close(self, episode: int) -> bool:
        """Hand the authority over: nothing is decided between the last import and the closing."""
        async with importing(self._database, episode) as turn:
            if turn is None or not await turn.stop_deciding(PATIENCE_MS):
                return False
            try:
                await self._import(turn, await turn.waiting(BATCH))
            except StoreUnavailable as away:
                if away.store == "valkey":
                    return False
                raise
            if await turn.waiting(1):
                return False
            await turn.close()
            return True

    async def _import(self, turn: Importing, waiting: Sequence[WaitingView]) -> None:
        """Views of one shard in their order; the shards at once."""
        if not waiting:
            return
        by_shard: defaultdict[int, list[Call]] = defaultdict(list)
        for view in waiting:
            by_shard[view.shard].append(
                import_call(view.shard, view.viewer_id, view.view, self._admission)
            )
        asked = (self._store.answers(shard, calls) for shard, calls in by_shard.items())
        replies: list[Any] = list(chain.from_iterable(await asyncio.gather(*asked)))
        await turn.mark(
            [view.id for view in waiting],
            imported=sum(reply[0] == "IMPORTED" for reply in replies),
            over_granted=sum(reply[1] for reply in replies),
            over_admitted=sum(reply[2] for reply in replies),
        )


def import_call(shard: int, viewer_id: str, view: DecidedView, admission: AdmissionRule) -> Call:
    """The call that enters a view, decided elsewhere, into the ledger."""
    keys = keys_of(shard)
    names = keys.of_viewer(viewer_id, view.request_id)
    fields = tuple(view.entry[name] for name in VIEW_FIELDS if name != "request")
    arguments: tuple[str | int, ...] = (*fields, view.request_id, view.at_ms, view.answer)
    network = view.entry["network"].split("/")[0]
    if view.entry["outcome"] != "U" or not network:
        return Call(script("import_view"), names, arguments)
    swept_ms = admission.expires_ms(admission.period_at(view.at_ms))
    return Call(script("import_view"), (*names, keys.network(network)), (*arguments, swept_ms))
