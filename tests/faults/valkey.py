"""A Valkey of one test's own, to be killed or locked as the test likes."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from db.embedded.wheels import valkey_binary


@asynccontextmanager
async def valkey_in(
    folder: Path,
    *,
    password: str | None = None,
    fsync: str = "always",
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A Valkey on the socket `s` of a folder, killed at the end; safe for a ledger unless `fsync`
    says otherwise. `environment` is added to that of the tests."""
    options = {"port": "0", "unixsocket": f"{folder}/s", "dir": str(folder), "save": ""}
    options |= {"appendonly": "yes", "appendfsync": fsync, "maxmemory-policy": "noeviction"}
    if password:
        options["requirepass"] = password
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    process = subprocess.Popen(
        [str(valkey_binary()), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    )
    try:
        await _answers(Redis(unix_socket_path=f"{folder}/s", password=password))
        yield process
    finally:
        process.kill()
        process.wait()


async def _answers(client: Redis) -> None:
    async with client, asyncio.timeout(20):
        while True:
            try:
                await client.ping()
                return
            except (RedisError, OSError):
                await asyncio.sleep(0.02)
