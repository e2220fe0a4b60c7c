"""A store whose clock jumps and steps back, to the millisecond; the real client and scripts."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from metering.windows import window_at
from schema.people import Viewer
from schema.usage import Decision
from tests.metering.ledgers import member, view_of
from tests.sim.loop import VirtualLoop
from tests.sim.people import PLANS
from tests.sim.world import World, new_world

_HOUR_MS = 3_600_000


def in_calm(body: Callable[[World], Awaitable[None]]) -> None:
    """Run the body in a simulated site in which nothing goes wrong but what it does."""
    loop = VirtualLoop()
    world = new_world(0, loop, lambda text: text)

    async def run() -> None:
        await world.populate()
        for server in world.servers:
            server.error_ms = 0
        await body(world)
        await world.close()

    try:
        loop.run_until_complete(run())
    finally:
        loop.close()
    assert world.store.gap is None


async def view(world: World, viewer: Viewer, number: int, **named: Any) -> Decision:
    answers = await world.ask_of(world.servers[0], [view_of(viewer, number, **named)])
    assert answers is not None
    [answer] = answers
    assert isinstance(answer, Decision)
    return answer


def told(answer: Decision) -> tuple[str, int]:
    return str(answer.outcome), answer.allowance.used


async def move_to(world: World, at_ms: int) -> None:
    """The next view is decided at that millisecond: messages take no time from here on."""
    world.network.latency_us = 0
    world.clock.step(at_ms - world.clock.now_ms)


@pytest.mark.parametrize("key", ["daily", "auckland", "honolulu", "weekly", "monthly"])
def test_a_window_ends_to_the_millisecond(key: str) -> None:
    async def body(world: World) -> None:
        plan, viewer = PLANS[key, 1], member(key)
        edge_ms = window_at(plan, world.clock.now_ms).ends_ms
        assert edge_ms is not None
        assert plan.page_view_limit is not None
        await move_to(world, edge_ms - 1)
        for number in range(plan.page_view_limit):
            await view(world, viewer, number)

        last = await view(world, viewer, 8)
        await move_to(world, edge_ms)
        first = await view(world, viewer, 8)
        await move_to(world, edge_ms + 1)
        again = await view(world, viewer, 8)

        assert told(last) == ("LIMIT_REACHED", plan.page_view_limit)
        assert told(first) == ("UNLOCKED", 1)
        assert told(again) == ("REPEATED", 1)

    in_calm(body)


@pytest.mark.parametrize("back_ms", [1, 3 * _HOUR_MS])
def test_a_clock_that_steps_back_over_midnight_gives_nothing_twice(back_ms: int) -> None:
    async def body(world: World) -> None:
        plan, viewer = PLANS["daily", 1], member("daily")
        edge_ms = window_at(plan, world.clock.now_ms).ends_ms
        assert edge_ms is not None
        await move_to(world, edge_ms - 1)
        await view(world, viewer, 1)
        await move_to(world, edge_ms)
        unlocked = await view(world, viewer, 2)

        world.clock.step(-back_ms)
        other = await view(world, viewer, 3)
        repeated = await view(world, viewer, 2)

        assert told(unlocked) == ("UNLOCKED", 1)
        assert told(other) == ("LIMIT_REACHED", 1)
        assert told(repeated) == ("REPEATED", 1)
        assert other.recorded_at == unlocked.recorded_at
        assert other.allowance.resets_at == unlocked.allowance.resets_at

    in_calm(body)


def test_a_clock_that_jumps_two_hours_and_back_three_refills_nothing() -> None:
    async def body(world: World) -> None:
        viewer = member("monthly")
        await move_to(world, world.clock.now_ms + 5 * 24 * _HOUR_MS)
        for number in (1, 2):
            await view(world, viewer, number)

        world.clock.step(2 * _HOUR_MS)
        later = await view(world, viewer, 3)
        world.clock.step(-3 * _HOUR_MS)
        earlier = await view(world, viewer, 4)

        assert told(later) == ("LIMIT_REACHED", 2)
        assert told(earlier) == ("LIMIT_REACHED", 2)
        assert earlier.recorded_at == later.recorded_at

    in_calm(body)


@pytest.mark.parametrize(("jump_ms", "is_replayed"), [(_HOUR_MS - 1, True), (_HOUR_MS, False)])
def test_a_request_is_known_for_an_hour_and_charged_once_all_the_same(
    jump_ms: int, is_replayed: bool
) -> None:
    async def body(world: World) -> None:
        viewer, request_id = member("registered"), "q" * 22
        await move_to(world, world.clock.now_ms)
        first = await view(world, viewer, 1, request_id=request_id)

        world.clock.step(jump_ms)
        second = await view(world, viewer, 1, request_id=request_id)

        assert told(first) == ("UNLOCKED", 1)
        assert second.is_replayed is is_replayed
        assert told(second) == (("UNLOCKED", 1) if is_replayed else ("REPEATED", 1))

    in_calm(body)
