"""The meter that readers ask, while its store hangs, dies, comes back and is slow to be trusted."""

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from db.fallback import Importing, Totals, fallback_totals, standing_episode
from db.pool import Database, open_database
from metering import imports
from metering.archive import Archive
from metering.archived import ArchiveReads, UsageArchive
from metering.guarded import GuardedMeter, OnLoss, Turn
from metering.meter import open_ledger
from metering.shards import keys_of
from metering.store import Store
from metering.trust import OnUnsafe
from metering.verify import verify_live
from schema.acts import BlockViewer
from schema.errors import StoreUnavailable, UnsafeStore
from schema.people import Viewer
from schema.usage import Decision, Outcome, ViewRequest
from tests.faults.valkey import valkey_in
from tests.metering.ledgers import (
    SHARD,
    Plans,
    StubArchive,
    guest,
    member,
    ms,
    token,
    view_of,
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="ledger-") as path:
        yield Path(path)


@dataclass
class Server:
    """What one server process has of the meter."""

    meter: GuardedMeter
    plans: Plans
    turns: list[Turn] = field(default_factory=list)
    doubts: list[tuple[str, ...]] = field(default_factory=list)
    """What was told to be wrong with a store that came back, each time that it was."""

    @property
    def store(self) -> Store:
        return self.meter.ledger.store


NewServer = Callable[..., Awaitable[Server]]


@pytest.fixture
async def new_server(folder: Path, database_url: str, plans: Plans) -> AsyncIterator[NewServer]:
    """Makes servers that share the store in `folder`, as configured for real."""
    async with AsyncExitStack() as stack:

        async def server(
            on_loss: OnLoss = "fallback",
            archive: ArchiveReads | None = None,
            on_unsafe: OnUnsafe = "refuse",
        ) -> Server:
            database = await stack.enter_async_context(open_database(database_url))
            ledger = await stack.enter_async_context(
                open_ledger(f"unix://{folder}/s", plans.plan_of)
            )
            turns: list[Turn] = []
            doubts: list[tuple[str, ...]] = []
            meter = GuardedMeter(
                ledger,
                database,
                plans.plan_of,
                archive or StubArchive(),
                on_loss=on_loss,
                on_unsafe=on_unsafe,
                on_turn=turns.append,
                on_doubt=lambda problems: doubts.append(tuple(problems)),
                steady_seconds=0.0,
            )
            return Server(meter, plans, turns, doubts)

        yield server


@pytest.fixture
async def server(new_server: NewServer) -> Server:
    return await new_server()


