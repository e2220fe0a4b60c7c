"""The commands that say whom a licence of texts covers."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from graph.command import Data, run, settings_of
from graph.load_cli import day

if TYPE_CHECKING:
    from schema.licenses import License

license_app = typer.Typer(no_args_is_help=True, help="Say which plans a licence of texts covers.")

_DAY = ["%Y-%m-%d"]


@license_app.command("record")
def record(
    id: Annotated[
        str, typer.Argument(help="The licence, as given to `load cpt --i-hold-an-ama-license`.")
    ],
    holder: Annotated[str, typer.Option(help="Who was given it.")],
    begins: Annotated[
        datetime, typer.Option("--from", formats=_DAY, help="First day on which texts are shown.")
    ],
    plans: Annotated[
        list[str], typer.Option("--plan", help="A plan whose readers it covers; may be repeated.")
    ],
    ends: Annotated[
        datetime | None, typer.Option("--until", formats=_DAY, help="Last day; left out: no end.")
    ] = None,
    data: Data = None,
) -> None:
    """Show the texts of CPT held under a licence to the readers of some plans.

    Recording it again takes the place of what was recorded, so that a licence ends by an `--until`.
    """
    from pydantic import ValidationError

    from db.licenses import record_license
    from db.pool import open_database
    from graph.stores import stores_to_use
    from schema.codes import CodeSystemKey
    from schema.errors import OptionRefused
    from schema.licenses import License

    try:
        license = License(
            id=id,
            system=CodeSystemKey.CPT,
            holder=holder,
            effective_from=day(begins),
            effective_to=day(ends) if ends else None,
            plan_keys=tuple(dict.fromkeys(plans)),
        )
    except ValidationError as refused:
        raise OptionRefused(refused.errors()[0]["msg"].removeprefix("Value error, ")) from None

    async def work() -> None:
        async with (
            stores_to_use(settings_of(data=data)) as urls,
            open_database(urls.database_url) as database,
        ):
            await record_license(database, license)

    run(work())
    print(_told(license))


@license_app.command("list")
def list_licenses(data: Data = None) -> None:
    """Print every licence that was recorded."""
    from db.licenses import licenses
    from db.pool import open_database
    from graph.stores import stores_to_use

    async def work() -> "tuple[License, ...]":
        async with (
            stores_to_use(settings_of(data=data)) as urls,
            open_database(urls.database_url) as database,
        ):
            return await licenses(database)

    print("\n".join(map(_told, run(work()))) or "no licence is recorded")


def _told(license: "License") -> str:
    until = f"until {license.effective_to}" if license.effective_to else "without end"
    plans = ", ".join(license.plan_keys)
    return (
        f"{license.id}: {license.system} of {license.holder}, from {license.effective_from} "
        f"{until}, for the plans {plans}"
    )
