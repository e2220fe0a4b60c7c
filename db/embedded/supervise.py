"""Keeps one store running: starts it, brings it back when it dies, stops it at the end."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from db.embedded import launch
from schema.errors import StoreFailedToStart

_logger = logging.getLogger(__name__)

# Of silence: a store may read its files for as long as it says that it does.
_SILENCE_TIMEOUT_SECONDS = 60.0
_READY_POLL_SECONDS = 0.01
_TOLD_EVERY_SECONDS = 10.0
# After the polite signal; what is killed then recovers at its next start.
_STOP_TIMEOUT_SECONDS = 10.0
_FIRST_BACK_OFF_SECONDS = 0.1
_LONGEST_BACK_OFF_SECONDS = 5.0
# A store that lived this long was well: its next death is a new story.
_WELL_AFTER_SECONDS = 10.0
# At a start a larger log is put aside, in the place of the one that was put aside before.
_LOG_MAX_BYTES = 10_000_000
# Nothing of ours reaches them: PGPORT, PGOPTIONS or a locale would change how they run.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


Says = Literal["ready", "loading", "nothing"]
"""What a store that was started says when it is asked; `loading` while it reads its files."""


async def _answers_by_ending(_pid: int) -> Says:
    return "nothing"


@dataclass(frozen=True)
class Program:
    """How one store, or one of its tools, is run."""

    name: str
    command: tuple[str, ...]
    identity: str
    """Who it runs as, in the words of launch.py."""
    stop_signal: signal.Signals
    """Asks it to stop soon and in order; also sent by the kernel when this process dies."""
    log: Path
    ask: Callable[[int], Awaitable[Says]] = _answers_by_ending
    """What the process of this id says, within a second."""


async def spawn(program: Program) -> asyncio.subprocess.Process:
    """The program's new process. It dies with the calling thread, which must outlive it."""
    with _opened(program.log) as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-S", launch.__file__, str(os.getpid()), str(int(program.stop_signal))),
            *(program.identity, *program.command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=_ENVIRONMENT,
            # Ctrl-C in a terminal reaches a whole group; the server drains before it stops them.
            start_new_session=True,
        )


def _opened(log: Path) -> BinaryIO:
    """For its owner only: other users may pass through the data folder, see identity.py."""
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


async def run(program: Program) -> None:
    """Run a program to its end; raises StoreFailedToStart unless it succeeds."""
    process = await spawn(program)
    try:
        status = await process.wait()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if status != 0:
        raise failed(program)


def failed(program: Program) -> StoreFailedToStart:
    """The exception that names the log and its last line."""
    lines = program.log.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "it is empty")
    return StoreFailedToStart(f"{program.name} did not start; {program.log} ends: {last.strip()}")


class Supervisor:
    """One store and the task that brings it back."""

    def __init__(
        self, program: Program, silence_timeout_seconds: float = _SILENCE_TIMEOUT_SECONDS
    ) -> None:
        self._program = program
        self._silence_timeout_seconds = silence_timeout_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Process id of the store, or of its last life while it is away."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until it answers; raises StoreFailedToStart."""
        await self._start()
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self._program.name}")

    async def _start(self) -> None:
        _put_aside(self._program.log)
        self._process = await spawn(self._program)
        try:
            await self._until_ready(self._process)
        except BaseException:
            await self._end()
            raise

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        """Stopped while it reads its files, a store would begin anew and never come up."""
        clock = asyncio.get_running_loop().time
        heard_at = told_at = clock()
        while (says := await self._program.ask(process.pid)) != "ready":
            now = clock()
            if says == "loading":
                heard_at = now
            if process.returncode is not None or now - heard_at > self._silence_timeout_seconds:
                raise failed(self._program)
            if now - told_at > _TOLD_EVERY_SECONDS:
                _logger.warning("waiting for %s, which says: %s", self._program.name, says)
                told_at = now
            await asyncio.sleep(_READY_POLL_SECONDS)

    async def _keep(self) -> None:
        """For ever: wait for its death, pause a little longer each time, start it again."""
        clock = asyncio.get_running_loop().time
        back_off_seconds = _FIRST_BACK_OFF_SECONDS
        while True:
            began_at = clock()
            assert self._process is not None
            status = await self._process.wait()
            if clock() - began_at > _WELL_AFTER_SECONDS:
                back_off_seconds = _FIRST_BACK_OFF_SECONDS
            _logger.error(
                "%s ended with status %d; starting it again in %.1f s, its log is %s",
                *(self._program.name, status, back_off_seconds, self._program.log),
            )
            await asyncio.sleep(back_off_seconds)
            back_off_seconds = min(2 * back_off_seconds, _LONGEST_BACK_OFF_SECONDS)
            with suppress(StoreFailedToStart, OSError):
                await self._start()

    async def stop(self) -> None:
        """Stop it in order, and by force when it takes too long."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        await self._end()

    async def _end(self) -> None:
        process = self._process
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(self._program.stop_signal)
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_SECONDS):
                await process.wait()
        except TimeoutError:
            _logger.warning("%s did not stop in time and is killed", self._program.name)
            process.kill()
            await process.wait()


def _put_aside(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LOG_MAX_BYTES:
        log.replace(log.with_suffix(".old.log"))
