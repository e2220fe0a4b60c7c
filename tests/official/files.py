"""The official files beside the tree, where there are any."""

import os
from pathlib import Path

import pytest

FOLDER = Path(
    os.environ.get("CODESTILE_OFFICIAL_FILES", Path(__file__).parents[2].parent / "shared" / "data")
)


def official(name: str) -> Path:
    """The path of an official file; skips the test that asks where it is not here."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"the official file {name} is not here; set CODESTILE_OFFICIAL_FILES")
    return path
