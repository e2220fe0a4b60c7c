"""The meter that readers ask: the ledger, and PostgreSQL while the ledger's store is away.

An episode is open in PostgreSQL from the first call that the store did not answer until what was
decided meanwhile is in the ledger. Every process follows it, whether it has missed the store or
not: at no time may two places decide, see docs/decisions/0013.
"""

import asyncio
import os
import platform
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from db.fallback import open_episode, standing_episode
from db.pool import Database
from metering.archived import ArchiveReads
from metering.deadline import Deadline
from metering.fallback import EpisodeClosed, PostgresMeter
from metering.imports import EPOCH_OF_IMPORTS, Importer
from metering.meter import DEFAULT_ADMISSION, LedgerMeter
from metering.policy import AdmissionRule, PlanOf
from metering.safety import check_store
from metering.server import is_late, is_refusal
from metering.trust import STEADY_SECONDS, OnProblems, OnUnsafe, Trust
from schema.acts import ActResult, AnyAct
from schema.errors import MeterOverloaded, StoreUnavailable
from schema.people import Viewer
from schema.usage import Allowance, Decision, Redirect, ViewRequest

OnLoss = Literal["fallback", "refuse"]
LOOK_SECONDS = 1.0
"""How often a process looks for an episode that others opened."""
PROBE_SECONDS = 0.6
"""How long a store whose time was over may take to answer a PING before it is away."""
_PROBE_AGAIN_SECONDS = 0.05
_ROUNDS = 8
"""Times a call is asked: it may meet the edge of an episode, one that opens and one that closes,
and a store that is late several times."""
Answer = TypeVar("Answer")


@dataclass(slots=True)
class Figures:
    """What happened in this process since it began; db.fallback.fallback_totals has the rest."""

    losses: int = 0
    """Calls that the ledger's store did not answer."""
    decided: int = 0
    """Views that were decided in PostgreSQL."""
    refused: int = 0
    """Calls that nobody could answer."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Who decides has changed."""

    episode: int
    is_open: bool
    """Whether PostgreSQL decides from now on; else the ledger does again."""
    reason: str
    """What the store did, in the words of whoever missed it; empty when others did or it is
    back."""


def _say_nothing(_: object) -> None:
    pass


@dataclass(slots=True)
class _Seen:
    """What this process knows of the ledger's log: how far it went, by shard."""

    seqs: dict[int, int] = field(default_factory=dict)
    at_ms: int = 0

    def add(self, shard: int, seq: int, at_ms: int) -> None:
        self.seqs[shard] = max(self.seqs.get(shard, 0), seq)
        self.at_ms = max(self.at_ms, at_ms)


