"""What readers and operators do in the simulator. A new operation is one more function here."""

from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from schema.acts import (
    ActOutcome,
    AdoptGuest,
    BlockViewer,
    EraseViewer,
    GrantViews,
    ResetNetwork,
    ResetViewer,
    SealGuest,
    SetPlan,
    UnblockViewer,
    VoidGrant,
    VoidUnlock,
)
from schema.instants import instant
from schema.people import Viewer, ViewerKind
from schema.usage import Redirect
from tests.sim.people import GUEST_LIMIT, MEMBER_PLANS, Person, code, new_member, token
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


def _staff(rng: Random, person: Person) -> dict[str, Any]:
    """What every act of the site's staff says."""
    viewer = person.viewer
    request_id = token(rng)
    named = {"viewer_id": viewer.id, "shard": viewer.shard, "request_id": request_id}
    return {**named, "actor": "system", "reason": "simulated"}


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


@_act(3)
async def changes_plan(world: World, rng: Random) -> None:
    person = rng.choice(world.people)
    if person.viewer.kind is not ViewerKind.GUEST:
        person.change_plan(rng.choice(MEMBER_PLANS))
        assignment = person.viewer.assignment
        world.trace("site", person.viewer.id, "is on", assignment.plan_key, assignment.number)
        if rng.random() < 0.5:
            await world.perform(
                rng,
                SetPlan(
                    **_staff(rng, person),
                    viewer_kind=person.viewer.kind,
                    assignment=assignment,
                ),
            )
        if rng.random() < 0.7:
            await open_pages(world, rng, person)


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


@_act(1.5)
async def floods(world: World, rng: Random) -> None:
    """One reader asks for far more than there is, and for the same again and again."""
    person = rng.choice(world.people)
    for _ in range(rng.randint(1, 5)):
        viewer = _known(rng, person)
        pages = [code(rng.randrange(3)) for _ in range(6)]
        await world.ask(rng, [world.request(rng, viewer, page) for page in pages])
        if rng.random() < 0.2:
            # What was counted for a minute is recorded.
            world.clock.step(61_000)


@_act(0.5)
async def the_worker_settles(world: World, rng: Random) -> None:
    if world.network.is_up:
        world.trace("worker", "records what was counted")
        world.settle_floods(rng.choice((0, 60_000)))


@_act(1.5)
async def grants(world: World, rng: Random) -> None:
    person = rng.choice(world.people)
    hours = rng.choice((None, None, 1, 30))
    ends = None if hours is None else instant(world.clock.now_ms + hours * 3_600_000)
    granted = GrantViews(**_staff(rng, person), units=rng.randint(1, 2), expires_at=ends)
    result = await world.perform(rng, granted)
    if result is not None and result.event_id is not None and rng.random() < 0.5:
        seq = int(result.event_id.rsplit("-", 1)[1])
        for _ in range(rng.choice((1, 1, 2))):
            await world.perform(rng, VoidGrant(**_staff(rng, person), grant_seq=seq))


@_act(1.5)
async def gives_a_view_back(world: World, rng: Random) -> None:
    person = rng.choice(world.people)
    page = code(rng.randrange(5))
    await world.perform(rng, VoidUnlock(**_staff(rng, person), code=page, cause="complaint"))


@_act(1)
async def blocks(world: World, rng: Random) -> None:
    person = rng.choice(world.people)
    await world.perform(rng, BlockViewer(**_staff(rng, person)))
    await open_pages(world, rng, person)
    if rng.random() < 0.7:
        await world.perform(rng, UnblockViewer(**_staff(rng, person)))


@_act(1)
async def resets(world: World, rng: Random) -> None:
    person = rng.choice(world.people)
    await world.perform(rng, ResetViewer(**_staff(rng, person)))


@_act(0.7)
async def resets_a_network(world: World, rng: Random) -> None:
    """At most once a network: the promise then is two budgets."""
    networks = [person.viewer.network for person in world.people if person.viewer.network]
    if networks:
        network = rng.choice(networks).digest
        [shard] = {p.shard for p in world.places if network.startswith(p.name)}
        named = {"actor": "system", "reason": "simulated", "request_id": token(rng)}
        await world.perform(rng, ResetNetwork(network=network[:12], shard=shard, **named))


@_act(0.5)
async def erases(world: World, rng: Random) -> None:
    person = rng.choice(world.people)
    await world.perform(rng, EraseViewer(**_staff(rng, person)))


@_act(1)
async def does_the_same_again(world: World, rng: Random) -> None:
    if world.begun:
        await world.perform(rng, rng.choice(world.begun[-6:]), tries=1)


@_act(3)
async def registers(world: World, rng: Random) -> None:
    """A guest becomes an account, its own or one that is there; what is cut off in the middle is
    finished at the next login."""
    guests = [person for person in world.people if person.viewer.kind is ViewerKind.GUEST]
    if not guests:
        return
    guest = rng.choice(guests)
    if guest.account is None:
        members = [each for each in world.people if each.viewer.kind is not ViewerKind.GUEST]
        shard = rng.choice(members).viewer.shard
        is_new = rng.random() < 0.5
        guest.account = new_member(rng, shard) if is_new else rng.choice(members)
        if is_new:
            world.people.append(guest.account)
    await carry_over(world, rng, guest, guest.account)


async def carry_over(world: World, rng: Random, guest: Person, account: Person) -> bool:
    """Both halves, each tried a few times; False when one of them got no answer."""
    named = {"viewer_id": guest.viewer.id, "shard": guest.viewer.shard, "request_id": token(rng)}
    seal = SealGuest(**named, account_id=account.viewer.id, codes_max=GUEST_LIMIT)
    sealed = await world.perform(rng, seal)
    if sealed is None:
        return False
    request_id = token(rng)
    for viewer in (_known(rng, account), account.viewer):
        adopt = AdoptGuest(
            viewer=viewer, guest_id=guest.viewer.id, codes=sealed.codes, request_id=request_id
        )
        adopted = await world.perform(rng, adopt)
        if adopted is None or adopted.outcome is not ActOutcome.STALE_ASSIGNMENT:
            return adopted is not None
    return False
