"""A server with private stores, whose parts are killed while pages are read."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.stories.conftest import STORE_TIMEOUT_SECONDS

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="finds the stores' processes through /proc"
)


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of every server of this file; the first start loads the catalogue."""
    return tmp_path_factory.mktemp("data") / "codestile"


@pytest.fixture
async def private_server(start_private_server: Any, data_folder: Path) -> AsyncIterator[Any]:
    """A server with private stores, which opens no page without the ledger."""
    async with start_private_server(data_folder, CODESTILE_ON_STORE_LOSS="refuse") as server:
        yield server


def children_of(pid: int) -> list[int]:
    """The process ids of the children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits for its parent to notice does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def stores_of(server: Any) -> dict[str, int]:
    """The process ids of the server's stores, by program name."""
    children = children_of(server.process.pid)
    return {Path(f"/proc/{pid}/comm").read_text().strip(): pid for pid in children}


async def until(wanted: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    """Waits until something is so; fails when it is not in time."""
    async with asyncio.timeout(seconds):
        while not await wanted():
            await asyncio.sleep(0.05)


async def ready(browser: Any) -> int:
    """The status of /readyz."""
    return (await browser.client.get("/readyz")).status_code


async def test_valkey_killed_while_pages_are_read_is_a_typed_answer_and_comes_back(
    private_server: Any, new_browser: Any, run: Any, data_folder: Path
) -> None:
    browser = new_browser(private_server)
    before = await browser.open("I10")
    os.kill(stores_of(private_server)["valkey-server"], signal.SIGSTOP)
    stopped_at = time.monotonic()
    stopped = await browser.open("I10")
    waited_seconds = time.monotonic() - stopped_at
    os.kill(stores_of(private_server)["valkey-server"], signal.SIGKILL)

    async def answers() -> bool:
        return await ready(browser) == 200

    await until(answers)
    after, other = await browser.open("I10"), await browser.open("J45")

    assert before["view"]["wasCharged"] is True
    assert (stopped["__typename"], stopped["problemCode"]) == (
        "ServiceUnavailable",
        "METER_UNAVAILABLE",
    )
    assert stopped["retryAfterSeconds"] > 0
    # No sooner: so long may a store take, by its setting.
    assert waited_seconds >= STORE_TIMEOUT_SECONDS
    # What was charged before the kill is still known: the page is open, no other is.
    assert (after["__typename"], after["view"]["wasCharged"]) == ("CodePage", False)
    assert other["__typename"] == "ViewLimitReached"
    assert (await run("ledger", "verify", "--data", str(data_folder)))[0] == 0


async def test_postgres_killed_while_pages_are_read_is_a_typed_answer_and_comes_back(
    private_server: Any, new_browser: Any
) -> None:
    browser = new_browser(private_server)
    await browser.open("I10", preview=True)
    postgres = stores_of(private_server)["postgres"]
    hung = [postgres, *children_of(postgres)]
    for pid in hung:
        os.kill(pid, signal.SIGSTOP)
    stopped = await browser.open("I10")
    for pid in hung:
        os.kill(pid, signal.SIGKILL)

    async def answers() -> bool:
        return await ready(browser) == 200

    await until(answers)
    after = await browser.open("I10")

    assert (stopped["__typename"], stopped["problemCode"]) == (
        "ServiceUnavailable",
        "STORE_UNAVAILABLE",
    )
    assert (after["__typename"], after["view"]["wasCharged"]) == ("CodePage", True)


async def test_server_killed_leaves_no_orphan_and_the_next_start_is_fine(
    start_private_server: Any, new_browser: Any, data_folder: Path
) -> None:
    async with start_private_server(data_folder) as server:
        browser = new_browser(server)
        before = await browser.open("I10")
        pids = list(stores_of(server).values())
        server.process.kill()
        await server.process.wait()

        async def all_gone() -> bool:
            return not any(map(is_alive, pids))

        await until(all_gone, seconds=2)
    async with start_private_server(data_folder) as server:
        again = new_browser(server)
        again.client.cookies = browser.client.cookies
        after = await again.open("I10")

    assert len(pids) == 2
    assert before["view"]["wasCharged"] is True
    assert after["view"]["wasCharged"] is False


async def test_second_server_on_a_data_folder_is_told_where_the_first_answers(
    private_server: Any, run: Any, data_folder: Path
) -> None:
    code, _, errors = await run("serve", "--data", str(data_folder), "--port", "0")

    assert code == 1
    assert private_server.address in errors
    assert "Traceback" not in errors


async def test_server_told_to_stop_ends_with_its_stores(
    start_private_server: Any, data_folder: Path
) -> None:
    async with start_private_server(data_folder) as server:
        pids = list(stores_of(server).values())
        server.process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(server.process.wait(), 15)

    assert code == 0
    assert not any(map(is_alive, pids))
