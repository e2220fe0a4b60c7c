"""What every command begins with: its settings, its log, and a loop to run on."""

from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from graph.desk import Desk
    from graph.settings import Settings

Data = Annotated[
    Path | None, typer.Option(help="Folder of the private stores, instead of CODESTILE_DATA.")
]
Answer = TypeVar("Answer")


def settings_of(**options: object) -> "Settings":
    """The settings of this process, options of the command first; sets up the log."""
    from graph.log import configure
    from graph.settings import read_settings

    given = {name: value for name, value in options.items() if value is not None}
    settings = read_settings(**given)
    configure(as_json=settings.log_format == "json")
    return settings


def run(work: Coroutine[Any, Any, Answer]) -> Answer:
    """What the work comes to."""
    import uvloop

    return uvloop.run(work)


def at_desk(settings: "Settings", work: "Callable[[Desk], Awaitable[Answer]]") -> Answer:
    """What work at the desk comes to, on the stores of the settings."""
    from graph.desk import open_desk

    async def there() -> Answer:
        async with open_desk(settings) as desk:
            return await work(desk)

    return run(there())
