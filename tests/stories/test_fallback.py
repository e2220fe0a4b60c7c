"""Pages go on while the ledger's store is away, through a whole server over real stores."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis.asyncio

from db.embedded import running_stores
from db.embedded.data_folder import write_secret
from tests.faults.valkey import valkey_in

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="finds the stores' processes through /proc"
)
SECRET = "a secret of the tests, 32 characters and more"
CODES = ("I10", "J45", "E11", "A00", "B20")


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of every server of this file; the first start loads the catalogue."""
    folder = tmp_path_factory.mktemp("data") / "codestile"
    folder.mkdir(mode=0o700)
    # Where commands beside the server find it too.
    write_secret(folder / "guest.secret", SECRET)
    return folder


@pytest.fixture
async def server(start_private_server: Any, data_folder: Path) -> AsyncIterator[Any]:
    """A server with private stores, which archives beside its pages."""
    async with start_private_server(data_folder) as running:
        yield running


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="ledger-") as path:
        yield Path(path)


def valkey_of(server: Any) -> int:
    """The process id of the server's own Valkey."""
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    [found] = [
        int(child)
        for child in children
        if Path(f"/proc/{child}/comm").read_text().strip() == "valkey-server"
    ]
    return found


class Rows:
    """What PostgreSQL says, asked beside the server."""

    def __init__(self, url: str) -> None:
        self.url = url

    @classmethod
    def beside(cls, data_folder: Path) -> "Rows":
        """Those of the server that runs on a data folder."""
        urls = running_stores(data_folder)
        assert urls is not None
        return cls(urls.database_url)

    async def of(self, statement: str) -> Any:
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetchrow(statement)
        finally:
            await connection.close()

    async def is_episode_open(self) -> bool:
        row = await self.of("SELECT count(1) FROM fallback_episode WHERE closed_at IS NULL")
        return bool(row[0])

    async def archived(self) -> int:
        row = await self.of("SELECT count(1) FROM usage_event")
        return int(row[0])


