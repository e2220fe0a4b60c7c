"""PostgreSQL deciding while the store is away, beyond what the contract of every meter says."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import asyncpg
import pytest

from db.fallback import (
    Importing,
    fallback_totals,
    forget_fallback,
    importing,
    open_episode,
    standing_episode,
)
from db.pool import Database, open_database
from metering.fallback import EpisodeClosed, PostgresMeter
from metering.networks import network_digest
from schema.acts import BlockViewer
from schema.errors import StoreUnavailable
from schema.usage import Allowance, Decision, Outcome, Redirect, ViewRequest
from tests.metering.ledgers import (
    SHARD,
    Plans,
    PostgresLedger,
    StubArchive,
    code,
    decide,
    guest,
    member,
    ms,
    on_plan,
    outcomes,
    plan,
    token,
    view_of,
)

MANY = 1000
POOLS = 4
NOON = ms("2040-05-06T12:00")


def archived(viewer_id: str, number: int, seq: int, **fields: str) -> tuple[str, dict[str, str]]:
    """A page that a member of the plan `guest` had unlocked before the store went away."""
    entry = {
        "type": "view",
        "epoch": "1",
        "viewer": viewer_id,
        "kind": "R",
        "plan": "guest.1",
        "assignment": "0",
        "window": "L.0",
        "code": str(code(number)),
        "outcome": "U",
        "used": "1",
        "limit": "1",
        "network": "",
        "request": token()[:12],
        "context": "b",
    }
    return f"{1_700_000_000_000 + seq}-{seq}", entry | fields


@pytest.fixture
async def meters(
    database_url: str, plans: Plans, episode: int
) -> AsyncIterator[list[PostgresMeter]]:
    """One meter on each of several pools, as several processes have them."""
    plans.add(plan("six", 6))
    async with AsyncExitStack() as stack:
        databases = [
            await stack.enter_async_context(
                # Everybody waits here for longer than a reader would.
                open_database(
                    database_url,
                    size=8,
                    statement_timeout_seconds=60,
                    acquire_timeout_seconds=120,
                )
            )
            for _ in range(POOLS)
        ]
        yield [PostgresMeter(each, plans.plan_of, StubArchive(), episode) for each in databases]


async def at_once(
    meters: Sequence[PostgresMeter], requests: Sequence[ViewRequest]
) -> list[Decision | Redirect]:
    """The answers to requests that are all asked at once, each of the next meter."""
    asked = (meters[at % POOLS].view([request]) for at, request in enumerate(requests))
    return [answer for [answer] in await asyncio.gather(*asked)]


def counted(answers: Sequence[Decision | Redirect]) -> Counter[str]:
    return Counter(str(a.outcome) for a in answers if isinstance(a, Decision))


async def views_kept(database: Database) -> int:
    [row] = await database.fetch("SELECT count(1) AS views FROM fallback_view")
    return int(row["views"])


async def test_a_thousand_codes_at_once_at_limit_six_unlock_exactly_six(
    meters: list[PostgresMeter], database: Database
) -> None:
    viewer = member("six")

    answers = await at_once(meters, [view_of(viewer, number) for number in range(MANY)])

    assert counted(answers) == {"UNLOCKED": 6, "LIMIT_REACHED": MANY - 6}
    used = [a.allowance.used for a in answers if isinstance(a, Decision) and a.is_charged]
    assert sorted(used) == [1, 2, 3, 4, 5, 6]
    assert await views_kept(database) == MANY


async def test_one_code_at_once_is_charged_once(meters: list[PostgresMeter]) -> None:
    viewer = guest(token())

    answers = await at_once(meters, [view_of(viewer, 1) for _ in range(200)])

    assert counted(answers) == {"UNLOCKED": 1, "REPEATED": 199}


async def test_the_same_request_at_once_is_one_view_and_one_answer(
    meters: list[PostgresMeter], database: Database
) -> None:
    request = view_of(guest(token()))

    answers = await at_once(meters, [request] * 200)

    decisions = [answer for answer in answers if isinstance(answer, Decision)]
    assert Counter(decision.is_replayed for decision in decisions) == {False: 1, True: 199}
    assert len({d.model_copy(update={"is_replayed": False}) for d in decisions}) == 1
    assert await views_kept(database) == 1


async def test_two_hundred_guests_of_one_network_get_exactly_its_fifty_places(
    meters: list[PostgresMeter],
) -> None:
    network = token()

    answers = await at_once(meters, [view_of(guest(network), n) for n in range(200)])

    assert counted(answers) == {"UNLOCKED": 50, "NETWORK_LIMIT_REACHED": 150}


async def test_addresses_of_one_household_share_a_budget_whatever_their_form(
    postgres_ledger: PostgresLedger,
) -> None:
    key = b"k" * 32
    household = ["2001:db8::1", "2001:db8::ffff", "2001:db8:0:0:8000::"]
    mapped = ["192.0.2.7", "::ffff:192.0.2.7"]

    for addresses in (household, mapped):
        networks = [network_digest(key, address) for address in addresses]
        guests = [guest(networks[n % len(networks)]) for n in range(51)]
        got = await outcomes(postgres_ledger, *(view_of(viewer, 1) for viewer in guests))
        assert got == ["UNLOCKED"] * 50 + ["NETWORK_LIMIT_REACHED"]

    other = network_digest(key, "2001:db8:0:1::1")
    assert await outcomes(postgres_ledger, view_of(guest(other), 1)) == ["UNLOCKED"]


async def test_what_the_archive_says_of_a_viewer_is_where_the_episode_begins(
    database: Database, plans: Plans, episode: int
) -> None:
    viewer = member("guest")
    archive = StubArchive(events={viewer.id: [archived(viewer.id, 1, 8)]})
    ledger = PostgresLedger(database, plans, episode, archive=archive)

    left = await ledger.meter.allowance(viewer)
    got = await outcomes(ledger, view_of(viewer, 1), view_of(viewer, 2))

    assert left == Allowance(limit=1, used=1, resets_at=None)
    assert got == ["REPEATED", "LIMIT_REACHED"]


async def test_a_fence_in_the_archive_stands(
    database: Database, plans: Plans, episode: int
) -> None:
    viewer = member("guest")
    archive = StubArchive(events={viewer.id: [archived(viewer.id, 1, 8, assignment="3")]})
    ledger = PostgresLedger(database, plans, episode, archive=archive)

    got = await outcomes(ledger, view_of(on_plan(viewer, "guest", 2), 2))

    assert got == [Redirect.STALE_ASSIGNMENT]
    assert await ledger.log() == []


async def test_the_archive_is_asked_once_and_what_was_decided_since_is_added(
    database: Database, plans: Plans, episode: int
) -> None:
    viewer, archive = member("registered"), StubArchive()
    ledger = PostgresLedger(database, plans, episode, archive=archive)
    await decide(ledger, view_of(viewer, 1))
    # What is archived once the store is back was decided here: it must not count twice.
    archive.events[viewer.id] = [archived(viewer.id, 1, 8)]

    decision = await decide(ledger, view_of(viewer, 2))

    assert decision.allowance.used == 2


async def test_guests_that_the_archive_has_seen_admitted_take_places_of_the_budget(
    database: Database, plans: Plans, episode: int
) -> None:
    network = token()
    archive = StubArchive(admissions={network[:12]: 49})
    ledger = PostgresLedger(database, plans, episode, archive=archive)

    got = await outcomes(ledger, *(view_of(guest(network), 1) for _ in range(2)))

    assert got == ["UNLOCKED", "NETWORK_LIMIT_REACHED"]
    assert [e.admission.admitted for e in await ledger.log() if e.admission] == [50, 50]


async def test_the_clock_is_never_behind_what_the_ledgers_was_known_to_be(
    postgres_ledger: PostgresLedger,
) -> None:
    await postgres_ledger.set_clock(NOON)

    assert await postgres_ledger.meter.now_ms() == NOON
    decision = await decide(postgres_ledger, view_of(guest()))
    await postgres_ledger.step_back()

    assert decision.event_id is not None
    assert decision.event_id.startswith(f"7:i:{NOON}-")
    assert await postgres_ledger.meter.now_ms() == NOON


async def test_an_episode_is_joined_by_whoever_misses_the_store_after_the_first(
    database: Database,
) -> None:
    first = await open_episode(database, "one", "away", unseen=3, floor_ms=5)
    joined = await open_episode(database, "other", "gone", unseen=7, floor_ms=9)
    again = await open_episode(database, "third", "gone", unseen=1, floor_ms=9)

    assert first == joined == again == await standing_episode(database)
    [row] = await database.fetch("SELECT opened_by, reason, unseen, floor_ms FROM fallback_episode")
    assert tuple(row) == ("one", "away", 7, 5)


async def test_fifty_that_miss_the_store_at_once_open_one_episode(database: Database) -> None:
    opened = await asyncio.gather(
        *(open_episode(database, f"{n}", "away", unseen=n, floor_ms=0) for n in range(50))
    )

    assert len(set(opened)) == 1
    assert (await fallback_totals(database)).episodes == 1
    assert (await fallback_totals(database)).unseen == 49


async def test_a_closed_episode_decides_nothing(
    database: Database, postgres_ledger: PostgresLedger, episode: int
) -> None:
    viewer = member()
    await decide(postgres_ledger, view_of(viewer, 1))
    await closed(database, episode)

    for asked in (view_of(viewer, 2), view_of(member(), 1)):
        with pytest.raises(EpisodeClosed):
            await postgres_ledger.meter.view([asked])
    with pytest.raises(EpisodeClosed):
        await postgres_ledger.meter.allowance(viewer)
    with pytest.raises(EpisodeClosed):
        await postgres_ledger.meter.now_ms()

    assert await views_kept(database) == 1


async def closed(database: Database, episode: int) -> None:
    """Close an episode without importing anything."""
    async with importing(database, episode) as turn:
        assert isinstance(turn, Importing)
        assert await turn.stop_deciding(1000)
        await turn.close()


async def test_closing_waits_for_no_decision_longer_than_told_and_lets_decisions_go_on(
    database: Database, postgres_ledger: PostgresLedger, episode: int
) -> None:
    viewer = member()
    await decide(postgres_ledger, view_of(viewer, 1))

    async with database.connection() as other, other.transaction():
        # As a server does that was stopped in the middle of a decision.
        await other.execute("SELECT pg_advisory_xact_lock_shared($1, $2)", 0x66616C6C, episode)
        async with importing(database, episode) as turn:
            assert isinstance(turn, Importing)
            assert not await turn.stop_deciding(50)
        answer = await decide(postgres_ledger, view_of(viewer, 2))

    assert answer.outcome is Outcome.UNLOCKED
    assert await standing_episode(database) == episode


async def test_only_one_at_a_time_imports(database: Database, episode: int) -> None:
    async with importing(database, episode) as ours, importing(database, episode) as theirs:
        assert isinstance(ours, Importing)
        assert theirs is None


async def test_rows_of_closed_episodes_are_forgotten_in_time_and_their_figures_stay(
    database: Database, postgres_ledger: PostgresLedger, plans: Plans, episode: int
) -> None:
    await decide(postgres_ledger, view_of(guest(token())))
    await closed(database, episode)
    following = await open_episode(database, "a test", "again", unseen=0, floor_ms=0)
    assert following is not None
    other = PostgresLedger(database, plans, following)
    await decide(other, view_of(guest(token())))

    await forget_fallback(database, 3600)
    assert await rows_kept(database) == [2, 2, 2]
    await forget_fallback(database, 0)

    assert await rows_kept(database) == [1, 1, 1]
    totals = await fallback_totals(database)
    assert (totals.episodes, totals.open, totals.decided) == (2, 1, 1)


async def rows_kept(database: Database) -> list[int]:
    [row] = await database.fetch(
        "SELECT (SELECT count(1) FROM fallback_view) AS views, "
        "(SELECT count(1) FROM fallback_viewer) AS viewers, "
        "(SELECT count(1) FROM fallback_network) AS networks"
    )
    return list(row)


async def test_nothing_kept_holds_an_address(
    database: Database, postgres_ledger: PostgresLedger
) -> None:
    network = network_digest(b"k" * 32, "192.0.2.7")
    await decide(postgres_ledger, view_of(guest(network)))

    [row] = await database.fetch("SELECT entry::text FROM fallback_view")
    assert json.loads(row["entry"])["network"] == f"{network[:12]}/1/50"
    assert "192.0.2.7" not in row["entry"]


async def test_a_request_id_that_the_ledger_would_refuse_is_refused_here(
    database: Database, postgres_ledger: PostgresLedger
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await postgres_ledger.meter.view([view_of(guest(), request_id="too-short")])

    assert await views_kept(database) == 0


async def test_acts_wait_for_the_ledger(
    database: Database, postgres_ledger: PostgresLedger
) -> None:
    act = BlockViewer(
        viewer_id=member().id, shard=SHARD, request_id=token(), actor="system", reason="A test."
    )

    with pytest.raises(StoreUnavailable, match="valkey"):
        await postgres_ledger.meter.perform(act)

    assert await views_kept(database) == 0


async def test_an_absent_database_is_unavailable(plans: Plans) -> None:
    url = "postgresql://nobody@localhost/none?host=/nowhere"
    async with open_database(url) as absent:
        meter = PostgresMeter(absent, plans.plan_of, StubArchive(), 1)
        for ask in (meter.view([view_of(guest())]), meter.allowance(guest()), meter.now_ms()):
            with pytest.raises(StoreUnavailable, match="postgres"):
                await ask