@asynccontextmanager
async def hanging(valkey: subprocess.Popen[bytes]) -> AsyncIterator[None]:
    """The store answers nothing meanwhile."""
    os.kill(valkey.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(valkey.pid, signal.SIGCONT)


async def decided(server: Server, request: ViewRequest) -> Decision:
    [answer] = await server.meter.view([request])
    assert isinstance(answer, Decision), answer
    return answer


async def outcomes(server: Server, *requests: ViewRequest) -> list[str]:
    return [str((await decided(server, request)).outcome) for request in requests]


async def brought_back(server: Server) -> None:
    """Waits until the ledger decides again."""
    async with asyncio.timeout(20):
        while server.meter.episode is not None:
            await server.meter.look()
            await asyncio.sleep(0.02)


async def test_a_store_that_is_late_but_answers_is_asked_again_and_decides(
    folder: Path, server: Server
) -> None:
    viewer = member()
    async with valkey_in(folder) as valkey:
        await decided(server, view_of(viewer, 1))
        async with hanging(valkey):
            late = asyncio.create_task(decided(server, view_of(viewer, 2)))
            await asyncio.sleep(0.4)
        answer = await late
        entries = await (await server.store.of(SHARD)).xlen(keys_of(SHARD).log)

    assert (answer.outcome, answer.allowance.used) == (Outcome.UNLOCKED, 2)
    assert (server.meter.figures.losses, server.turns, entries) == (0, [], 2)


async def log_of(server: Server) -> list[dict[str, str]]:
    """The fields of every event."""
    client = await server.store.of(SHARD)
    return [fields for _, fields in await client.xrange(keys_of(SHARD).log)]


async def proved(server: Server) -> None:
    """That every balance, decision and receipt is what the log says."""
    report = await verify_live(server.store, server.plans.plan_of)
    assert report.problems == ()


async def totals(database: Database) -> Totals:
    return await fallback_totals(database)


async def test_pages_go_on_with_exact_limits_while_the_store_is_dead_and_are_imported(
    folder: Path, server: Server, database: Database
) -> None:
    viewer = member()
    async with valkey_in(folder):
        before = await decided(server, view_of(guest(shard=0), 1))
        assert server.meter.episode is None
    got = await outcomes(server, *(view_of(viewer, number) for number in (1, 2, 3, 4, 5, 6, 1)))
    left = await server.meter.allowance(viewer)
    async with valkey_in(folder):
        await brought_back(server)
        after = await outcomes(server, view_of(viewer, 1), view_of(viewer, 7))
        log = await log_of(server)
        await proved(server)

    assert before.outcome is Outcome.UNLOCKED
    assert got == ["UNLOCKED"] * 5 + ["LIMIT_REACHED", "REPEATED"]
    assert left.remaining == 0
    assert after == ["REPEATED", "LIMIT_REACHED"]
    assert [event["type"] for event in log] == ["import"] * 7 + ["view"] * 2
    assert [event["outcome"] for event in log] == [*"UUUUULRRL"]
    assert [(turn.episode, turn.is_open) for turn in server.turns] == [(1, True), (1, False)]
    told = await totals(database)
    assert (told.episodes, told.open, told.decided, told.imported) == (1, 0, 7, 7)
    # The guest of before was not archived: that much could have been granted too many.
    assert (told.over_granted, told.over_admitted, told.unseen) == (0, 0, 1)
    assert (server.meter.figures.losses, server.meter.figures.decided) == (1, 7)


async def test_a_hanging_store_holds_up_the_first_reader_alone(
    folder: Path, server: Server
) -> None:
    clock = asyncio.get_running_loop().time
    async with valkey_in(folder) as valkey:
        await decided(server, view_of(guest()))
        async with hanging(valkey):
            began = clock()
            first = await decided(server, view_of(guest()))
            first_seconds = clock() - began
            began = clock()
            others = [await decided(server, view_of(guest())) for _ in range(10)]
            others_seconds = clock() - began

    assert {answer.outcome for answer in (first, *others)} == {Outcome.UNLOCKED}
    assert first_seconds < 1.0
    assert others_seconds < 0.5


async def test_a_request_whose_reply_was_lost_is_charged_once_whoever_decided_first(
    folder: Path, server: Server, database: Database
) -> None:
    viewer = member()
    request = view_of(viewer, 1)
    async with valkey_in(folder) as valkey:
        await decided(server, view_of(member(), 1))
        async with hanging(valkey):
            told = await decided(server, request)
        # The call that was given up lies in the store's socket, and is done when it wakes.
        await brought_back(server)
        again = await decided(server, view_of(viewer, 1))
        await proved(server)

    assert told.outcome is Outcome.UNLOCKED
    assert (again.outcome, again.allowance.used) == (Outcome.REPEATED, 1)
    assert (await totals(database)).over_granted == 0


async def test_a_retry_after_the_episode_gets_the_answer_that_was_given_in_it(
    folder: Path, server: Server
) -> None:
    request = view_of(guest(token()), 1)
    async with valkey_in(folder):
        pass
    first = await decided(server, request)
    again = await decided(server, request)
    async with valkey_in(folder):
        await brought_back(server)
        after = await decided(server, request)
        log = await log_of(server)

    assert again == after == first.model_copy(update={"is_replayed": True})
    assert [event["type"] for event in log] == ["import"]


async def test_what_was_not_archived_is_granted_again_and_counted_exactly(
    folder: Path, server: Server, database: Database
) -> None:
    spent, open_code, fresh = guest(), guest(), guest()
    async with valkey_in(folder):
        await outcomes(server, view_of(spent, 1), view_of(open_code, 1))
    got = await outcomes(
        server, view_of(spent, 2), view_of(open_code, 1), view_of(fresh, 1), view_of(fresh, 2)
    )
    async with valkey_in(folder):
        await brought_back(server)
        await proved(server)
        left = await server.meter.allowance(spent)

    assert got == ["UNLOCKED", "UNLOCKED", "UNLOCKED", "LIMIT_REACHED"]
    told = await totals(database)
    assert (told.over_granted, told.unseen, told.imported) == (1, 2, 4)
    assert (left.used, left.limit) == (2, 1)


async def test_nothing_is_granted_too_many_when_everything_was_archived(
    folder: Path, new_server: NewServer, database: Database
) -> None:
    viewer, archive = guest(), StubArchive()
    server = await new_server(archive=archive)
    async with valkey_in(folder):
        await outcomes(server, view_of(viewer, 1))
        client = await server.store.of(SHARD)
        archive.events[viewer.id] = await client.xrange(keys_of(SHARD).log)
        archive.seqs[SHARD] = 1
    got = await outcomes(server, view_of(viewer, 2), view_of(viewer, 1))
    async with valkey_in(folder):
        await brought_back(server)
        await proved(server)

    assert got == ["LIMIT_REACHED", "REPEATED"]
    told = await totals(database)
    assert (told.over_granted, told.unseen, told.imported) == (0, 0, 2)


async def test_the_archive_of_the_worker_is_what_the_fallback_knows(
    folder: Path, new_server: NewServer, database: Database
) -> None:
    """Through two episodes: what was imported after the first is archived before the second."""
    server = await new_server(archive=UsageArchive(database))
    worker = Archive(database, server.store.of, bytes(32))
    network = token()
    viewer, admitted = member(), [guest(network) for _ in range(49)]
    async with valkey_in(folder):
        await outcomes(server, view_of(viewer, 1), *(view_of(each, 1) for each in admitted))
        await archived(worker)
    first = await outcomes(server, *(view_of(viewer, number) for number in (1, 2, 3)))
    async with valkey_in(folder):
        await brought_back(server)
        await archived(worker)
    second = await outcomes(
        server,
        *(view_of(viewer, number) for number in (2, 4, 5, 6)),
        *(view_of(guest(network), 1) for _ in range(2)),
        view_of(admitted[0], 2),
    )
    async with valkey_in(folder):
        await brought_back(server)
        await archived(worker)
        await proved(server)

    assert first == ["REPEATED", "UNLOCKED", "UNLOCKED"]
    assert second == [
        *("REPEATED", "UNLOCKED", "UNLOCKED", "LIMIT_REACHED"),
        *("UNLOCKED", "NETWORK_LIMIT_REACHED", "LIMIT_REACHED"),
    ]
    told = await totals(database)
    assert (told.episodes, told.decided, told.imported) == (2, 10, 10)
    assert (told.unseen, told.over_granted, told.over_admitted) == (0, 0, 0)


async def archived(worker: Archive) -> None:
    """Archives shard 7 to its end."""
    done = await worker.archive_shard(SHARD)
    assert (done.is_behind, done.stopped) == (False, None)


async def test_a_server_that_has_not_missed_the_store_follows_the_others(
    folder: Path, new_server: NewServer
) -> None:
    one, other = await new_server(), await new_server()
    viewer = member()
    async with valkey_in(folder) as valkey:
        await outcomes(one, view_of(guest(shard=0)))
        await outcomes(other, view_of(guest(shard=0)))
        async with hanging(valkey):
            await decided(one, view_of(viewer, 1))
            await other.meter.look()
            assert other.meter.episode == one.meter.episode == 1
            assert await outcomes(other, view_of(viewer, 1)) == ["REPEATED"]
        await brought_back(other)
        assert one.meter.episode == 1
        got = await outcomes(one, view_of(viewer, 1))
        await proved(one)

    assert got == ["REPEATED"]
    assert one.meter.episode is None
    assert [turn.is_open for turn in one.turns] == [True, False]
    assert other.meter.figures.losses == 0


@dataclass
class Clock:
    """A clock that stands where a test puts it."""

    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


async def test_a_store_is_trusted_again_only_when_it_has_answered_for_a_while(
    folder: Path, database: Database, plans: Plans
) -> None:
    clock = Clock()
    async with open_ledger(f"unix://{folder}/s", plans.plan_of) as ledger:
        meter = GuardedMeter(
            ledger, database, plans.plan_of, StubArchive(), steady_seconds=3.0, clock=clock
        )
        await meter.view([view_of(guest())])
        async with valkey_in(folder):
            for clock.seconds in (101.0, 103.9):
                await meter.look()
                assert meter.episode == 1
        clock.seconds = 104.0
        await meter.look()
        async with valkey_in(folder):
            # It went away in between: the while begins anew.
            for clock.seconds in (104.5, 107.4):
                await meter.look()
                assert meter.episode == 1
            clock.seconds = 107.5
            await meter.look()

    assert meter.episode is None
    assert await standing_episode(database) is None


EVERYSEC = (
    "The store runs with appendfsync everysec: a power cut loses acknowledged events. "
    "Set appendfsync to always."
)


async def test_a_store_that_came_back_unsafe_is_not_trusted_until_it_is_safe(
    folder: Path, server: Server, database: Database
) -> None:
    viewer = member()
    await outcomes(server, view_of(viewer, 1))
    async with valkey_in(folder, fsync="everysec"):
        for _ in range(3):
            await server.meter.look()
        unsafe = (
            server.meter.episode,
            server.meter.doubts,
            await outcomes(server, view_of(viewer, 2)),
        )
        client = await server.store.of(SHARD)
        untouched = await client.keys("*")
        await client.config_set("appendfsync", "always")
        await brought_back(server)
        log = await log_of(server)
        await proved(server)

    assert unsafe == (1, (EVERYSEC,), ["UNLOCKED"])
    assert untouched == []
    assert server.doubts == [(EVERYSEC,)]
    assert server.meter.doubts == ()
    assert [event["type"] for event in log] == ["import", "import"]
    assert (await totals(database)).imported == 2


async def test_a_store_that_goes_away_unsafe_is_doubted_no_more_until_it_is_seen_again(
    folder: Path, server: Server
) -> None:
    await outcomes(server, view_of(member(), 1))
    async with valkey_in(folder, fsync="everysec"):
        await server.meter.look()
    await server.meter.look()

    assert (server.meter.episode, server.meter.doubts) == (1, ())


async def test_with_warn_a_store_that_came_back_unsafe_decides_and_is_told(
    folder: Path, new_server: NewServer
) -> None:
    server = await new_server(on_unsafe="warn")
    await outcomes(server, view_of(member(), 1))
    async with valkey_in(folder, fsync="everysec"):
        await brought_back(server)
        log = await log_of(server)

    assert server.doubts == [(EVERYSEC,)]
    assert server.meter.doubts == ()
    assert [event["type"] for event in log] == ["import"]


async def test_a_server_that_begins_without_the_store_has_postgresql_decide_until_it_is_back(
    folder: Path, server: Server, database: Database
) -> None:
    viewer = member()
    begun = await server.meter.begin()
    got = await outcomes(server, *(view_of(viewer, number) for number in range(6)))
    async with valkey_in(folder):
        await brought_back(server)
        after = await outcomes(server, view_of(viewer, 0), view_of(viewer, 6))
        await proved(server)

    assert begun == []
    assert got == ["UNLOCKED"] * 5 + ["LIMIT_REACHED"]
    assert after == ["REPEATED", "LIMIT_REACHED"]
    assert [(turn.episode, turn.is_open) for turn in server.turns] == [(1, True), (1, False)]
    assert (await totals(database)).imported == 6


async def test_the_clock_of_an_episode_is_not_behind_what_the_archive_has_seen(
    server: Server, database: Database
) -> None:
    """Who has just begun knows of no event, and PostgreSQL's clock may be behind the ledger's."""
    late_ms = ms("2100-01-01")
    await database.fetch("UPDATE usage_cursor SET recorded_ms = $1 WHERE shard = 3", late_ms)

    await server.meter.begin()

    assert await server.meter.now_ms() == late_ms


async def test_a_server_that_may_not_decide_elsewhere_does_not_begin_without_the_store(
    new_server: NewServer, database: Database
) -> None:
    server = await new_server("refuse")

    with pytest.raises(StoreUnavailable, match="valkey is unavailable: ConnectionError"):
        await server.meter.begin()

    assert await standing_episode(database) is None


async def test_a_store_that_does_not_let_us_in_is_no_absent_one_at_the_beginning(
    folder: Path, server: Server, database: Database
) -> None:
    async with valkey_in(folder, password="of-others"):
        with pytest.raises(StoreUnavailable, match="Authentication required"):
            await server.meter.begin()

    assert await standing_episode(database) is None


async def test_a_store_that_is_late_at_the_beginning_is_asked_again(
    folder: Path, server: Server, database: Database
) -> None:
    async with valkey_in(folder) as valkey:
        async with hanging(valkey):
            beginning = asyncio.create_task(server.meter.begin())
            await asyncio.sleep(0.4)
        begun = await beginning

    assert begun == []
    assert (server.turns, await standing_episode(database)) == ([], None)


async def test_an_unsafe_store_keeps_a_server_from_beginning_unless_told_to_warn(
    folder: Path, new_server: NewServer
) -> None:
    strict, lenient = await new_server(), await new_server(on_unsafe="warn")
    async with valkey_in(folder, fsync="everysec"):
        with pytest.raises(UnsafeStore):
            await strict.meter.begin()

        assert await lenient.meter.begin() == [EVERYSEC]


async def test_with_refuse_no_page_is_opened_and_nothing_is_decided_elsewhere(
    folder: Path, new_server: NewServer, database: Database
) -> None:
    server = await new_server("refuse")
    async with valkey_in(folder):
        await outcomes(server, view_of(guest()))

    for ask in (server.meter.view([view_of(guest())]), server.meter.allowance(guest())):
        with pytest.raises(StoreUnavailable, match="valkey"):
            await ask

    assert await totals(database) == Totals(0, 0, 0, 0, 0, 0, 0)
    assert server.meter.figures.refused == 2


async def test_with_refuse_a_server_waits_for_what_others_decide(
    folder: Path, new_server: NewServer
) -> None:
    careful, other = await new_server("refuse"), await new_server()
    await outcomes(other, view_of(guest()))
    await careful.meter.look()
    async with valkey_in(folder):
        with pytest.raises(StoreUnavailable, match="others"):
            await careful.meter.view([view_of(guest())])
        await brought_back(careful)

        assert await outcomes(careful, view_of(guest())) == ["UNLOCKED"]
        assert [event["type"] for event in await log_of(careful)] == ["import", "view"]


async def test_without_either_store_everything_is_the_meters_absence(
    folder: Path, plans: Plans
) -> None:
    url = "postgresql://nobody@localhost/none?host=/nowhere"
    async with (
        open_database(url) as absent,
        open_ledger(f"unix://{folder}/s", plans.plan_of) as ledger,
    ):
        meter = GuardedMeter(ledger, absent, plans.plan_of, StubArchive())
        for ask in (meter.view([view_of(guest())]), meter.now_ms(), meter.ping()):
            with pytest.raises(StoreUnavailable) as refused:
                await ask
            assert (refused.value.store, refused.value.retry_after_seconds) == ("valkey", 2)

    assert meter.episode is None


async def test_acts_are_not_decided_without_the_ledger_and_are_done_afterwards(
    folder: Path, server: Server
) -> None:
    viewer = member()
    act = BlockViewer(
        viewer_id=viewer.id, shard=SHARD, request_id=token(), actor="system", reason="A test."
    )
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await server.meter.perform(act)
    async with valkey_in(folder):
        await brought_back(server)
        await server.meter.perform(act)

        assert await outcomes(server, view_of(viewer, 1)) == ["BLOCKED"]


async def test_an_import_cut_off_anywhere_is_finished_by_the_next_server(
    folder: Path,
    new_server: NewServer,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(imports, "BATCH", 3)
    monkeypatch.setattr(imports, "FEW", 2)
    viewers = [member() for _ in range(4)]
    first, second = await new_server(), await new_server()
    for number in range(3):
        await outcomes(first, *(view_of(viewer, number) for viewer in viewers))
    marked = Importing.mark
    turns = 0

    async def cut_off(turn: Importing, *arguments: object, **counts: int) -> None:
        nonlocal turns
        turns += 1
        if turns % 2:
            # In the ledger, and not known to be.
            raise StoreUnavailable("postgres", "cut off by the test")
        await marked(turn, *arguments, **counts)  # type: ignore[arg-type]

    monkeypatch.setattr(Importing, "mark", cut_off)
    async with valkey_in(folder):
        for server in [first, second] * 40:
            try:
                await server.meter.look()
            except StoreUnavailable:
                continue
            if await standing_episode(database) is None:
                break
        await proved(first)
        log = await log_of(first)

    assert await standing_episode(database) is None
    assert [event["type"] for event in log] == ["import"] * 12
    told = await totals(database)
    assert (told.decided, told.imported, told.over_granted) == (12, 12, 0)


@dataclass
class Reader:
    """Somebody who opens page after page, of more codes than may be opened."""

    viewer: Viewer = field(default_factory=member)
    first: int = 0
    """The lowest of the codes it reads now."""
    views: int = 0
    granted: set[int] = field(default_factory=set)
    """The codes whose pages were shown."""

    async def read(self, servers: list[Server], stop: asyncio.Event) -> None:
        while not stop.is_set():
            self.views += 1
            number = self.first + self.views % CODES
            answer = await decided(servers[self.views % 2], view_of(self.viewer, number))
            if answer.outcome in (Outcome.UNLOCKED, Outcome.REPEATED):
                self.granted.add(number)
            await asyncio.sleep(0.005)


CODES = 9


async def look_on(server: Server, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await server.meter.look()
        await asyncio.sleep(0.1)


async def until(wanted: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not wanted():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("rounds", [1, pytest.param(8, marks=pytest.mark.slow)])
@pytest.mark.parametrize("is_archived", [True, False], ids=["archived", "not archived"])
async def test_authority_goes_to_and_fro_under_load_and_every_page_too_many_is_counted(
    folder: Path, new_server: NewServer, database: Database, rounds: int, is_archived: bool
) -> None:
    archive, readers = StubArchive(), list[Reader]()
    servers = [await new_server(archive=archive) for _ in range(2)]
    stop, end = asyncio.Event(), asyncio.Event()
    async with valkey_in(folder) as valkey:
        looking = [asyncio.create_task(look_on(server, end)) for server in servers]
        for _ in range(rounds):
            reading = [Reader() for _ in range(8)]
            readers += reading
            tasks = [asyncio.create_task(reader.read(servers, stop)) for reader in reading]
            # Until everybody has spent all that there is to spend.
            await until(lambda now=reading: all(reader.views > CODES for reader in now))
            if is_archived:
                client = await servers[0].store.of(SHARD)
                for stream_id, fields in await client.xrange(keys_of(SHARD).log):
                    archive.events.setdefault(fields["viewer"], []).append((stream_id, fields))
            for reader in reading:
                reader.first = CODES
            async with hanging(valkey):
                await until(lambda: all(server.meter.episode for server in servers))
                views = [reader.views for reader in reading]
                await until(
                    lambda now=reading, then=views: all(
                        reader.views > before + CODES
                        for reader, before in zip(now, then, strict=True)
                    )
                )
            await until(lambda: not any(server.meter.episode for server in servers))
            stop.set()
            await asyncio.gather(*tasks)
            stop.clear()
        end.set()
        await asyncio.gather(*looking)
        await brought_back(servers[0])
        await brought_back(servers[1])
        await proved(servers[0])

    told = await totals(database)
    too_many = sum(len(reader.granted) - 5 for reader in readers)
    assert told.over_granted == too_many
    assert (too_many == 0) == is_archived
    assert (told.episodes >= rounds, told.open, told.imported > 0) == (True, 0, True)
