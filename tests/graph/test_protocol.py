"""Heads of requests are bounded in bytes and in seconds, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn

from graph.protocol import BoundedHttp

REQUEST = b"GET / HTTP/1.1\r\nhost: codestile\r\n"
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\n"


class Hurried(BoundedHttp):
    """As in production, with bounds that a test can meet."""

    head_bytes = 1_000
    head_seconds = 0.2


async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    config = uvicorn.Config(app, http=Hurried, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


async def told(port: int, *parts: bytes) -> bytes:
    """What the server answers to bytes sent one part after the other, until it hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.02)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


async def test_head_in_time_and_in_bounds_is_answered(port):
    answer = await told(port, REQUEST + b"connection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 204 ")


async def test_large_body_behind_a_small_head_is_no_large_head(port):
    head = REQUEST.replace(b"GET", b"POST") + b"connection: close\r\ncontent-length: 50000\r\n\r\n"

    answer = await told(port, head + b"x" * 25_000, b"x" * 25_000)

    assert answer.startswith(b"HTTP/1.1 204 ")


@pytest.mark.parametrize(
    "parts",
    [
        (REQUEST + b"a: " + b"x" * 2_000 + b"\r\n\r\n",),
        (REQUEST, b"a: " + b"x" * 600, b"x" * 600),
        (REQUEST, b"a: " + b"x" * 600 + b"\r\n", b"b: " + b"x" * 600 + b"\r\n"),
        (b"GET /" + b"x" * 2_000 + b" HTTP/1.1\r\n\r\n",),
    ],
    ids=["at once", "one header in parts", "many headers", "request line"],
)
async def test_long_head_is_answered_431_and_cut(port, parts):
    assert (await told(port, *parts)).startswith(TOO_LARGE)


@pytest.mark.parametrize("parts", [(), (REQUEST,), (REQUEST, b"a: 1\r\n")])
async def test_head_that_does_not_come_is_answered_408_and_cut(port, parts):
    assert (await told(port, *parts)).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


async def test_second_head_on_a_connection_is_bounded_too(port):
    answer = await told(port, REQUEST + b"\r\n", REQUEST + b"a: " + b"x" * 2_000)

    first, _, second = answer.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 204 ")
    assert second.startswith(TOO_LARGE)


async def test_connection_that_rests_between_requests_is_left_to_keep_alive(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST + b"\r\n")
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(0.4)

    writer.write(REQUEST + b"connection: close\r\n\r\n")

    assert (await reader.read()).startswith(b"HTTP/1.1 204 ")
    writer.close()
