"""A proxy between a client and a store that loses what it is told to lose, with TLS if wanted.

The stores of the tests know no TLS: the proxy speaks it for them.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

_CHUNK_BYTES = 65536
_SSL_REQUEST_BYTES = 8
"""What a client of PostgreSQL sends first to ask for TLS."""


class Proxy:
    """Forwards bytes both ways; the attributes may be changed at any time."""

    def __init__(self, socket: Path, starttls: ssl.SSLContext | None = None) -> None:
        self.replies_to_cut = 0
        """Replies still to be lost: the store did its work, the client's connection is reset."""
        self.delay_seconds = 0.0
        """How long every reply is held back."""
        self.connections = 0
        """Connections that clients have opened so far."""
        self.port = 0
        self._socket = socket
        self._starttls = starttls
        self._serving: set[asyncio.Task[None]] = set()

    async def serve(
        self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter
    ) -> None:
        """One connection, until either side closes it."""
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        with suppress(OSError, asyncio.CancelledError):
            if self._starttls:
                await client_in.readexactly(_SSL_REQUEST_BYTES)
                client_out.write(b"S")
                await client_out.start_tls(self._starttls)
            await self._forward(client_in, client_out)
        client_out.transport.abort()
        self._serving.discard(task)

    async def _forward(
        self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter
    ) -> None:
        store_in, store_out = await asyncio.open_unix_connection(self._socket)
        asking = asyncio.create_task(_copy(client_in, store_out))
        try:
            await self._answer(store_in, client_out)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            store_out.transport.abort()

    async def _answer(
        self, store_in: asyncio.StreamReader, client_out: asyncio.StreamWriter
    ) -> None:
        while reply := await store_in.read(_CHUNK_BYTES):
            if self.replies_to_cut > 0:
                self.replies_to_cut -= 1
                return
            await asyncio.sleep(self.delay_seconds)
            client_out.write(reply)
            await client_out.drain()

    async def stop(self) -> None:
        """Reset every open connection and wait for them to end."""
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while sent := await source.read(_CHUNK_BYTES):
            target.write(sent)
            await target.drain()
    target.close()


@asynccontextmanager
async def proxy_to(
    socket: Path, *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None
) -> AsyncIterator[Proxy]:
    """A proxy on a port of 127.0.0.1 to the store's Unix socket.

    With `tls` clients speak TLS from the first byte, with `starttls` once PostgreSQL's client has
    asked for it.
    """
    proxy = Proxy(socket, starttls)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=tls)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.stop()
