"""Where the releases of what can be loaded are published."""

import tomllib
from functools import cache
from pathlib import Path

from schema.holdings import Origin


@cache
def origins() -> dict[str, Origin]:
    """The origin of each code system, map and kind of facts, by its name."""
    told = tomllib.loads((Path(__file__).parent / "origins.toml").read_text(encoding="utf-8"))
    return {
        subject: Origin.model_validate(origin)
        for origin in told["origin"]
        for subject in origin.pop("subjects")
    }
