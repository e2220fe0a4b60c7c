"""Viewers, plans and ledgers as the tests of the meter make them."""

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from db.fallback import state_of
from db.pool import Database
from metering.archived import ArchiveReads
from metering.fallback import PostgresMeter
from metering.live import read_viewer, viewer_fields
from metering.log import AnyEvent, read_event
from metering.memory import MemoryMeter
from metering.meter import LedgerMeter, system_clock_ms
from metering.policy import AdmissionRule
from metering.settling import settle
from metering.shards import keys_of
from metering.store import Store
from schema.codes import CodeKey, CodeSystemKey
from schema.events import PageViewed
from schema.instants import milliseconds
from schema.pages import SectionKind
from schema.people import Assignment, Network, Viewer, ViewerKind
from schema.plans import Plan, WindowKind
from schema.usage import Decision, ViewRequest

ADMISSION = AdmissionRule()
SHARD = 7
"""Where viewers are unless a test says otherwise."""


def token() -> str:
    """22 random URL-safe characters."""
    return base64.urlsafe_b64encode(secrets.token_bytes(16))[:22].decode()


def plan(
    key: str = "guest",
    limit: int | None = 1,
    window: WindowKind = WindowKind.LIFETIME,
    *,
    version: int = 1,
    time_zone: str = "UTC",
    rolling_days: int | None = None,
) -> Plan:
    return Plan(
        key=key,
        version=version,
        page_view_limit=limit,
        window=window,
        time_zone=time_zone,
        rolling_days=rolling_days,
        open_sections=frozenset(SectionKind),
        can_list_crosswalks=False,
        viewer_kind=ViewerKind.REGISTERED,
    )


def code(number: int) -> CodeKey:
    """The numberth code of an invented system."""
    return CodeKey(CodeSystemKey.DEMO, f"DM-{4000 + number}")


def ms(text: str) -> int:
    """An instant written in ISO 8601, in milliseconds; UTC unless it says otherwise."""
    at = datetime.fromisoformat(text)
    return milliseconds(at if at.tzinfo else at.replace(tzinfo=UTC))


@dataclass
class Plans:
    """The plans of a test, by key and version."""

    versions: dict[tuple[str, int], Plan] = field(default_factory=dict)

    def add(self, added: Plan) -> Plan:
        self.versions[added.key, added.version] = added
        return added

    async def plan_of(self, assignment: Assignment) -> Plan:
        return self.versions[assignment.plan_key, assignment.plan_version]


def guest(
    network: str | None = None,
    *,
    plan_key: str = "guest",
    shard: int = SHARD,
    period: int | None = None,
    number: int = 0,
) -> Viewer:
    """A guest; `network` is a digest, None for exempt. `period` None is the current one."""
    now = ADMISSION.period_at(milliseconds(datetime.now(UTC)))
    place = None
    if network is not None:
        place = Network(digest=network, period=now if period is None else period)
    return Viewer(
        id=f"g{token()}",
        kind=ViewerKind.GUEST,
        shard=shard,
        assignment=Assignment(plan_key=plan_key, plan_version=1, number=number),
        network=place,
    )


def member(plan_key: str = "registered", *, shard: int = SHARD, number: int = 0) -> Viewer:
    return Viewer(
        id=f"u{token()}",
        kind=ViewerKind.REGISTERED,
        shard=shard,
        assignment=Assignment(plan_key=plan_key, plan_version=1, number=number),
        network=None,
    )


def on_plan(viewer: Viewer, plan_key: str, number: int) -> Viewer:
    """The same viewer on another plan."""
    assignment = Assignment(plan_key=plan_key, plan_version=1, number=number)
    return viewer.model_copy(update={"assignment": assignment})


def view_of(viewer: Viewer, number: int = 1, request_id: str | None = None) -> ViewRequest:
    return ViewRequest(viewer=viewer, code=code(number), request_id=request_id or token())


class MemoryLedger:
    """MemoryMeter with what a test does to a ledger from outside."""

    def __init__(self, plans: Plans, admission: AdmissionRule = ADMISSION) -> None:
        self._now_ms: int | None = None
        self.meter = MemoryMeter(plans.plan_of, admission=admission, clock_ms=self._clock_ms)

    def _clock_ms(self) -> int:
        return system_clock_ms() if self._now_ms is None else self._now_ms

    async def set_clock(self, now_ms: int) -> None:
        """Make the next view of shard 7 happen at `now_ms`, a time to come."""
        self._now_ms = now_ms

    async def step_back(self) -> None:
        """Let the clock show the real time again, long before what set_clock said."""
        self._now_ms = None

    async def change(self, viewer: Viewer, **state: Any) -> None:
        """Put a state that no event of this version leads to."""
        shard = self.meter.shard(viewer.shard)
        shard.viewers[viewer.id] = replace(shard.viewer(viewer.id), **state)

    async def settle(self, viewer: Viewer, age_ms: int = 0) -> None:
        """Record what was counted for the viewer for `age_ms` or longer."""
        await self.meter.settle(viewer.shard, viewer.id, age_ms)

    async def log(self) -> list[AnyEvent]:
        """Every event so far."""
        return self.meter.log