class GuardedMeter:
    """Keeps the contract of Meter whether the ledger's store answers or not."""

    def __init__(
        self,
        ledger: LedgerMeter,
        database: Database,
        plan_of: PlanOf,
        archive: ArchiveReads,
        *,
        admission: AdmissionRule = DEFAULT_ADMISSION,
        on_loss: OnLoss = "fallback",
        on_unsafe: OnUnsafe = "refuse",
        on_turn: Callable[[Turn], None] = _say_nothing,
        on_doubt: OnProblems = _say_nothing,
        steady_seconds: float = STEADY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """With `refuse` this process opens no episode and decides in none: while one is open, or
        the store is away, everything raises StoreUnavailable. `on_unsafe` says what becomes of a
        store that came back unsafe, `on_doubt` is told why it is. `clock` counts seconds."""
        self.ledger = ledger
        self.figures = Figures()
        self._database = database
        self._plan_of = plan_of
        self._archive = archive
        self._admission = admission
        self._on_loss = on_loss
        self._on_unsafe = on_unsafe
        self._on_turn = on_turn
        self._trust = Trust(
            ledger.store,
            on_unsafe=on_unsafe,
            on_problems=on_doubt,
            steady_seconds=steady_seconds,
            clock=clock,
        )
        self._importer = Importer(database, ledger.store, admission)
        self._standing: PostgresMeter | None = None
        self._probe: asyncio.Task[bool] | None = None
        self._seen = _Seen()

    @property
    def episode(self) -> int | None:
        """The episode in which this process has PostgreSQL decide; None while the ledger does."""
        return None if self._standing is None else self._standing.episode

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the store that is back is not trusted while PostgreSQL decides, one sentence each."""
        return self._trust.doubts

    async def begin(self) -> list[str]:
        """What makes the store unsafe, before the first page is opened, as check_store says it.

        Where the store is away PostgreSQL decides from now on. Raises UnsafeStore;
        StoreUnavailable when neither answers, when this may not have PostgreSQL decide, and when
        the store is there and refuses us: then a setting is wrong, and nothing will come back.
        """
        for _ in range(_ROUNDS):
            try:
                return await check_store(self.ledger.store, self._on_unsafe)
            except StoreUnavailable as away:
                if self._on_loss == "refuse" or is_refusal(away):
                    raise
                if not await self._is_only_late(away):
                    await self._lose(away)
            if self._standing is not None:
                return []
        raise self._refusal("the store comes and goes")

    async def view(self, requests: Sequence[ViewRequest]) -> list[Decision | Redirect]:
        """As Meter.view; the same request may be asked of both, and is decided once."""
        answers = await self._ask(lambda meter: meter.view(requests))
        for answer in answers:
            if isinstance(answer, Decision):
                self._count(answer)
        return answers

    async def allowance(self, viewer: Viewer) -> Allowance:
        """As Meter.allowance."""
        return await self._ask(lambda meter: meter.allowance(viewer))

    async def perform(self, act: AnyAct) -> ActResult:
        """As Meter.perform; while an episode is open it raises StoreUnavailable."""
        return await self._ask(lambda meter: meter.perform(act))

    async def now_ms(self) -> int:
        """As Meter.now_ms."""
        return await self._ask(lambda meter: meter.now_ms())

    async def look(self) -> None:
        """Follow the open episode, if there is one, and end it once the store is back and safe.

        Raises StoreUnavailable when PostgreSQL is away: then what was known stays so.
        """
        self._follow(await standing_episode(self._database), "")
        standing = self._standing
        if standing is None:
            self._trust.lose()
        # A page may learn meanwhile that the episode has ended.
        elif await self._trust.is_earned() and self._standing is standing:
            await self._bring_back(standing.episode)

    def _count(self, decision: Decision) -> None:
        if decision.event_id is None:
            return
        shard, epoch, stream_id = decision.event_id.split(":")
        if epoch != EPOCH_OF_IMPORTS:
            at_ms, seq = stream_id.split("-")
            self._seen.add(int(shard), int(seq), int(at_ms))
        elif not decision.is_replayed:
            self.figures.decided += 1

    async def ping(self) -> None:
        """Raises StoreUnavailable when nobody could decide about a page now."""
        await self._ask(lambda meter: meter.ping())

    async def _ask(self, ask: Callable[[LedgerMeter | PostgresMeter], Awaitable[Answer]]) -> Answer:
        for _ in range(_ROUNDS):
            standing = self._standing
            try:
                return await ask(self.ledger if standing is None else self._deciding(standing))
            except EpisodeClosed:
                self._follow(None, "")
            except StoreUnavailable as away:
                if standing is not None:
                    raise self._refusal(away) from away
                if not _is_loss(away):
                    raise
                if not await self._is_only_late(away):
                    await self._lose(away)
        raise self._refusal("the store comes and goes")

    async def _is_only_late(self, away: StoreUnavailable) -> bool:
        """Whether a store whose time was over answers all the same: then it, or this machine, has
        too much to do, and is asked again. To turn away from a store that is there would let a
        viewer have twice what was not archived yet."""
        if not is_late(away):
            return False
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._answers_at_all())
        # One for all who wait: a store with too much to do gets no more of it.
        return await asyncio.shield(self._probe)

    async def _answers_at_all(self) -> bool:
        try:
            with Deadline(PROBE_SECONDS):
                while True:
                    with suppress(StoreUnavailable):
                        await self.ledger.ping()
                        return True
                    await asyncio.sleep(_PROBE_AGAIN_SECONDS)
        except TimeoutError:
            return False

    def _deciding(self, standing: PostgresMeter) -> PostgresMeter:
        if self._on_loss == "refuse":
            raise StoreUnavailable("valkey", "others have PostgreSQL decide, this server may not")
        return standing

    async def _lose(self, away: StoreUnavailable) -> None:
        """Open an episode, or join the one that is; raises StoreUnavailable when this may not
        or cannot be done."""
        self.figures.losses += 1
        if self._on_loss == "refuse":
            raise self._refusal(away) from away
        try:
            episode = await open_episode(
                self._database,
                f"{platform.node()}:{os.getpid()}",
                str(away),
                unseen=await self._archive.unarchived(self._seen.seqs),
                floor_ms=self._seen.at_ms,
            )
        except StoreUnavailable as both:
            raise self._refusal(f"{away}; {both}") from both
        if episode is not None:
            self._follow(episode, str(away))

    def _refusal(self, reason: object) -> StoreUnavailable:
        self.figures.refused += 1
        return StoreUnavailable("valkey", str(reason))

    def _follow(self, episode: int | None, reason: str) -> None:
        before = self.episode
        if episode == before:
            return
        self._trust.lose()
        self._standing = None if episode is None else self._meter_of(episode)
        if before is not None:
            self._on_turn(Turn(before, is_open=False, reason=""))
        if episode is not None:
            self._on_turn(Turn(episode, is_open=True, reason=reason))

    def _meter_of(self, episode: int) -> PostgresMeter:
        return PostgresMeter(
            self._database, self._plan_of, self._archive, episode, admission=self._admission
        )

    async def _bring_back(self, episode: int) -> None:
        try:
            is_closed = await self._importer.bring_back(episode)
        except StoreUnavailable as away:
            if away.store != "valkey":
                raise
            self._trust.lose()
            return
        if is_closed:
            self._follow(None, "")


def _is_loss(away: StoreUnavailable) -> bool:
    """Whether it is the ledger's store that is away, and not the plans or our own patience."""
    return away.store == "valkey" and not isinstance(away, MeterOverloaded)
