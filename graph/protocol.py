"""HTTP/1.1 as uvicorn speaks it, with the bounds on request heads that it leaves out.

Without them one connection may send headers for ever and fill the memory, and two thousand that
send nothing keep everybody else out.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 32_768
"""Longest request line and headers."""
HEAD_SECONDS = 10.0
"""How long a client may take to send them, from the first byte or from connecting."""


class _HeadTooLargeError(Exception):
    pass


class BoundedHttp(HttpToolsProtocol):
    """One connection. Heads that are too long are answered 431, too slow ones 408."""

    head_bytes = HEAD_BYTES
    head_seconds = HEAD_SECONDS
    _timer: asyncio.TimerHandle | None = None
    _head_size: int | None = 0
    """Bytes of the head received so far; None while no head is being received."""
    _parsed_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn's; the first head is due from now on."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn's."""
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """As uvicorn's; what is received of an unfinished head counts."""
        super().data_received(data)
        if self._head_size is None or self.transport.is_closing():
            return
        self._head_size += len(data)
        if self._head_size > self.head_bytes:
            self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """As uvicorn's; the next head on this connection has begun."""
        super().on_message_begin()
        self._parsed_size = 0
        if self._head_size is None:
            self._expect_head()

    def on_url(self, url: bytes) -> None:
        """As uvicorn's; counts."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """As uvicorn's; counts."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """As uvicorn's; the head is in."""
        self._end_head()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """As uvicorn's, unless it was the length that the parser stopped at."""
        if self._parsed_size > self.head_bytes:
            self._refuse(b"431 Request Header Fields Too Large")
        else:
            super().send_400_response(msg)

    def _count(self, size: int) -> None:
        self._parsed_size += size
        if self._parsed_size > self.head_bytes:
            # Stops the parser, which uvicorn answers through send_400_response.
            raise _HeadTooLargeError

    def _expect_head(self) -> None:
        self._head_size = 0
        self._timer = self.loop.call_later(self.head_seconds, self._refuse, b"408 Request Timeout")

    def _end_head(self) -> None:
        self._head_size = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: bytes) -> None:
        self._end_head()
        if not self.transport.is_closing():
            head = b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status
            self.transport.write(head)
            self.transport.close()