class ValkeyLedger:
    """LedgerMeter with the same."""

    def __init__(
        self,
        store: Store,
        plans: Plans,
        admission: AdmissionRule = ADMISSION,
        *,
        error_ms: int = 0,
    ) -> None:
        """`error_ms` is what the clock of the meter's machine shows too much."""
        self._now_ms: int | None = None
        self._error_ms = error_ms
        self.meter = LedgerMeter(store, plans.plan_of, admission=admission, clock_ms=self._clock_ms)

    def _clock_ms(self) -> int:
        now_ms = system_clock_ms() if self._now_ms is None else self._now_ms
        return now_ms + self._error_ms

    async def set_clock(self, now_ms: int) -> None:
        """As MemoryLedger.set_clock: the shard's clock never goes behind its last event."""
        self._now_ms = now_ms
        client = await self.meter.store.of(SHARD)
        await client.hset(keys_of(SHARD).head, "at", str(now_ms))

    async def step_back(self) -> None:
        """The server's own clock always shows the real time."""
        self._now_ms = None

    async def change(self, viewer: Viewer, **state: Any) -> None:
        """As MemoryLedger.change."""
        key = keys_of(viewer.shard).viewer(viewer.id)
        client = await self.meter.store.of(viewer.shard)
        before = read_viewer(await client.hgetall(key))
        await client.hset(key, mapping=viewer_fields(replace(before, **state)))

    async def settle(self, viewer: Viewer, age_ms: int = 0) -> None:
        """As MemoryLedger.settle."""
        await settle(self.meter.store, viewer.shard, viewer.id, age_ms)

    async def log(self) -> list[AnyEvent]:
        """As MemoryLedger.log; shard after shard."""
        return [
            read_event(shard, stream_id, fields)
            for shard in range(64)
            for stream_id, fields in await (await self.meter.store.of(shard)).xrange(
                keys_of(shard).log
            )
        ]


@dataclass
class StubArchive:
    """An archive of a test's own."""

    events: dict[str, list[tuple[str, dict[str, str]]]] = field(default_factory=dict)
    admissions: dict[str, int] = field(default_factory=dict)
    seqs: dict[int, int] = field(default_factory=dict)

    async def archived_events(self, viewer_id: str) -> Sequence[tuple[str, Mapping[str, str]]]:
        return self.events.get(viewer_id, [])

    async def archived_admissions(self, network: str) -> int:
        return self.admissions.get(network, 0)

    async def unarchived(self, seqs: Mapping[int, int]) -> int:
        return sum(max(0, seq - self.seqs.get(shard, 0)) for shard, seq in seqs.items())


class StandInView(PageViewed):
    """A view that PostgreSQL decided: it has no place in a log yet."""

    @property
    def id(self) -> str:
        """As the reader was told."""
        return f"{self.shard}:i:{milliseconds(self.recorded_at)}-{self.request_id}"


class PostgresLedger:
    """PostgresMeter with the same."""

    def __init__(
        self,
        database: Database,
        plans: Plans,
        episode: int,
        admission: AdmissionRule = ADMISSION,
        archive: ArchiveReads | None = None,
    ) -> None:
        self._database = database
        self.meter = PostgresMeter(
            database, plans.plan_of, archive or StubArchive(), episode, admission=admission
        )

    async def set_clock(self, now_ms: int) -> None:
        """As MemoryLedger.set_clock: the ledger's clock was known to be there."""
        await self._execute(
            "UPDATE fallback_episode SET floor_ms = $2 WHERE id = $1", self.meter.episode, now_ms
        )

    async def step_back(self) -> None:
        """As MemoryLedger.step_back."""
        await self.set_clock(0)

    async def change(self, viewer: Viewer, **state: Any) -> None:
        """As MemoryLedger.change."""
        _, _, fields = await state_of(self._database, self.meter.episode, viewer.id)
        after = viewer_fields(replace(read_viewer(fields or {}), **state))
        await self._execute(
            "INSERT INTO fallback_viewer VALUES ($1, $2, $3) "
            "ON CONFLICT (episode, viewer) DO UPDATE SET state = excluded.state",
            *(self.meter.episode, viewer.id, json.dumps(after)),
        )

    async def settle(self, viewer: Viewer, age_ms: int = 0) -> None:
        """As MemoryLedger.settle: nothing is counted here."""

    async def log(self) -> list[AnyEvent]:
        """As MemoryLedger.log, in the order of decisions."""
        rows = await self._database.fetch(
            "SELECT shard, at_ms, entry FROM fallback_view WHERE episode = $1 ORDER BY id",
            self.meter.episode,
        )
        fields = [{"type": "view", "epoch": "1", **json.loads(row["entry"])} for row in rows]
        events = [
            read_event(row["shard"], f"{row['at_ms']}-{seq}", entry)
            for seq, (row, entry) in enumerate(zip(rows, fields, strict=True), 1)
        ]
        return [StandInView(**event.model_dump()) for event in events]

    async def _execute(self, statement: str, *arguments: Any) -> None:
        async with self._database.connection() as connection:
            await connection.execute(statement, *arguments)


Ledger = MemoryLedger | ValkeyLedger | PostgresLedger


async def decide(ledger: Ledger, request: ViewRequest) -> Decision:
    """The decision on one view that is not redirected."""
    [answer] = await ledger.meter.view([request])
    assert isinstance(answer, Decision), answer
    return answer


async def recorded_views(client: Redis, shard: int = SHARD) -> int:
    """The views that the shard has taken down: in its log, or counted and waiting."""
    keys = keys_of(shard)
    views = sum(
        read_event(shard, stream_id, fields).count  # type: ignore[union-attr]  # views alone
        for stream_id, fields in await client.xrange(keys.log)
        if fields["type"] == "view"
    )
    for viewer_id in await client.smembers(keys.waiting):
        flood = await client.hgetall(keys.flood(viewer_id))
        views += sum(int(held.split()[0]) for name, held in flood.items() if name[0] == "+")
    return views


async def outcomes(ledger: Ledger, *requests: ViewRequest) -> list[str]:
    """The outcomes, or redirects, of views asked for in one call."""
    answers = await ledger.meter.view(requests)
    return [str(a.outcome if isinstance(a, Decision) else a) for a in answers]
