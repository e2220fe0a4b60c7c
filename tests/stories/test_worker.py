"""The worker proves the ledger beside a server, and says what differs."""

import asyncio
import json
import os
import sys
from typing import Any

import redis


async def test_worker_proves_the_ledger_until_told_to_stop(
    browser: Any, catalogue_url: str, redis_url: str, tmp_path: Any
) -> None:
    await browser.open("I10")
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "worker", "--every", "1", "--data", str(tmp_path)),
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": catalogue_url,
            "REDIS_URL": redis_url,
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
