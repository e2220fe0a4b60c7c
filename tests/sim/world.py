"""One simulated site: readers, the servers they ask, and the store behind them."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from contextvars import copy_context
from dataclasses import dataclass, field
from random import Random
from typing import Any

from metering.calls import script
from metering.meter import LedgerMeter
from metering.shards import keys_of
from metering.store import open_store
from schema.acts import ActResult, AnyAct, SealGuest
from schema.errors import StoreUnavailable
from schema.people import Viewer
from schema.usage import Decision, Redirect, ViewRequest
from tests.metering.ledgers import ms
from tests.sim.clock import StoreClock
from tests.sim.loop import VirtualLoop
from tests.sim.people import RULE, Person, Place, new_guest, new_member, plan_of, token
from tests.sim.store import Store
from tests.sim.wire import HOST, Host, Network

STARTS = (
    "2026-04-04T10:59",  # Auckland: a day of 25 hours begins at 11:00
    "2026-09-26T11:59",  # Auckland: a day of 23 hours begins at 12:00
    "2026-03-31T21:59",  # Berlin: April begins at 22:00
    "2026-11-02T04:59",  # New York: a week begins at 05:00, the first after summer time
    "2028-02-28T23:59",
    "2026-06-15T12:00",
)
"""When the store's clock may begin, UTC: most of them a minute before an edge."""
_FLOODS = "local LOGGED_ONE_BY_ONE = 20\n"
CLOCK_ERRORS_MS = (0, 0, 0, -1, 1, 5_000, -5_000, 86_400_000, -3 * 86_400_000)
"""What the clock of a server may show too much."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer that reached somebody."""

    request: ViewRequest
    answer: Decision | Redirect
    newest_assignment: int
    """The highest assignment number that the viewer had when it was told."""
    is_guest_leaving: bool
    """Whether somebody had begun to make the viewer an account."""


@dataclass(frozen=True, slots=True)
class Performed:
    """An act that was answered."""

    act: AnyAct
    result: ActResult


