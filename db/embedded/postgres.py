"""The private PostgreSQL: its cluster and its command line."""

import asyncio
import secrets
import shutil
import signal
import tempfile
from pathlib import Path
from urllib.parse import quote, urlencode

from db.embedded.data_folder import DataFolder, write_secret
from db.embedded.identity import give, owner_of
from db.embedded.orphans import stop_orphan
from db.embedded.supervise import Program, Says, run
from schema.errors import StoreFailedToStart

_USER = "codestile"
_PORT = 5432

_OPTIONS = {
    # Reached by its socket only, which only its owner may open.
    "listen_addresses": "",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    # Small machines: memory is taken as it is touched, and the catalogue fits.
    "shared_buffers": "128MB",
    "max_connections": "64",
    # Short reads by key: parallel workers and compilation only add delay.
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "io_method": "sync",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A statement in the log could hold what a reader typed.
    "log_min_error_statement": "panic",
}

_STATES: dict[str, Says] = {"starting": "loading", "ready": "ready"}


class Cluster:
    """The PostgreSQL cluster of a data folder, run by `identity` from the folder `binaries`."""

    def __init__(self, folder: DataFolder, sockets: Path, identity: str, binaries: Path) -> None:
        self._folder = folder
        self._sockets = sockets
        self._identity = identity
        self._binaries = binaries
        self._path = folder.cluster
        self._pid_file = self._path / "postmaster.pid"
        self._left_behind = ""
        self._password = folder.path / "postgres.password"

    def url(self) -> str:
        """Says every part, since drivers fill the missing ones from their environment."""
        place = {"host": self._sockets, "port": _PORT, "sslmode": "disable"}
        password = self._password.read_text(encoding="utf-8")
        return f"postgresql://{_USER}:{password}@/postgres?{urlencode(place, quote_via=quote)}"

    def program(self) -> Program:
        """The server."""
        options = _OPTIONS | {"unix_socket_directories": str(self._sockets)}
        settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        return Program(
            name="PostgreSQL",
            command=(str(self._binaries / "postgres"), "-D", str(self._path), *settings),
            identity=self._identity,
            stop_signal=signal.SIGINT,
            log=self._folder.log("postgres"),
            ask=self._ask,
        )

    async def _ask(self, pid: int) -> Says:
        """As pg_ctl sees it: line 1 of postmaster.pid is the process, line 8 its state.

        It is `starting` until what a crash left is recovered. Asked by its socket it would say
        the same, and write a line into its log each time.
        """
        lines = self._written().splitlines()
        if len(lines) < 8 or lines[0] != str(pid):
            return "nothing"
        return _STATES.get(lines[7].strip(), "nothing")

    def _written(self) -> str:
        """What the server wrote into postmaster.pid; empty before it did."""
        try:
            found = self._pid_file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        return "" if found == self._left_behind else found

    async def make_ready(self) -> None:
        """Make the cluster unless it is there; killed halfway, this leaves none and not a part."""
        if self._path.exists():
            await self._take_over()
        else:
            await self._make()
        # Also what killed starts left; not before, since their last child may still be writing.
        for made_in in self._folder.path.glob("postgres.making-*"):
            shutil.rmtree(made_in, ignore_errors=True)

    async def _take_over(self) -> None:
        if not self._password.exists():
            raise StoreFailedToStart(f"{self._password} is lost; restore it from a backup")
        for pid_file in (
            self._pid_file,
            self._sockets / f".s.PGSQL.{_PORT}.lock",
        ):
            await stop_orphan(pid_file, f"-D {self._path} -c", signal.SIGINT)
        # In a container the next server often gets the number of the one that was killed.
        self._left_behind = self._written()
        await asyncio.to_thread(give, self._path, owner_of(self._identity))

    async def _make(self) -> None:
        if not self._password.exists():
            write_secret(self._password, secrets.token_hex(16))
        making = Path(tempfile.mkdtemp(prefix="postgres.making-", dir=self._folder.path))
        shutil.copy(self._password, making / "password")
        give(making, owner_of(self._identity))
        await run(self._initdb(making))
        (making / "cluster").rename(self._path)

    def _initdb(self, making: Path) -> Program:
        return Program(
            name="initdb",
            command=(
                *(str(self._binaries / "initdb"), "-D", str(making / "cluster")),
                *("-U", _USER, f"--pwfile={making / 'password'}", "--auth=scram-sha-256"),
                # Order by code point and the case of every letter, the same on every machine.
                *("--encoding=UTF8", "--locale=C"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
            ),
            identity=self._identity,
            stop_signal=signal.SIGKILL,
            log=self._folder.log("postgres"),
        )
