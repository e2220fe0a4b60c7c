"""A power cut: the store is killed, and its append-only file loses what was not on disk."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from random import Random

SOURCE = Path(__file__).with_name("synced.c")


def compiler() -> str | None:
    """The C compiler of the system; None where there is none."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def compile_shim(folder: Path) -> Path:
    """The library of synced.c, ready to be preloaded."""
    made = folder / "synced.so"
    found = compiler()
    assert found is not None, "no C compiler"
    command = [found, "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(made), str(SOURCE)]
    subprocess.run([*command, "-ldl"], check=True)
    return made


@dataclass(frozen=True, slots=True)
class AppendOnlyFile:
    """The file that a killed store has left in its folder, and how much of it was on disk."""

    path: Path
    synced_bytes: int

    @property
    def size_bytes(self) -> int:
        """What was written, on disk or not."""
        return self.path.stat().st_size

    def cut_at_sync(self) -> None:
        """Lose everything that was not on disk."""
        self._cut(self.synced_bytes)

    def cut_behind_sync(self, rng: Random) -> None:
        """Lose the end from any byte on that was not on disk, in the middle of a command too."""
        self._cut(rng.randint(self.synced_bytes, self.size_bytes))

    def _cut(self, size_bytes: int) -> None:
        with self.path.open("r+b") as file:
            file.truncate(size_bytes)


def append_only_file(folder: Path, notes: Path) -> AppendOnlyFile:
    """The file to which the store appended last."""
    [path] = (folder / "appendonlydir").glob("*.incr.aof")
    sizes = [0]
    for line in notes.read_text().splitlines():
        size, _, named = line.partition(" ")
        if Path(named).name == path.name:
            sizes.append(int(size))
    return AppendOnlyFile(path, max(sizes))