class Trace:
    """Everything that happened, in order; put into words only when somebody reads it."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._steps: list[tuple[Any, ...]] = []

    def __call__(self, who: str, *what: Any) -> None:
        self._steps.append((self._loop.now_us, who, *what))

    def lines(self) -> list[str]:
        """One line a step: seconds since the start, who, what."""
        return [
            f"{at_us / 1e6:12.6f}  {who:8} {' '.join(str(part) for part in what)}"
            for at_us, who, *what in self._steps
        ]


class Server:
    """One process of the site with the real client of the ledger in it."""

    def __init__(self, world: "World", number: int) -> None:
        self.host = Host(f"server{number}")
        self.error_ms = world.rng.choice(CLOCK_ERRORS_MS)
        self.meter: LedgerMeter
        self._world = world
        self._context = copy_context()
        self._context.run(HOST.set, self.host)
        self._tasks: list[asyncio.Task[Any]] = []
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        """A process with nothing in its memory."""
        self._stack = AsyncExitStack()
        store = await self._stack.enter_async_context(open_store("redis://store/0"))
        self.meter = LedgerMeter(store, plan_of, admission=RULE, clock_ms=self._clock_ms)

    async def run(self, work: Any) -> Any:
        """The result of work on this server; None when it was cut off or the store is away."""
        task = self._world.loop.create_task(work, context=self._context)
        self._tasks.append(task)
        try:
            return await task
        except asyncio.CancelledError:
            self._world.trace(self.host.name, "was cut off")
        except StoreUnavailable as unavailable:
            self._world.trace(self.host.name, "has no store:", unavailable)
        finally:
            self._tasks.remove(task)
        return None

    async def crash(self) -> None:
        """Die in the middle of whatever is under way, and start anew."""
        self._world.trace(self.host.name, "crashes")
        cut_off = list(self._tasks)
        for task in cut_off:
            task.cancel()
        self.host.crash()
        await asyncio.gather(*cut_off, return_exceptions=True)
        await self.stop()
        await self.start()

    async def stop(self) -> None:
        """Close the client, as far as it still can be."""
        await self._world.loop.create_task(self._stack.aclose(), context=self._context)

    def _clock_ms(self) -> int:
        return self._world.clock.now_ms + self.error_ms


@dataclass(slots=True)
class World:
    """Everything that one seed makes."""

    loop: VirtualLoop
    rng: Random
    store: Store
    clock: StoreClock
    network: Network
    trace: Trace
    places: list[Place] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)
    asked: list[ViewRequest] = field(default_factory=list)
    """Every request that was sent at least once."""
    answered: list[Answered] = field(default_factory=list)
    begun: list[AnyAct] = field(default_factory=list)
    """Every act that was sent at least once."""
    performed: list[Performed] = field(default_factory=list)
    entered_us: dict[tuple[str, str], int] = field(default_factory=dict)
    """When each entry of a log was written, by key and stream id."""
    longest_seconds: float = 0.0
    """How long the slowest answer took, or the slowest excuse."""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    """Everything under way."""

    async def populate(self) -> None:
        """Servers, networks and the first readers."""
        rng = self.rng
        shards = rng.sample(range(64), rng.choice((1, 2)))
        self.places = [Place(f"net{at}-", rng.choice(shards)) for at in range(2)]
        self.people = [new_member(rng, rng.choice(shards)) for _ in range(rng.randint(2, 4))]
        for _ in range(rng.randint(1, 3)):
            self.mint(rng, rng.choice(self.places))
        self.servers = [Server(self, number) for number in range(rng.choice((1, 2, 3)))]
        for server in self.servers:
            await server.start()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something happen beside everything else."""
        self.tasks.append(self.loop.create_task(work))

    async def settle(self) -> None:
        """Wait until nothing is under way; raises what went wrong in it."""
        while self.tasks:
            under_way, self.tasks = self.tasks, []
            await asyncio.gather(*under_way)

    async def close(self) -> None:
        """End what is still under way, and every server."""
        under_way = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        for server in self.servers:
            await server.stop()

    def mint(self, rng: Random, place: Place) -> Person:
        """A guest that nobody has met."""
        period = RULE.period_at(self.clock.now_ms)
        guest = new_guest(rng, place, period, is_exempt=rng.random() < 0.1)
        self.people.append(guest)
        return guest

    def request(self, rng: Random, viewer: Viewer, code: Any) -> ViewRequest:
        """A request of its own id."""
        return ViewRequest(viewer=viewer, code=code, request_id=token(rng))

    async def ask(
        self, rng: Random, requests: Sequence[ViewRequest], *, tries: int = 3
    ) -> list[Decision | Redirect] | None:
        """What a reader does: ask, and ask another server the same when none answers."""
        for _ in range(tries):
            answers = await self.ask_of(rng.choice(self.servers), requests)
            if answers is not None:
                return answers
            await asyncio.sleep(rng.random() / 2)
        return None

    async def ask_of(
        self, server: Server, requests: Sequence[ViewRequest]
    ) -> list[Decision | Redirect] | None:
        """Ask one server once; None when it does not answer."""
        self.asked.extend(requests)
        for each in requests:
            viewer = each.viewer
            self.trace(
                server.host.name,
                *("asked:", viewer.id, "opens", each.code, "request", each.request_id),
                *("on", viewer.assignment.plan_key, viewer.assignment.number),
            )
        began = self.loop.time()
        answers: list[Decision | Redirect] | None = await server.run(server.meter.view(requests))
        self.longest_seconds = max(self.longest_seconds, self.loop.time() - began)
        if answers is not None:
            self._keep(server, requests, answers)
        return answers

    async def ask_clock_of(self, server: Server) -> None:
        """Ask one server for the ledger's clock, as every request of a new guest does."""
        began = self.loop.time()
        await server.run(server.meter.now_ms())
        self.longest_seconds = max(self.longest_seconds, self.loop.time() - began)

    async def perform(self, rng: Random, act: AnyAct, *, tries: int = 3) -> ActResult | None:
        """Do something to a viewer, and ask another server the same when none answers."""
        self.begun.append(act)
        for _ in range(tries):
            server = rng.choice(self.servers)
            self.trace(server.host.name, "does", repr(act))
            result: ActResult | None = await server.run(server.meter.perform(act))
            if result is not None:
                self.trace(server.host.name, "did", act.request_id, result.outcome, result.event_id)
                self.performed.append(Performed(act, result))
                return result
            await asyncio.sleep(rng.random() / 2)
        return None

    def settle_floods(self, age_ms: int = 0) -> None:
        """Record what was counted and waits for so long, as the worker does every minute."""
        text = script("settle").text
        digest = self.store.execute(["SCRIPT", "LOAD", text])
        for shard in range(64):
            keys = keys_of(shard)
            for viewer_id in self.store.execute(["SMEMBERS", keys.waiting]):
                names = (keys.log, keys.head, keys.flood(viewer_id), keys.waiting)
                self.store.execute(
                    ["EVALSHA", digest, str(len(names)), *names, viewer_id, str(age_ms)]
                )

    def _keep(
        self, server: Server, requests: Sequence[ViewRequest], answers: Sequence[Any]
    ) -> None:
        newest = {person.viewer.id: person.viewer.assignment.number for person in self.people}
        leaving = {act.viewer_id for act in self.begun if isinstance(act, SealGuest)}
        for request, answer in zip(requests, answers, strict=True):
            told = answer if isinstance(answer, Redirect) else f"{answer.outcome} {answer.event_id}"
            self.trace(server.host.name, "answers", request.request_id, told)
            self.answered.append(
                Answered(
                    request, answer, newest.get(request.viewer.id, 0), request.viewer.id in leaving
                )
            )


def new_world(seed: int, loop: VirtualLoop, edited: Callable[[str], str]) -> World:
    """The world of a seed, before anything has happened in it."""
    rng = Random(seed)
    most_one_by_one = rng.choice((3, 20))

    def adjusted(text: str) -> str:
        """A script that begins to count floods earlier, so that short runs see it."""
        if _FLOODS not in text:
            return edited(text)
        return edited(text).replace(_FLOODS, f"local LOGGED_ONE_BY_ONE = {most_one_by_one}\n")

    trace = Trace(loop)
    clock = StoreClock(loop, ms(rng.choice(STARTS)))
    store = Store(clock.now_us, adjusted)
    network = Network(loop, Random(rng.getrandbits(64)), store, trace)
    loop.wires = network
    world = World(loop, rng, store, clock, network, trace)

    def entered(key: str, entry_id: str) -> None:
        world.entered_us[key, entry_id] = loop.now_us

    store.on_entry = entered
    return world
