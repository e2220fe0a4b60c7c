"""Page views that are decided here while the ledger's store is away, as rows of PostgreSQL.

Rows only: metering says what a decision is. Everything raises StoreUnavailable.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import asyncpg

from db.pool import Database
from db.queries import statements

Fields = Mapping[str, str]
"""The fields of a viewer's hash, or of an event, as docs/events.md lists them."""

# Any numbers that nobody else locks; each goes together with the id of an episode.
_DECIDING = 0x66616C6C
_IMPORTING = 0x66616C6D


class DecidedView(NamedTuple):
    """One page view that was decided here."""

    request_id: str
    at_ms: int
    """When, in milliseconds."""
    entry: Fields
    """The fields of its event, `type`, `epoch` and `at` left out."""
    answer: str
    """Its receipt."""


class WaitingView(NamedTuple):
    """A decided view that is not in the ledger yet."""

    id: int
    viewer_id: str
    shard: int
    view: DecidedView


@dataclass(frozen=True, slots=True)
class Totals:
    """What all episodes together came to."""

    episodes: int
    open: int
    """1 while one is open, else 0."""
    decided: int
    """Views decided in the episodes that are closed."""
    imported: int
    over_granted: int
    """Pages granted that the ledger would have refused."""
    over_admitted: int
    """Guests admitted above the budget of their network."""
    unseen: int
    """Most pages that could have been granted too many: events that were not archived."""


async def open_episode(
    database: Database, opened_by: str, reason: str, *, unseen: int, floor_ms: int
) -> int | None:
    """Opens an episode, or joins the one that is open; answers its id.

    `unseen`: events that the caller knows of and the archive does not; the highest stands.
    `floor_ms`: the ledger's clock as last known. None when it was closed in the same moment.
    """
    named = statements("fallback")
    await database.fetch(named["fallback_open"], opened_by, reason, unseen, floor_ms)
    return await standing_episode(database)


async def standing_episode(database: Database) -> int | None:
    """The id of the open episode; None when there is none."""
    row = await database.fetch_one(statements("fallback")["fallback_standing"])
    return None if row is None else int(row["id"])


class Held:
    """One viewer of an episode, locked until its decisions are committed."""

    def __init__(
        self,
        connection: "asyncpg.Connection[asyncpg.Record]",
        episode: int,
        viewer_id: str,
        state: Fields,
        moment: asyncpg.Record,
    ) -> None:
        self._connection = connection
        self._episode = episode
        self._viewer_id = viewer_id
        self.state = state
        self.is_open: bool = moment["is_open"]
        """Whether the episode is open, and stays so as long as this is held."""
        self.now_ms: int = moment["now_ms"]
        self.answers: dict[str, str] = json.loads(moment["answers"] or "{}")
        """The receipts of the requests that were decided before, by request id."""

    async def admitted(self, network: str) -> int | None:
        """Guests of a network admitted so far, which stays so; None when it was never met.

        A second network may not be asked for: two viewers could wait for each other.
        """
        found: int | None = await self._connection.fetchval(
            statements("fallback")["fallback_lock_network"], self._episode, network
        )
        return found

    async def record(
        self,
        shard: int,
        views: Sequence[DecidedView],
        state: Fields,
        network: tuple[str, int] | None,
    ) -> None:
        """Keep decisions in their order, and what they made of the viewer and its network, given
        as its name and the guests admitted; None leaves it alone."""
        name, admitted = network or (None, None)
        await self._connection.execute(
            statements("fallback")["fallback_record"],
            *(self._episode, self._viewer_id, json.dumps(dict(state)), shard),
            json.dumps([view._asdict() for view in views]),
            *(name, admitted),
        )


@asynccontextmanager
async def deciding(
    database: Database, episode: int, viewer_id: str, request_ids: Sequence[str]
) -> AsyncIterator[Held | None]:
    """One transaction about one viewer, committed at the end; None when it was never met.

    Until then nobody else decides about the viewer, and the episode cannot close.
    """
    named = statements("fallback")
    async with database.connection() as connection, connection.transaction():
        # The viewer before the episode: whoever waits for a viewer must not keep it from closing.
        row = await connection.fetchrow(
            named["fallback_lock_viewer"], episode, viewer_id, _DECIDING
        )
        if row is None:
            yield None
            return
        moment = await connection.fetchrow(named["fallback_moment"], episode, list(request_ids))
        assert moment is not None, "an episode is never deleted"
        yield Held(connection, episode, viewer_id, json.loads(row["state"]), moment)


async def meet_viewer(database: Database, episode: int, viewer_id: str, state: Fields) -> None:
    """Keep what is known of a viewer that the episode has not met; the first to do so stays."""
    await database.fetch(
        statements("fallback")["fallback_meet_viewer"], episode, viewer_id, json.dumps(dict(state))
    )


