"""The meter in PostgreSQL: keeps the contract while the ledger's store is away.

It knows of a viewer what the archive holds, and what was decided here since the episode opened;
docs/decisions/0013 says what it cannot know.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from db.fallback import (
    DecidedView,
    Fields,
    Held,
    deciding,
    meet_network,
    meet_viewer,
    state_of,
)
from db.pool import Database
from metering.archived import ArchiveReads
from metering.fold import BLANK, ViewerState, apply
from metering.imports import answer_of, entry_of
from metering.live import read_receipt, read_viewer, viewer_fields
from metering.log import read_event
from metering.meter import DEFAULT_ADMISSION
from metering.networks import KEPT_LENGTH
from metering.policy import AdmissionRule, PlanOf, allowance_of, decide, event_of
from schema.acts import ActResult, AnyAct
from schema.errors import StoreUnavailable
from schema.people import Viewer, ViewerKind
from schema.plans import Plan
from schema.usage import Allowance, Decision, Redirect, ViewRequest

_ROUNDS = 3
"""Times a viewer is asked about: once before it and once before its network was met, and once
more."""


class EpisodeClosed(Exception):
    """The episode is over: nothing was decided, and the ledger decides again."""


class _Asked(NamedTuple):
    request: ViewRequest
    plan: Plan

    @property
    def network(self) -> str | None:
        """The network whose budget the request may meet."""
        viewer = self.request.viewer
        if viewer.kind is not ViewerKind.GUEST or viewer.network is None:
            return None
        return viewer.network.digest[:KEPT_LENGTH]


@dataclass(slots=True)
class _Balance:
    """What is known under the locks; the decisions take it further."""

    viewer: ViewerState
    admitted: int


class PostgresMeter:
    """The meter of one episode; many processes share it. Everything raises EpisodeClosed once the
    episode is."""

    def __init__(
        self,
        database: Database,
        plan_of: PlanOf,
        archive: ArchiveReads,
        episode: int,
        *,
        admission: AdmissionRule = DEFAULT_ADMISSION,
    ) -> None:
        self.episode = episode
        self._database = database
        self._plan_of = plan_of
        self._archive = archive
        self._admission = admission

    async def view(self, requests: Sequence[ViewRequest]) -> list[Decision | Redirect]:
        """As Meter.view, one short transaction a viewer. What was decided when EpisodeClosed is
        raised is in the ledger, which answers the same."""
        asked = [
            _Asked(request, await self._plan_of(request.viewer.assignment)) for request in requests
        ]
        return [answer for some in _runs(asked) for answer in await self._decided(some)]

    async def allowance(self, viewer: Viewer) -> Allowance:
        """As Meter.allowance."""
        plan = await self._plan_of(viewer.assignment)
        now_ms, fields = await self._state_of(viewer.id)
        state = await self._archived(viewer) if fields is None else read_viewer(fields)
        return allowance_of(state, plan, now_ms)

    async def perform(self, _: AnyAct, /) -> ActResult:
        """Raises StoreUnavailable: what staff and registration do waits for the ledger."""
        raise StoreUnavailable("valkey", "only page views are decided without the ledger")

    async def now_ms(self) -> int:
        """As Meter.now_ms: PostgreSQL's clock, never behind what the ledger's was known to be."""
        now_ms, _ = await self._state_of("")
        return now_ms

    async def ping(self) -> None:
        """Raises StoreUnavailable when PostgreSQL does not answer."""
        await self.now_ms()

    async def _state_of(self, viewer_id: str) -> tuple[int, Fields | None]:
        is_open, now_ms, fields = await state_of(self._database, self.episode, viewer_id)
        if not is_open:
            raise EpisodeClosed
        return now_ms, fields

    async def _decided(self, asked: Sequence[_Asked]) -> list[Decision | Redirect]:
        """The answers to requests of one viewer from one network."""
        viewer = asked[0].request.viewer
        ids = [each.request.request_id for each in asked]
        for _ in range(_ROUNDS):
            async with deciding(self._database, self.episode, viewer.id, ids) as held:
                answers = await self._under_lock(held, asked) if held else None
            if answers is not None:
                return answers
            # Outside, since the archive is read on a connection of its own.
            await self._meet(asked[0], is_viewer_met=held is not None)
        raise StoreUnavailable("postgres", "what was just written is not there")

    async def _meet(self, asked: _Asked, *, is_viewer_met: bool) -> None:
        viewer, network = asked.request.viewer, asked.network
        if network is not None:
            admitted = await self._archive.archived_admissions(network)
            await meet_network(self._database, self.episode, network, admitted)
        if not is_viewer_met:
            state = viewer_fields(await self._archived(viewer))
            await meet_viewer(self._database, self.episode, viewer.id, state)

    async def _archived(self, viewer: Viewer) -> ViewerState:
        state = BLANK
        for stream_id, fields in await self._archive.archived_events(viewer.id):
            state = apply(state, read_event(viewer.shard, stream_id, fields))
        return state

    async def _under_lock(
        self, held: Held, asked: Sequence[_Asked]
    ) -> list[Decision | Redirect] | None:
        """The answers, recorded; None when the network has to be met first."""
        if not held.is_open:
            raise EpisodeClosed
        balance, network = _Balance(read_viewer(held.state), 0), asked[0].network
        if network is not None and not balance.viewer.is_admitted:
            admitted = await held.admitted(network)
            if admitted is None:
                return None
            balance.admitted = admitted
        before = balance.admitted
        views: list[DecidedView] = []
        answers = [self._answer(held, balance, each, views) for each in asked]
        if views:
            met = (network, balance.admitted) if network and balance.admitted > before else None
            shard = asked[0].request.viewer.shard
            await held.record(shard, views, viewer_fields(balance.viewer), met)
        return answers

    def _answer(
        self, held: Held, balance: _Balance, asked: _Asked, views: list[DecidedView]
    ) -> Decision | Redirect:
        """The answer to one request; a new decision is added to `views` and to the balance."""
        request, plan = asked
        shard, now_ms = request.viewer.shard, held.now_ms
        if told := held.answers.get(request.request_id):
            return read_receipt(shard, told, is_replayed=True)
        verdict = decide(balance.viewer, balance.admitted, request, plan, now_ms, self._admission)
        if isinstance(verdict, Redirect):
            return verdict
        event = event_of(request, verdict, seq=0, epoch=0, now_ms=now_ms)
        balance.viewer = apply(balance.viewer, event)
        if event.admission is not None:
            balance.admitted = event.admission.admitted
        answer = answer_of(event, verdict.window.ends_ms)
        views.append(DecidedView(request.request_id, now_ms, entry_of(event), answer))
        held.answers[request.request_id] = answer
        return read_receipt(shard, answer, is_replayed=False)


def _runs(asked: Sequence[_Asked]) -> Iterator[list[_Asked]]:
    """The requests in their order, those of one viewer from one network together."""
    for _, some in groupby(asked, key=lambda each: (each.request.viewer.id, each.network)):
        yield list(some)
