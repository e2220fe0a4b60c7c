"""Serving: stores up, catalogue loaded, address printed, and everything down again in order."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import replace
from functools import partial

import structlog
import uvicorn

from db.embedded import EmbeddedStores, StoreUrls
from db.load import load_default
from db.load.report import SAME_BYTES
from db.migrate import migrate
from graph.app import build
from graph.archiving import BESIDE_PAGES, archiving
from graph.progress import showing_progress
from graph.protocol import BoundedHttp
from graph.rebuilding import rebuild_what_is_lost
from graph.secret import checkpoint_seed, guest_secret
from graph.settings import Settings
from graph.stores import stores_to_serve
from schema.errors import SettingRefused

_log = structlog.get_logger(__name__)

GRACE_SECONDS = 10
"""How long requests under way may go on after the server was told to stop."""
CONNECTIONS_AT_ONCE = 2_000
"""Above this, a new connection is answered 503 at once instead of queueing."""
KEEP_ALIVE_SECONDS = 15


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling, which would kill us before the stores are down."""

    def __init__(self, config: uvicorn.Config, welcome: str) -> None:
        super().__init__(config)
        self._welcome = welcome

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's; says where the server answers once it does."""
        await super().startup(sockets)
        print(self._welcome, flush=True)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: Settings) -> None:
    """Serve until told to stop; raises what keeps it from starting."""
    async with stores_to_serve(settings) as (urls, embedded):
        secret = guest_secret(settings)
        with bound(settings.host, settings.port) as listener:
            # Letters link here, also where the port is whichever was free.
            settings = settings.model_copy(update={"port": listener.getsockname()[1]})
            address = settings.public_url or settings.address
            if embedded:
                embedded.announce(address)
            await migrate(urls.database_url)
            await _load_once(urls.database_url)
            if embedded:
                await rebuild_what_is_lost(urls, settings.network_budget)
            async with (
                build(settings, urls, secret) as app,
                _archive_beside(settings, urls, embedded, secret),
            ):
                await _answer(app, listener, welcome(address, settings))


def _archive_beside(
    settings: Settings, urls: StoreUrls, embedded: EmbeddedStores | None, secret: bytes
) -> AbstractAsyncContextManager[None]:
    """On private stores there may be no worker, so the server archives too."""
    if embedded is None:
        return contextlib.nullcontext()
    mend = partial(rebuild_what_is_lost, budget=settings.network_budget)
    rules = replace(BESIDE_PAGES, months_kept=settings.months_kept)
    return archiving(lambda: urls, lambda: checkpoint_seed(secret), rules, mend)


async def _load_once(database_url: str) -> None:
    """Load what is not loaded yet; what stands in its way stays, and the log says what it is."""
    with showing_progress() as progress:
        reports = await load_default(database_url, progress=progress)
    for report in reports:
        if report.skipped_because not in (None, SAME_BYTES):
            _log.warning("not_loaded", release=report.release, reason=report.skipped_because)


async def _answer(app: object, listener: socket.socket, greeting: str) -> None:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]  # any ASGI application
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        limit_concurrency=CONNECTIONS_AT_ONCE,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        http=BoundedHttp,
        ws="none",
    )
    server = _Server(config, greeting)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, server)
    await server.serve(sockets=[listener])


def _stop(server: uvicorn.Server) -> None:
    server.force_exit = server.should_exit
    server.should_exit = True


def welcome(address: str, settings: Settings) -> str:
    """What is printed once the server answers: where, and a line to try it with."""
    explore = f" (explore it at {address}/graphiql/)" if settings.graphiql else ""
    return f"""
Codestile answers at {address}/graphql{explore}

Open a code page as a guest:

  curl -s {address}/graphql -H 'content-type: application/json' \\
    -d '{TRY}'
"""


TRY = (
    '{"query":"{ codePage(ref: {key: {system: ICD10CM, value: \\"I10\\"}}) { __typename '
    '... on CodePage { banner code { displayValue title } sections { title __typename } } } }"}'
)
"""The body of a request that opens a page."""


@contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that holds the address, so that a taken one is told before anything is loaded.

    It refuses connections until the server listens. Bound here because a socket made with
    protocol 0 is never given TCP_NODELAY by asyncio, which costs 40 ms an answer. Raises
    SettingRefused.
    """
    with contextlib.ExitStack() as open_sockets:
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
            )[0]
            listener = open_sockets.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
        except OSError as refused:
            reason = refused.strerror or str(refused)
            raise SettingRefused(f"cannot listen on {host} port {port}: {reason}") from refused
        listener.setblocking(False)
        yield listener