async def meet_network(database: Database, episode: int, network: str, admitted: int) -> None:
    """As meet_viewer, the guests admitted of a network."""
    await database.fetch(
        statements("fallback")["fallback_meet_network"], episode, network, admitted
    )


async def state_of(
    database: Database, episode: int, viewer_id: str
) -> tuple[bool, int, Fields | None]:
    """Whether the episode is open, its clock in milliseconds, and the state of a viewer; None
    when it was not met."""
    row = await database.fetch_one(statements("fallback")["fallback_state"], episode, viewer_id)
    assert row is not None, "an episode is never deleted"
    state = None if row["state"] is None else json.loads(row["state"])
    return row["is_open"], row["now_ms"], state


async def archived_rows(database: Database, viewer_id: str) -> list[Mapping[str, Any]]:
    """The archived events of a viewer as rows of `usage_event`, oldest first."""
    rows = await database.fetch(statements("fallback")["archived_events"], viewer_id)
    return [dict(row) for row in rows]


async def archived_admissions(database: Database, network: str) -> int:
    """Guests admitted of a network, by its name, since it was last reset."""
    row = await database.fetch_one(statements("fallback")["archived_admissions"], network)
    assert row is not None, "a count is one row"
    return int(row["admitted"])


async def archived_to(database: Database) -> dict[int, tuple[int, int]]:
    """The last archived seq, and the last that is known to exist, by shard."""
    rows = await database.fetch(statements("fallback")["archived_to"])
    return {row["shard"]: (row["seq"], row["head_seq"]) for row in rows}


async def forget_fallback(database: Database, kept_seconds: float) -> None:
    """Delete what episodes that closed so long ago knew of viewers and networks."""
    named = statements("fallback")
    for name in ("fallback_forget_views", "fallback_forget_viewers", "fallback_forget_networks"):
        await database.fetch(named[name], kept_seconds)


async def fallback_rows_of(
    database: Database, viewer_id: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What is kept of one viewer: its views as decided here, oldest first, and its states, by
    episode."""
    named = statements("fallback")
    views = await database.fetch(named["fallback_views_of"], viewer_id)
    states = await database.fetch(named["fallback_states_of"], viewer_id)
    return (
        [{**row, "entry": json.loads(row["entry"])} for row in views],
        [{**row, "state": json.loads(row["state"])} for row in states],
    )


async def erase_fallback(database: Database, viewer_id: str) -> None:
    """Delete everything about one viewer, but for what an open episode still needs."""
    named = statements("fallback")
    for name in ("fallback_erase_views", "fallback_erase_viewer"):
        await database.fetch(named[name], viewer_id)


async def fallback_totals(database: Database) -> Totals:
    """What all episodes came to."""
    row = await database.fetch_one(statements("fallback")["fallback_totals"])
    assert row is not None, "a sum is one row"
    return Totals(**row)


class Importing:
    """The one transaction that may import views of an episode."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", episode: int) -> None:
        self._connection = connection
        self._episode = episode

    async def stop_deciding(self, patience_ms: int) -> bool:
        """Keep every decision waiting to the end of the transaction, once those under way are
        committed; False, and the transaction is spent, when they take longer than that."""
        named = statements("fallback")
        await self._connection.fetchval(named["fallback_patience"], str(patience_ms))
        try:
            await self._connection.execute(
                named["fallback_stop_deciding"], _DECIDING, self._episode
            )
        except asyncpg.LockNotAvailableError:
            return False
        return True

    async def waiting(self, limit: int) -> list[WaitingView]:
        """The views not imported yet, oldest first, at most that many."""
        rows = await self._connection.fetch(
            statements("fallback")["fallback_waiting"], self._episode, limit
        )
        return [_waiting(row) for row in rows]

    async def mark(
        self, ids: Sequence[int], *, imported: int, over_granted: int, over_admitted: int
    ) -> None:
        """Mark views as done and count what they came to."""
        await self._connection.execute(
            statements("fallback")["fallback_imported"],
            *(self._episode, list(ids), imported, over_granted, over_admitted),
        )

    async def close(self) -> None:
        """Close the episode: from the commit on nothing is decided in it."""
        await self._connection.execute(statements("fallback")["fallback_close"], self._episode)


@asynccontextmanager
async def importing(database: Database, episode: int) -> AsyncIterator[Importing | None]:
    """A transaction, committed at the end; None while somebody else imports."""
    async with database.connection() as connection, connection.transaction():
        statement = statements("fallback")["fallback_try_import"]
        is_ours = await connection.fetchval(statement, _IMPORTING, episode)
        yield Importing(connection, episode) if is_ours else None


def _waiting(row: asyncpg.Record) -> WaitingView:
    view = DecidedView(row["request_id"], row["at_ms"], json.loads(row["entry"]), row["answer"])
    return WaitingView(row["id"], row["viewer"], row["shard"], view)
