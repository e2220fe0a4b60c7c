"""What goes wrong in the simulator. A new fault is one more function here."""

from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from metering.windows import window_at
from tests.sim.people import PLANS, RULE
from tests.sim.wire import Weather
from tests.sim.world import World

Storm = Callable[[World, Random], Coroutine[Any, Any, None]]
STORMS: list[tuple[Storm, float]] = []
"""Every fault and how often it happens, beside the others."""

_HOUR_MS = 3_600_000
_JUMPS_MS = (1, 50, 1_000, 30_000, _HOUR_MS - 1, _HOUR_MS, 2 * _HOUR_MS, 24 * _HOUR_MS)
_JUMPS_BEYOND_MS = (3 * 24 * _HOUR_MS, 31 * 24 * _HOUR_MS)
_STEPS_BACK_MS = (1, 1, 20, 1_000, 60_000, 2 * _HOUR_MS, 25 * _HOUR_MS)


def _storm(weight: float) -> Callable[[Storm], Storm]:
    def kept(storm: Storm) -> Storm:
        STORMS.append((storm, weight))
        return storm

    return kept


def weather_of(rng: Random) -> Weather:
    """The weather of a seed: calm, or some chances that add up to little enough to live with."""
    if rng.random() < 0.2:
        return Weather()
    return Weather(
        lost_request=rng.choice((0.0, 0.05, 0.15)),
        lost_reply=rng.choice((0.0, 0.1, 0.25)),
        late_request=rng.choice((0.0, 0.05, 0.1)),
        killed_in_turn=rng.choice((0.0, 0.0, 0.03, 0.1)),
        silent=rng.random(),
    )


@_storm(2)
async def the_store_is_killed(world: World, rng: Random) -> None:
    world.network.kill()


@_storm(2)
async def a_server_crashes(world: World, rng: Random) -> None:
    await rng.choice(world.servers).crash()


@_storm(2)
async def the_scripts_are_forgotten(world: World, rng: Random) -> None:
    world.trace("store", "forgets its scripts")
    world.store.execute(["SCRIPT", "FLUSH"])


@_storm(3)
async def the_clock_jumps(world: World, rng: Random) -> None:
    by_ms = rng.choice(_JUMPS_MS if rng.random() < 0.85 else _JUMPS_BEYOND_MS)
    world.trace("clock", "jumps", by_ms, "ms")
    world.clock.step(by_ms)


@_storm(3)
async def the_clock_steps_back(world: World, rng: Random) -> None:
    by_ms = rng.choice(_STEPS_BACK_MS)
    world.trace("clock", "steps back", by_ms, "ms")
    world.clock.step(-by_ms)


@_storm(3)
async def an_edge_is_near(world: World, rng: Random) -> None:
    """The clock jumps to within milliseconds of the end of some window or period."""
    now_ms = world.clock.now_ms
    ends = [(RULE.period_at(now_ms) + 1) * RULE.period_ms]
    ends += [
        window.ends_ms
        for plan in PLANS.values()
        if (window := window_at(plan, now_ms)).ends_ms is not None
    ]
    before_ms = rng.choice((-1, 0, 1, 1, 2, 10, 40, 100))
    by_ms = rng.choice(ends) - before_ms - now_ms
    world.trace("clock", "jumps to", before_ms, "ms before an edge, by", by_ms)
    world.clock.step(by_ms)
