"""One run of the simulator: a seed in, what was broken and how it came to that out."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from random import seed as seed_everything

from tests.sim.acts import ACTS, carry_over
from tests.sim.loop import Stuck, VirtualLoop
from tests.sim.people import code
from tests.sim.promises import broken
from tests.sim.store import Gap
from tests.sim.storms import STORMS, weather_of
from tests.sim.wire import Weather
from tests.sim.world import World, new_world

ACTS_OF_A_RUN = 30
ANSWERED_WITHIN_SECONDS = 1.0
"""No reader waits longer for an answer or for hearing that there is none."""
_STORM_CHANCE = 0.25
"""How often a fault comes with an act, in a run that has faults."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one seed came to."""

    seed: int
    problems: tuple[str, ...]
    events: int
    answers: int
    kills: int
    trace: tuple[str, ...]
    """Every step in words; empty unless something is wrong or it was asked for."""


def run_seed(
    seed: int, *, edited: Callable[[str], str] = lambda text: text, wants_trace: bool = False
) -> Run:
    """Run one seed to its end. The same seed gives the same run, step by step.

    `edited` plants a bug: what becomes of the text of each script. Raises Gap when the ledger
    asks something of the store that the simulator does not know.
    """
    # redis-py draws from the one generator of the process when it waits between tries.
    seed_everything(seed)
    loop = VirtualLoop()
    world = new_world(seed, loop, edited)
    try:
        problems = loop.run_until_complete(_run(world))
    except Stuck:
        problems = ["alive: everybody waits, and nothing will ever happen"]
    finally:
        loop.close()
    if world.store.gap is not None:
        raise Gap(world.store.gap)
    return Run(
        seed,
        tuple(problems),
        len(world.entered_us),
        len(world.answered),
        world.network.kills,
        tuple(world.trace.lines()) if problems or wants_trace else (),
    )


async def _run(world: World) -> list[str]:
    await world.populate()
    problems = []
    try:
        await _storm(world)
        await _silence(world)
        problems += await _calm(world)
        if world.longest_seconds > ANSWERED_WITHIN_SECONDS:
            problems.append(f"alive: an answer took {world.longest_seconds:.1f} s")
        world.settle_floods()
        problems += broken(world)
    except Exception as failed:
        problems.append(f"a step failed: {failed!r}")
    await world.close()
    return problems


async def _storm(world: World) -> None:
    """Acts at random moments, with whatever goes wrong in between."""
    rng = world.rng
    world.network.weather = weather_of(rng)
    has_storms = rng.random() < 0.85
    acts, weights = zip(*ACTS, strict=True)
    storms, chances = zip(*STORMS, strict=True)
    for _ in range(ACTS_OF_A_RUN):
        [act] = rng.choices(acts, weights)
        world.spawn(act(world, Random(rng.getrandbits(64))))
        if has_storms and rng.random() < _STORM_CHANCE:
            [storm] = rng.choices(storms, chances)
            world.spawn(storm(world, Random(rng.getrandbits(64))))
        await asyncio.sleep(rng.choice((0, 0.001, 0.01, 0.1, 0.5)) * rng.random())
    await world.settle()


async def _silence(world: World) -> None:
    """A store that says nothing is an absent one soon, also to who asks without a script: the
    ledger's clock names the period of every guest's network."""
    world.network.weather = Weather(lost_request=1.0, silent=1.0)
    for server in world.servers:
        await world.ask_clock_of(server)


async def _calm(world: World) -> list[str]:
    """Once nothing goes wrong any more everybody is answered, by every server."""
    world.network.weather = Weather()
    await asyncio.sleep(5)
    problems = [
        f"alive: {guest.viewer.id} cannot be carried over"
        for guest in list(world.people)
        if guest.account and not await carry_over(world, world.rng, guest, guest.account)
    ]
    asked = [(server, person) for server in world.servers for person in world.people[-4:]]
    asked += [(world.servers[0], person) for person in world.people[:-4]]
    for server, person in asked:
        request = world.request(world.rng, person.viewer, code(world.rng.randrange(5)))
        if await world.ask_of(server, [request]) is None:
            problems.append(f"alive: {server.host.name} does not answer {person.viewer.id}")
    return problems
