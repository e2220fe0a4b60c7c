"""SQL lives in db/sql/<topic>.sql as named blocks; Python names them."""

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def statements(topic: str) -> dict[str, str]:
    """The statements of one topic, by name, in the order of the file.

    A block opens with `-- name: <name>`, followed by comment lines that say what it returns, in
    which order, and what each $n is.
    """
    text = (files("db") / "sql" / f"{topic}.sql").read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    named = dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))
    if len(named) * 2 != len(parts):
        raise ValueError(f"db/sql/{topic}.sql names a statement twice")
    return named


def topics() -> list[str]:
    """The topics there are, sorted."""
    folder = files("db") / "sql"
    return sorted(
        entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql")
    )
