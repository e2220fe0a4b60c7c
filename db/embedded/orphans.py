"""Stops stores whose server was killed where the kernel does not do it, before they meet new ones.

Two servers on the same files would ruin them.
"""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

_STOP_TIMEOUT_SECONDS = 10.0
_POLL_SECONDS = 0.02


async def stop_orphan(pid_file: Path, mark: str, stop_signal: signal.Signals) -> None:
    """Stop the process that `pid_file` names, if `mark` stands in its command line."""
    pid = _orphan(pid_file, mark)
    if pid is None:
        return
    os.kill(pid, stop_signal)
    for _ in range(int(_STOP_TIMEOUT_SECONDS / _POLL_SECONDS)):
        if mark not in _command_line(pid):
            return
        await asyncio.sleep(_POLL_SECONDS)
    os.kill(pid, signal.SIGKILL)


def _orphan(pid_file: Path, mark: str) -> int | None:
    """The process that still runs; None when there is none.

    Numbers are given out again, in a container the same ones at every start. The file that names
    a stranger goes, or PostgreSQL would take the stranger for itself and not start.
    """
    try:
        pid = int(pid_file.read_text(encoding="utf-8").split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return None
    command_line = _command_line(pid)
    if command_line and mark not in command_line:
        pid_file.unlink()
    return pid if mark in command_line else None


def _command_line(pid: int) -> str:
    """The command line of a process, its parts separated by blanks; empty when there is none."""
    if Path("/proc/self/cmdline").exists():
        try:
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    asked = ["ps", "-ww", "-p", str(pid), "-o", "command="]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # noqa: S603
