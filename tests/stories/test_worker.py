"""The worker archives and proves the ledger beside a server, and says what differs."""

import asyncio
import json
import os
import sys
from datetime import UTC, date, datetime
from typing import Any

import pytest
import redis

from db.pool import open_database
from db.usage import cursors, first_of_month, make_partitions, partitions
from tests.metering.archives import rows_of
from tests.stories.conftest import Start

SECRET = "a secret of the tests, 32 characters and more"


async def test_worker_proves_the_ledger_until_told_to_stop(
    browser: Any, database_url: str, redis_url: str, tmp_path: Any
) -> None:
    await browser.open("I10")
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "worker", "--every", "1", "--data", str(tmp_path)),
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
    async with asyncio.timeout(30):
        first = json.loads(await worker.stderr.readline())
        with redis.Redis.from_url(redis_url, decode_responses=True) as client:
            (viewer,) = client.scan_iter("{*}:v:*")
            client.hset(viewer, "used", "0")
        lines = [first]
        while lines[-1]["event"] == "ledger_holds":
            lines.append(json.loads(await worker.stderr.readline()))
    worker.terminate()

    assert await asyncio.wait_for(worker.wait(), 15) == 0
    assert (first["event"], first["events"], first["viewers"]) == ("ledger_holds", 1, 1)
    assert (lines[-1]["event"], lines[-1]["level"]) == ("ledger_differs", "error")
    assert "used" in lines[-1]["first"]
    assert (tmp_path / "worker.alive").exists()


async def archived(database_url: str, count: int) -> list[str]:
    """The codes of the archived events, once there are so many."""
    async with open_database(database_url) as database, asyncio.timeout(30):
        while True:
            held = await cursors(database)
            if sum(cursor.events for cursor in held) >= count:
                return [
                    row["code"]
                    for cursor in held
                    for row in await rows_of(database, cursor.shard)
                    if cursor.events
                ]
            await asyncio.sleep(0.1)


async def test_worker_archives_what_readers_do_and_says_when_a_shard_stops(
    browser: Any, database_url: str, redis_url: str, tmp_path: Any
) -> None:
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "worker", "--keep-months", "12", "--data", str(tmp_path)),
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
    async with asyncio.timeout(60):
        assert json.loads(await worker.stderr.readline())["event"] == "ledger_holds"
        await browser.open("I10")
        codes = await archived(database_url, 1)
        with redis.Redis.from_url(redis_url, decode_responses=True) as client:
            (head,) = client.scan_iter("{*}:head")
            client.hset(head, "seq", "3")
        line = json.loads(await worker.stderr.readline())
    worker.terminate()

    assert await asyncio.wait_for(worker.wait(), 15) == 0
    assert codes == ["ICD10CM:I10"]
    assert (line["event"], line["level"]) == ("archive_stopped", "error")
    assert "gap: the log ends at 1, its head says 3" in line["reason"]


async def test_months_beyond_those_that_the_settings_keep_are_detached(
    database_url: str, redis_url: str, tmp_path: Any
) -> None:
    async with open_database(database_url) as database:
        await make_partitions(database, {date(2020, 1, 5)})
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "graph", "worker", "--data", str(tmp_path)),
            env={
                "PATH": os.environ["PATH"],
                "DATABASE_URL": database_url,
                "REDIS_URL": redis_url,
                "CODESTILE_GUEST_SECRET": SECRET,
                "CODESTILE_MONTHS_KEPT": "12",
            },
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(30):
            while "usage_event_2020_01" in (attached := await partitions(database)):
                await asyncio.sleep(0.05)
        worker.terminate()
        assert await asyncio.wait_for(worker.wait(), 15) == 0
        kept = await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'archive'")

    assert first_of_month(datetime.now(UTC)).strftime("usage_event_%Y_%m") in attached
    assert [row["tablename"] for row in kept] == ["usage_event_2020_01"]


async def test_worker_without_the_secret_of_the_servers_says_what_to_set(
    database_url: str, redis_url: str, tmp_path: Any
) -> None:
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "worker", "--data", str(tmp_path)),
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
        },
        stderr=asyncio.subprocess.PIPE,
    )

    _, errors = await worker.communicate()

    assert worker.returncode == 1
    assert errors.decode() == (
        "codestile: set CODESTILE_GUEST_SECRET: servers with common stores share it\n"
    )


@pytest.mark.slow
async def test_a_server_on_private_stores_archives_by_itself_and_its_key_is_told(
    start_private_server: Start, new_browser: Any, run: Any, stores_folder: Any
) -> None:
    data = stores_folder / "archiving"
    async with start_private_server(data) as server:
        await new_browser(server).open("I10")
        urls = json.loads((data / "runtime.json").read_text())["urls"]

        assert await archived(urls["database_url"], 1) == ["ICD10CM:I10"]

        code, output, errors = await run("ledger", "public-key", "--data", str(data))
        async with open_database(urls["database_url"]) as database:
            [row] = await database.fetch("SELECT public_key FROM usage_checkpoint")
    assert (code, errors) == (0, "")
    assert output == f"{row['public_key'].hex()}\n"


async def test_the_key_of_a_folder_without_a_server_is_not_made_up(run: Any, tmp_path: Any) -> None:
    answer = await run("ledger", "public-key", "--data", str(tmp_path / "none"))

    assert answer == (
        1,
        "",
        f"codestile: no server ran on {tmp_path / 'none'}; name its folder by --data\n",
    )
