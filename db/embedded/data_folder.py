"""The data folder: who holds it, and how other commands find what runs on it."""

import fcntl
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from db.embedded.launch import NOBODY
from schema.errors import DataFolderInUse, StoreFailedToStart

# A reader of runtime.json holds the lock for an instant; a server for much longer than this.
_LOCK_PATIENCE_SECONDS = 0.5
# The path of a socket: 108 bytes on Linux, 104 on macOS, a closing zero included.
_SOCKET_PATH_MAX_BYTES = 103
_LONGEST_SOCKET_NAME = ".s.PGSQL.5432.lock"


@dataclass(frozen=True)
class StoreUrls:
    """Where the two stores listen. The first holds a password: never log it."""

    database_url: str
    redis_url: str


@dataclass(frozen=True)
class Runtime:
    """What runtime.json says of the server that holds the folder."""

    pid: int
    address: str | None
    """Where it answers HTTP; None until it does."""
    urls: StoreUrls


class DataFolder:
    """A data folder, and runtime.json in it."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._runtime = self.path / "runtime.json"
        self._lock = self.path / "lock"

    @property
    def cluster(self) -> Path:
        """The PostgreSQL cluster; it is there only once it is finished."""
        return self.path / "postgres"

    def has_cluster(self) -> bool:
        """Whether the cluster is there; raises StoreFailedToStart as `read` does."""
        try:
            return self.cluster.is_dir()
        except PermissionError as refused:
            raise _closed(refused) from refused

    def log(self, store: str) -> Path:
        """The log of one store."""
        return self.path / f"{store}.log"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder and hold it alone; raises DataFolderInUse, naming the server that does.

        The kernel gives the lock back however this process ends.
        """
        self._make()
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._take(lock)
            # A server that was killed could not take it away.
            self._runtime.unlink(missing_ok=True)
            try:
                yield
            finally:
                self._runtime.unlink(missing_ok=True)
        finally:
            os.close(lock)

    def _make(self) -> None:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as refused:
            raise StoreFailedToStart(f"the data folder cannot be made: {refused}") from refused
        owner = self.path.stat().st_uid
        if owner != os.geteuid():
            # Root could, and would leave files behind that the owner cannot open.
            raise StoreFailedToStart(
                f"the data folder {self.path} belongs to user {owner}: run as that user, or "
                "choose another folder with --data"
            )

    def _take(self, lock: int) -> None:
        give_up_at = time.monotonic() + _LOCK_PATIENCE_SECONDS
        while not _locks(lock, fcntl.LOCK_EX):
            if time.monotonic() > give_up_at:
                raise DataFolderInUse(f"the data folder {self.path} is in use by {self._holder()}")
            time.sleep(0.02)

    def _holder(self) -> str:
        runtime = self._published()
        if runtime is None:
            return "a server that is still starting"
        where = runtime.address or "an address not yet known"
        return f"the server at {where} (process {runtime.pid})"

    def publish(self, runtime: Runtime) -> None:
        """Write runtime.json in one step, for its owner only."""
        write_secret(self._runtime, json.dumps(asdict(runtime), indent=2) + "\n")

    def read(self) -> Runtime | None:
        """What the server that holds the folder published; None when none does or has.

        Raises StoreFailedToStart when the folder is closed to this user.
        """
        try:
            lock = os.open(self._lock, os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except PermissionError as refused:
            raise _closed(refused) from refused
        try:
            return None if _locks(lock, fcntl.LOCK_SH) else self._published()
        finally:
            os.close(lock)

    def _published(self) -> Runtime | None:
        try:
            found = json.loads(self._runtime.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return Runtime(found["pid"], found["address"], StoreUrls(**found["urls"]))

    @contextmanager
    def sockets(self, runtime_folder: Path | None) -> Iterator[Path]:
        """The folder of the stores' sockets, for this user alone; raises StoreFailedToStart.

        Its name is short and follows from the data folder's, since a socket's path is bounded.
        """
        root = Path(tempfile.gettempdir()) if runtime_folder is None else runtime_folder
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        folder = root.resolve() / f"codestile-{digest}"
        if len(os.fsencode(folder / _LONGEST_SOCKET_NAME)) > _SOCKET_PATH_MAX_BYTES:
            raise StoreFailedToStart(
                f"{root} is too long a path for sockets: set TMPDIR to a shorter one"
            )
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        ours = {os.geteuid()} if os.geteuid() else {0, NOBODY}
        # Where everybody may write, somebody else could have made it first.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours:
            raise StoreFailedToStart(
                f"{folder} belongs to somebody else: set TMPDIR to a folder of your own"
            )
        folder.chmod(0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def _closed(refused: PermissionError) -> StoreFailedToStart:
    return StoreFailedToStart(f"the data folder cannot be read: {refused}")


def _locks(descriptor: int, kind: int) -> bool:
    """Whether the lock could be taken; it is, then."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_secret(path: Path, text: str) -> None:
    """Put `text` at `path` in one step, mode 0600."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    Path(draft).replace(path)
