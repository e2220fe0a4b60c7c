"""Snapshots of MS-DRG definitions in the layout of the drgpy package, made of plain tables."""

import json
import lzma
from typing import Any

Tables = dict[str, Any]


def snapshot(tables: Tables, version: str = "v43.1") -> bytes:
    """A snapshot of tables; those left out are empty."""
    names = ("ccmap", "drg_exclusions", "drgmap", "dxmap", "exmap", "prmap")
    told = {name: tables.get(name, {}) for name in names}
    return packed({**told, "schema_version": 1, "version": version})


def packed(told: object) -> bytes:
    """Anything as JSON inside xz."""
    return lzma.compress(json.dumps(told).encode())


def drg(number: str, title: str, mdc: str) -> Tables:
    """One group as the table of groups describes it."""
    flags = {"is_medical": True, "is_surgical": False}
    return {"drg": number, "desc": title, "mdc": mdc, **flags}


def weight(level: str, exclusions: str, hac: str | None = None, *, alive: bool = False) -> Tables:
    """One secondary diagnosis as the table of weights has it."""
    return {"level": level, "pdx": exclusions, "hac": hac, "aowa": alive}