async def until(wanted: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    """Waits until something is so; fails when it is not in time."""
    async with asyncio.timeout(seconds):
        while not await wanted():
            await asyncio.sleep(0.1)


async def test_pages_go_on_with_exact_limits_and_are_in_the_ledger_afterwards(
    server: Any, new_browser: Any, run: Any, data_folder: Path
) -> None:
    rows, clock = Rows.beside(data_folder), asyncio.get_running_loop().time
    known, new = new_browser(server), new_browser(server)
    before = await known.open("I10")

    async def is_archived() -> bool:
        return await rows.archived() > 0

    await until(is_archived)
    os.kill(valkey_of(server), signal.SIGSTOP)
    began = clock()
    repeated = await known.open("I10", key="asked-once")
    first_seconds = clock() - began
    refused = await known.open("J45")
    ready = await known.client.get("/readyz")
    opened = await new.open("J45")
    refused_too = await new.open("I10")
    os.kill(valkey_of(server), signal.SIGKILL)

    async def is_back() -> bool:
        return not await rows.is_episode_open()

    await until(is_back)
    told = await known.open("I10", key="asked-once")
    again, other = await new.open("J45"), await new.open("E11")
    episode = await rows.of(
        "SELECT decided, imported, over_granted, over_admitted, unseen FROM fallback_episode "
        "ORDER BY id DESC LIMIT 1"
    )

    assert before["view"]["wasCharged"] is True
    assert (repeated["__typename"], repeated["view"]["wasCharged"]) == ("CodePage", False)
    assert (refused["__typename"], refused["limitKind"]) == ("ViewLimitReached", "VIEWER")
    assert (opened["__typename"], opened["view"]["wasCharged"]) == ("CodePage", True)
    assert refused_too["__typename"] == "ViewLimitReached"
    assert ready.status_code == 200
    assert first_seconds < 2.0
    assert told == repeated
    assert (again["view"]["wasCharged"], other["__typename"]) == (False, "ViewLimitReached")
    assert tuple(episode) == (4, 4, 0, 0, 0)


async def test_the_ledger_is_proved_with_what_was_imported(
    server: Any, new_browser: Any, run: Any, data_folder: Path
) -> None:
    rows = Rows.beside(data_folder)
    os.kill(valkey_of(server), signal.SIGSTOP)
    opened = await new_browser(server).open("J45")
    os.kill(valkey_of(server), signal.SIGKILL)

    async def is_back() -> bool:
        return not await rows.is_episode_open()

    await until(is_back)
    code, output, errors = await run("ledger", "verify", "--data", str(data_folder))

    assert opened["view"]["wasCharged"] is True
    assert (code, errors) == (0, ""), output


async def test_with_both_stores_away_the_answer_is_typed_and_says_when_to_ask_again(
    server: Any, new_browser: Any, data_folder: Path
) -> None:
    """The page itself is in PostgreSQL: without it there is nothing to decide about."""
    browser, postgres = new_browser(server), None
    pid = server.process.pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if Path(f"/proc/{child}/comm").read_text().strip() == "postgres":
            postgres = int(child)
    assert postgres is not None
    hung = [
        postgres,
        *map(int, Path(f"/proc/{postgres}/task/{postgres}/children").read_text().split()),
    ]
    for process in [*hung, valkey_of(server)]:
        os.kill(process, signal.SIGSTOP)
    answer = await browser.open("I10")
    for process in [*hung, valkey_of(server)]:
        os.kill(process, signal.SIGCONT)

    assert answer["__typename"] == "ServiceUnavailable"
    assert answer["retryAfterSeconds"] > 0


class Guest:
    """A guest that opens page after page at two servers."""

    def __init__(self, browsers: list[Any]) -> None:
        self.browsers = browsers
        self.views = 0
        self.granted: set[str] = set()

    async def read(self, stop: asyncio.Event) -> None:
        """Until told to stop; answers that are no page and no refusal fail."""
        while not stop.is_set() or self.views < len(CODES):
            value = CODES[self.views % len(CODES)]
            answer = await self.browsers[self.views % 2].open(value)
            self.views += 1
            assert answer["__typename"] in ("CodePage", "ViewLimitReached"), answer
            if answer["__typename"] == "CodePage":
                self.granted.add(value)


@pytest.mark.parametrize("rounds", [1, pytest.param(5, marks=pytest.mark.slow)])
async def test_two_servers_under_load_lose_the_store_and_count_every_page_too_many(
    server: Any,
    new_browser: Any,
    start_server_on: Any,
    folder: Path,
    data_folder: Path,
    rounds: int,
) -> None:
    """Nothing is archived here, so what was granted before the loss is not known in it."""
    rows = Rows.beside(data_folder)
    earlier = await rows.of("SELECT coalesce(max(id), 0) FROM fallback_episode")
    guests: list[Guest] = []
    async with (
        valkey_in(folder) as valkey,
        start_server_on(rows.url, f"unix://{folder}/s") as one,
        start_server_on(rows.url, f"unix://{folder}/s") as other,
    ):

        async def is_back() -> bool:
            return not await rows.is_episode_open()

        for _ in range(rounds):
            stop = asyncio.Event()
            now = [Guest([new_browser(one), new_browser(other)]) for _ in range(6)]
            for each in now:
                # One guest for both: the token that the first server made.
                await each.browsers[0].open("I10")
                each.granted.add("I10")
                each.browsers[1].client.cookies = each.browsers[0].client.cookies
            guests += now
            reading = [asyncio.create_task(each.read(stop)) for each in now]
            os.kill(valkey.pid, signal.SIGSTOP)
            await asyncio.sleep(1.5)
            os.kill(valkey.pid, signal.SIGCONT)
            await asyncio.sleep(0.5)
            await until(is_back)
            stop.set()
            await asyncio.gather(*reading)
        row = await rows.of(
            "SELECT count(1), sum(over_granted), sum(decided), sum(imported) "
            f"FROM fallback_episode WHERE id > {earlier[0]}"
        )

    assert row[0] >= rounds
    assert row[1] == sum(len(guest.granted) - 1 for guest in guests)
    assert row[2] >= row[3] > 0


async def test_a_server_starts_without_the_store_and_trusts_it_once_it_is_back_and_safe(
    new_browser: Any, start_server_on: Any, folder: Path, database_url: str
) -> None:
    """On a database of its own, so that nobody else brings the episode back; its start loads the
    catalogue."""
    rows, url = Rows(database_url), f"unix://{folder}/s"

    async def is_back() -> bool:
        return not await rows.is_episode_open()

    async def is_doubted() -> bool:
        return "returnedStore" in (await reader.client.get("/readyz")).json()

    async with start_server_on(rows.url, url) as alone:
        reader = new_browser(alone)
        opened, refused = await reader.open("I10"), await reader.open("J45")
        ready = await reader.client.get("/readyz")
        async with valkey_in(folder, fsync="everysec"):
            await until(is_doubted)
            doubted = await reader.client.get("/readyz")
            repeated = await reader.open("I10")
            is_open = await rows.is_episode_open()
        async with valkey_in(folder):
            await until(is_back)
            again, refused_too = await reader.open("I10"), await reader.open("E11")
            trusted = await reader.client.get("/readyz")
            async with redis.asyncio.Redis.from_url(url, decode_responses=True) as client:
                [log] = [key async for key in client.scan_iter("{*}:log")]
                events = [
                    (entry["type"], entry["outcome"]) for _, entry in await client.xrange(log)
                ]

    assert (opened["__typename"], opened["view"]["wasCharged"]) == ("CodePage", True)
    assert refused["__typename"] == "ViewLimitReached"
    assert (ready.status_code, ready.json()) == (200, {"catalogue": "ok", "meter": "ok"})
    assert (doubted.status_code, doubted.json()) == (
        200,
        {
            "catalogue": "ok",
            "meter": "ok",
            "returnedStore": "PostgreSQL decides on. The store runs with appendfsync everysec: a "
            "power cut loses acknowledged events. Set appendfsync to always.",
        },
    )
    assert (repeated["view"]["wasCharged"], is_open) == (False, True)
    assert again["view"]["wasCharged"] is False
    assert refused_too["__typename"] == "ViewLimitReached"
    assert trusted.json() == {"catalogue": "ok", "meter": "ok"}
    assert events == [
        *(("import", "U"), ("import", "L"), ("import", "R")),
        *(("view", "R"), ("view", "L")),
    ]
