"""The private Valkey: its files and its command line."""

import asyncio
import signal
from pathlib import Path
from urllib.parse import quote

from db.embedded import launch
from db.embedded.data_folder import DataFolder
from db.embedded.orphans import stop_orphan
from db.embedded.supervise import Program, Says
from db.embedded.wheels import valkey_binary

_PING_TIMEOUT_SECONDS = 0.5

_OPTIONS = {
    # Reached by its socket only, which only its owner may open.
    "port": "0",
    "unixsocketperm": "700",
    # An answer is given after its event is on disk; `everysec` was seen to lose answered ones.
    "appendonly": "yes",
    "appendfsync": "always",
    "save": "",
    # Full memory must refuse a view, never forget one.
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
}


class Valkey:
    """The Valkey of a data folder; it runs as whoever calls."""

    def __init__(self, folder: DataFolder, sockets: Path) -> None:
        self._folder = folder
        self._path = folder.path / "valkey"
        self._pid_file = folder.path / "valkey.pid"
        self._socket = sockets / "valkey.sock"

    def url(self) -> str:
        """Logical database 0 behind the socket."""
        return f"unix://{quote(str(self._socket))}?db=0"

    def program(self) -> Program:
        """The server."""
        options = _OPTIONS | {
            "dir": str(self._path),
            "unixsocket": str(self._socket),
            "pidfile": str(self._pid_file),
        }
        settings = [part for key, value in options.items() for part in (f"--{key}", value)]
        return Program(
            name="Valkey",
            command=(str(valkey_binary()), *settings),
            identity=launch.SELF,
            stop_signal=signal.SIGTERM,
            log=self._folder.log("valkey"),
            ask=self._ask,
        )

    async def make_ready(self) -> None:
        """Make room for its files and stop who still writes to them."""
        self._path.mkdir(mode=0o700, exist_ok=True)
        await stop_orphan(self._pid_file, str(self._socket), signal.SIGTERM)

    async def _ask(self, _pid: int) -> Says:
        """PING gets its PONG, or LOADING while the append-only file is read."""
        try:
            async with asyncio.timeout(_PING_TIMEOUT_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._socket)
                writer.write(b"PING\r\n")
                try:
                    answer = await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return "nothing"
        if answer == b"+PONG\r\n":
            return "ready"
        return "loading" if answer.startswith(b"-LOADING ") else "nothing"
