"""The commands that load official files into the catalogue."""

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import typer.core

from graph.command import Data, run, settings_of
from schema.errors import OptionRefused

if TYPE_CHECKING:
    from db.load import LoadReport
    from db.load.transaction import Step
    from schema.holdings import Holding

load_app = typer.Typer(
    invoke_without_command=True,
    help="Load official files into the catalogue; alone, tell what is loaded and what is missing.",
)

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
    from db.load.transaction import load
    from db.migrate import migrate
    from graph.progress import lines_of, showing_progress
    from graph.stores import stores_to_use

    async def work() -> "list[LoadReport]":
        async with stores_to_use(settings_of(data=data)) as urls:
            await migrate(urls.database_url)
            with showing_progress() as progress:
                return await load(urls.database_url, steps, progress, is_trial=is_trial)

    reports = run(work())
    print(*lines_of(reports), sep="\n")
    if is_trial:
        print("nothing of it was kept: this was a dry run")


@load_app.callback()
def _tell(context: typer.Context, data: Data = None) -> None:
    if context.invoked_subcommand is None:
        assert isinstance(context.command, typer.core.TyperGroup)
        tell_holdings(data, context.command.commands)
    elif data is not None:
        raise OptionRefused(f"give --data behind {context.invoked_subcommand}: it is its option")


def tell_holdings(data: Path | None, commands: Collection[str]) -> None:
    """Print what is loaded and what is missing; `commands` are those that can load."""
    from db.holdings import holdings
    from db.migrate import migrate
    from db.pool import open_database
    from graph.load_status import advice, lines_of
    from graph.stores import stores_to_use

    async def work() -> "tuple[Holding, ...]":
        async with stores_to_use(settings_of(data=data)) as urls:
            await migrate(urls.database_url)
            async with open_database(urls.database_url) as database:
                return await holdings(database, datetime.now(UTC).date())

    found = run(work())
    print(*lines_of(found), "", *advice(found, commands), sep="\n")


@load_app.command("default")
def load_default(dry_run: Trial = False, data: Data = None) -> None:
    """Load every release that the installed packages carry; loaded ones are left alone."""
    from db.load.default import steps_where_free

    load_files(data, steps_where_free(), is_trial=dry_run)
