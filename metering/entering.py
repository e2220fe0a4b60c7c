"""Unlocks of elsewhere entered into the ledger, each once however often it is tried."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from redis.asyncio import Redis

from db.fallback import DecidedView
from db.pool import Database
from db.usage import cursors
from db.usage_reads import known_requests
from metering.fold import BLANK, IMPORTED, ViewerState, apply
from metering.imports import answer_of, entry_of, import_call
from metering.incoming import Unlock
from metering.live import read_viewer
from metering.meter import DEFAULT_ADMISSION
from metering.policy import PlanOf
from metering.shards import keys_of
from metering.store import Store, store_errors
from metering.windows import MS_PER_DAY, kind_of
from schema.events import UnlockImported
from schema.instants import milliseconds
from schema.people import Assignment

UNKNOWN_PLAN = "its version of the plan is not here"
OTHER_WINDOW = "its plan has another window here"
NO_BEGINNING = "what the rolling window began with is missing"
OPENED_HERE = "the viewer has opened codes here in a window of another kind"
SEALED_HERE = "the guest became an account here"
_ENTRIES_AT_ONCE = 5_000
_DECIDED = ("view", "import")


@dataclass(slots=True)
class Tally:
    """What became of unlocks; only ever grows."""

    entered: int = 0
    known: int = 0
    """Those that were here already, entered before or decided here."""
    above: int = 0
    """Of the entered those that the viewer's limit, as the event tells it, would have refused
    here."""
    unfit: Counter[str] = field(default_factory=Counter)
    """Those that were left out, by why."""


class Entering:
    """Enters unlocks as `import` events; several may do so at once."""

    def __init__(self, store: Store, database: Database, plan_of: PlanOf) -> None:
        self.tally = Tally()
        self._store = store
        self._database = database
        self._plan_of = plan_of
        self._kinds: dict[tuple[str, int], str | None] = {}
        """The kind of window of each plan that was asked for; None: there is no such plan."""
        self._waiting: set[tuple[str, str]] = set()
        """Viewer and request of what was decided here and not archived when this began."""

    async def begin(self) -> None:
        """Read what is not archived yet: all of it is held, so its number must have been looked
        at. Raises StoreUnavailable."""
        for cursor in await cursors(self._database):
            client = await self._store.of(cursor.shard)
            await self._read_log(client, cursor.shard, cursor.stream_id)

    async def _read_log(self, client: Redis, shard: int, after: str) -> None:
        log = keys_of(shard).log
        while True:
            with store_errors():
                entries: Any = await client.xrange(log, min=f"({after}", count=_ENTRIES_AT_ONCE)
            for _, entry in entries:
                if entry["type"] in _DECIDED:
                    self._waiting.add((entry["viewer"], entry["request"]))
            if len(entries) < _ENTRIES_AT_ONCE:
                return
            after = entries[-1][0]

    async def enter(self, unlocks: Sequence[Unlock], *, is_dry: bool = False) -> None:
        """Enter those that are not here and fit, in their order; `is_dry` only counts them.

        May end at any point: what was entered is known to whoever tries again. Raises
        StoreUnavailable.
        """
        fitting = await self._fitting(await self._fresh(unlocks))
        if is_dry:
            self.tally.entered += len(fitting)
            return
        by_shard: defaultdict[int, list[Unlock]] = defaultdict(list)
        for unlock in fitting:
            by_shard[unlock.event.shard].append(unlock)
        for shard, some in by_shard.items():
            calls = [
                import_call(shard, each.event.viewer_id, _decided(each), DEFAULT_ADMISSION)
                for each in some
            ]
            for status, is_above, _ in await self._store.answers(shard, calls):
                is_entered = status == "IMPORTED"
                self.tally.entered += is_entered
                self.tally.known += not is_entered
                self.tally.above += is_entered and is_above

    async def _fresh(self, unlocks: Sequence[Unlock]) -> list[Unlock]:
        """Those that are not here, each once."""
        archived = await known_requests(
            self._database,
            {each.event.viewer_id for each in unlocks},
            set(chain.from_iterable(each.requests for each in unlocks)),
        )
        met: set[str] = set()
        fresh = []
        for each in unlocks:
            names = {(each.event.viewer_id, request) for request in each.requests}
            if each.request_id in met or names & archived or names & self._waiting:
                self.tally.known += 1
            else:
                met.add(each.request_id)
                fresh.append(each)
        return fresh

    async def _fitting(self, unlocks: Sequence[Unlock]) -> list[Unlock]:
        states = await self._states({(each.event.shard, each.event.viewer_id) for each in unlocks})
        fitting = []
        for each in unlocks:
            event = each.event
            state = states[event.viewer_id]
            why_not = await self._plan_misfit(event) or _state_misfit(state, event)
            if why_not:
                self.tally.unfit[why_not] += 1
            else:
                states[event.viewer_id] = apply(state, event)
                fitting.append(each)
        return fitting

    async def _plan_misfit(self, event: UnlockImported) -> str | None:
        """Replays look the plan up, and what it calls a window must be one."""
        kind = await self._window_kind(event.plan_key, event.plan_version)
        if kind is None:
            return UNKNOWN_PLAN
        return None if kind == event.window.kind else OTHER_WINDOW

    async def _window_kind(self, key: str, version: int) -> str | None:
        if (key, version) not in self._kinds:
            try:
                plan = await self._plan_of(Assignment(plan_key=key, plan_version=version, number=0))
                self._kinds[key, version] = kind_of(plan)
            except LookupError:
                self._kinds[key, version] = None
        return self._kinds[key, version]

    async def _states(self, viewers: Iterable[tuple[int, str]]) -> dict[str, ViewerState]:
        """What the store holds of each viewer, given by shard and id."""
        by_shard: defaultdict[int, list[str]] = defaultdict(list)
        for shard, viewer_id in viewers:
            by_shard[shard].append(viewer_id)
        states: dict[str, ViewerState] = {}
        for shard, ids in by_shard.items():
            client, keys = await self._store.of(shard), keys_of(shard)
            with store_errors():
                async with client.pipeline(transaction=False) as pipeline:
                    for viewer_id in ids:
                        pipeline.hgetall(keys.viewer(viewer_id))
                    hashes = await pipeline.execute()
            for viewer_id, fields in zip(ids, hashes, strict=True):
                states[viewer_id] = read_viewer(fields) if fields else BLANK
        return states


def _state_misfit(state: ViewerState, event: UnlockImported) -> str | None:
    """Why the event would take something from the viewer that the ledger gave here."""
    if state.moved_to is not None:
        return SEALED_HERE
    is_same = state.window is not None and state.window.kind == event.window.kind
    if event.window.number > _last_rolling(state if is_same else BLANK, event):
        return NO_BEGINNING
    # A window of another kind closes what is open; what only imports opened is their own history.
    if state.window is None or is_same or set(state.codes.values()) <= {IMPORTED}:
        return None
    return OPENED_HERE


def _last_rolling(state: ViewerState, event: UnlockImported) -> int:
    """The highest number that the event's window can have; of a calendar's it was looked at."""
    if not event.window.kind.startswith("R"):
        return event.window.number
    if state.anchor_ms is None:
        return 0
    length_ms = int(event.window.kind[1:]) * MS_PER_DAY
    return max(0, (milliseconds(event.at) - state.anchor_ms) // length_ms)


def _decided(unlock: Unlock) -> DecidedView:
    """Nobody asks for this receipt: it keeps the event from being entered again at once."""
    event = unlock.event
    at_ms = milliseconds(event.at)
    return DecidedView(unlock.request_id, at_ms, entry_of(event), answer_of(event, None))
