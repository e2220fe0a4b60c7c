"""What readers and operators do in the simulator. A new operation is one more function here."""

from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from schema.people import Viewer, ViewerKind
from schema.usage import Redirect
from tests.sim.people import MEMBER_PLANS, Person, code
from tests.sim.world import World

Act = Callable[[World, Random], Coroutine[Any, Any, None]]
ACTS: list[tuple[Act, float]] = []
"""Every act and how often it happens, beside the others."""


def _act(weight: float) -> Callable[[Act], Act]:
    def kept(act: Act) -> Act:
        ACTS.append((act, weight))
        return act

    return kept


def _known(rng: Random, person: Person) -> Viewer:
    """The viewer as a server knows it: now and then on a plan that is no longer the viewer's."""
    if person.outdated and rng.random() < 0.3:
        return rng.choice(person.outdated)
    return person.viewer


async def open_pages(world: World, rng: Random, person: Person) -> None:
    """One to three pages in one request, and what a redirect asks for."""
    viewer = _known(rng, person)
    requests = [
        world.request(rng, viewer, code(rng.randrange(5))) for _ in range(rng.choice((1, 1, 2, 3)))
    ]
    answers = await world.ask(rng, requests)
    if answers and Redirect.STALE_ASSIGNMENT in answers:
        again = [each.model_copy(update={"viewer": person.viewer}) for each in requests]
        await world.ask(rng, again)
    if answers and Redirect.NETWORK_EXPIRED in answers:
        guest = world.mint(rng, rng.choice(world.places))
        await world.ask(rng, [world.request(rng, guest.viewer, requests[0].code)])


@_act(8)
async def reads(world: World, rng: Random) -> None:
    await open_pages(world, rng, rng.choice(world.people))


@_act(4)
async def asks_the_same_again(world: World, rng: Random) -> None:
    """A reload, a second tab or a client's own retry: the same request, also while it is under
    way and long after."""
    if world.asked:
        await world.ask(rng, [rng.choice(world.asked[-12:])], tries=1)


@_act(1)
async def asks_an_old_request_again(world: World, rng: Random) -> None:
    if world.asked:
        await world.ask(rng, [rng.choice(world.asked)], tries=1)


@_act(2)
async def changes_plan(world: World, rng: Random) -> None:
    person = rng.choice(world.people)
    if person.viewer.kind is not ViewerKind.GUEST:
        person.change_plan(rng.choice(MEMBER_PLANS))
        assignment = person.viewer.assignment
        world.trace("site", person.viewer.id, "is on", assignment.plan_key, assignment.number)


@_act(3)
async def clears_cookies(world: World, rng: Random) -> None:
    """A guest of a known network comes as a new one."""
    await open_pages(world, rng, world.mint(rng, rng.choice(world.places)))


@_act(2)
async def crowds(world: World, rng: Random) -> None:
    """One reader opens many pages at once, each by itself."""
    person = rng.choice(world.people)
    for _ in range(rng.randint(3, 6)):
        world.spawn(open_pages(world, Random(rng.getrandbits(64)), person))


@_act(1)
async def looks_at_the_allowance(world: World, rng: Random) -> None:
    person = rng.choice(world.people)
    server = rng.choice(world.servers)
    viewer = person.viewer
    allowance = await server.run(server.meter.allowance(viewer))
    if allowance is not None:
        world.trace(server.host.name, viewer.id, "has used", allowance.used, "of", allowance.limit)
