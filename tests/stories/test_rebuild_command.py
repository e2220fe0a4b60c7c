"""What an operator and a worker do about a store that lost the ledger, and a replay."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from db.pool import open_database
from db.usage import cursors
from tests.stories.conftest import Start

SECRET = "a secret of the tests, 32 characters and more"


async def test_a_shard_is_made_anew_by_hand(
    browser: Any, codestile: Callable[..., Any], redis_url: str
) -> None:
    await browser.open("I10")
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        [viewer] = client.scan_iter("{*}:v:*")
        client.delete(viewer)
        shard = int(viewer[2:4])

        code, output, errors = await codestile("ledger", "rebuild", "--shard", str(shard))

        assert client.hget(viewer, "used") == "1"
    assert (code, errors) == (0, "")
    assert output == (f"shard {shard}: epoch 2 from event 2, 1 events, 1 viewers, 1 networks\n")
    assert (await browser.open("J45.901"))["__typename"] == "ViewLimitReached"
    assert (await codestile("ledger", "verify"))[0] == 0


async def test_a_cause_is_one_word(codestile: Callable[..., Any], redis_url: str) -> None:
    code, output, errors = await codestile("ledger", "rebuild", "--cause", "Two words")

    assert (code, output) == (2, "")
    assert "one word of small letters" in errors
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


async def test_a_replay_says_what_it_counted(codestile: Callable[..., Any], tmp_path: Path) -> None:
    plans = tmp_path / "plans.toml"
    plans.write_text("[guest]\npage_view_limit = 3\n")

    code, output, errors = await codestile(
        *("ledger", "replay", "--plan", str(plans), "--from", "2026-01-01", "--to", "2026-12-31")
    )

    assert (code, errors) == (0, "")
    assert output.splitlines()[-1].startswith("What nobody can know: ")


async def archived(database_url: str, count: int) -> None:
    """Waits until so many events are archived."""
    async with open_database(database_url) as database, asyncio.timeout(30):
        while sum(cursor.events for cursor in await cursors(database)) < count:
            await asyncio.sleep(0.1)


async def test_worker_makes_a_shard_anew_that_the_store_lost(
    browser: Any, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "worker", "--data", str(tmp_path)),
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "CODESTILE_GUEST_SECRET": SECRET,
            "CODESTILE_LOG_FORMAT": "json",
        },
        stderr=asyncio.subprocess.PIPE,
    )
    assert worker.stderr is not None
    lines: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        await browser.open("I10")
        await archived(database_url, 1)
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()
        while not lines or lines[-1]["event"] != "archive_goes_on":
            lines.append(json.loads(await worker.stderr.readline()))
        second = await browser.open("J45.901")
    worker.terminate()

    assert await asyncio.wait_for(worker.wait(), 15) == 0
    told = [line for line in lines if line["event"] in ("archive_stopped", "shard_rebuilt")]
    assert [line["event"] for line in told] == ["archive_stopped", "shard_rebuilt"]
    assert "rewind: its head was at 1, now it is at 0" in told[0]["reason"]
    assert (told[1]["events"], told[1]["viewers"], told[1]["tail_lost"]) == (1, 1, True)
    assert second["__typename"] == "ViewLimitReached"


@pytest.mark.slow
async def test_private_stores_that_lost_the_ledger_are_made_whole_before_the_server_answers(
    start_private_server: Start, new_browser: Any, stores_folder: Path
) -> None:
    data = stores_folder / "lost"
    async with start_private_server(data) as server:
        before = new_browser(server)
        await before.open("I10")
        urls = json.loads((data / "runtime.json").read_text())["urls"]
        await archived(urls["database_url"], 1)
    for folder in data.rglob("appendonlydir"):
        shutil.rmtree(folder)

    async with start_private_server(data) as server:
        after = new_browser(server)
        after.client.cookies.update(before.client.cookies)
        first, second = await after.open("I10"), await after.open("J45.901")

    assert (first["__typename"], first["view"]["wasCharged"]) == ("CodePage", False)
    assert second["__typename"] == "ViewLimitReached"
