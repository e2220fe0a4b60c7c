"""The commands that load official files into the catalogue."""

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph.command import Data, run, settings_of

if TYPE_CHECKING:
    from db.load import LoadReport
    from db.load.transaction import Step

load_app = typer.Typer(no_args_is_help=True, help="Load official files into the catalogue.")

File = Annotated[
    Path, typer.Argument(help="The file as its agency publishes it, bare or in its zip archive.")
]
Label = Annotated[
    str, typer.Option("--release", help="The edition, in the publisher's words: FY2027.")
]
Effective = Annotated[
    datetime, typer.Option(formats=["%Y-%m-%d"], help="First day of the edition: 2026-10-01.")
]
Trial = Annotated[
    bool, typer.Option("--dry-run", help="Print what would change, and keep nothing of it.")
]


def day(moment: datetime) -> date:
    """The day that an option names."""
    return moment.date()


def load_files(data: Path | None, steps: "Iterable[Step]", *, is_trial: bool = False) -> None:
    """Bring the database to the newest form, load, and print what changed."""
    from rich.console import Console

    from db.load.transaction import load
    from db.migrate import migrate
    from graph.progress import showing_progress, table_of
    from graph.stores import stores_to_use

    async def work() -> "list[LoadReport]":
        async with stores_to_use(settings_of(data=data)) as urls:
            await migrate(urls.database_url)
            with showing_progress() as progress:
                return await load(urls.database_url, steps, progress, is_trial=is_trial)

    reports = run(work())
    Console().print(table_of(reports))
    if is_trial:
        print("nothing of it was kept: this was a dry run")


@load_app.command("default")
def load_default(data: Data = None) -> None:
    """Load every release that the installed packages carry; loaded ones are left alone."""
    from db.load.default import steps_where_free

    load_files(data, steps_where_free())
