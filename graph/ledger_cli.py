"""The commands that mend the ledger, and that ask the archive what would have been."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph.command import Data, run, settings_of

if TYPE_CHECKING:
    from metering.rebuild import Rebuilt

mending_app = typer.Typer()

SHARDS = 64


@mending_app.command("rebuild")
def rebuild(
    data: Data = None,
    shard: Annotated[
        list[int] | None,
        typer.Option(min=0, max=SHARDS - 1, help="A shard, several times for several; else all."),
    ] = None,
    cause: Annotated[
        str, typer.Option(help="One word for the event that opens the new epoch.")
    ] = "rebuild",
    force: Annotated[
        bool, typer.Option("--force", help="Also where the archive missed events.")
    ] = False,
) -> None:
    """Make the live state anew from the archive and the log, in a new epoch."""
    import re

    from graph.rebuilding import rebuilt

    if not re.fullmatch("[a-z][a-z_]*", cause):
        raise typer.BadParameter("one word of small letters", param_hint="--cause")
    shards = sorted(set(shard or range(SHARDS)))
    done = run(rebuilt(settings_of(data=data), shards, cause, is_forced=force))
    for each in done:
        print(_told(each))
    raise typer.Exit(1 if any(each.not_carried for each in done) else 0)


def _told(done: "Rebuilt") -> str:
    """One shard in one line."""
    line = (
        f"shard {done.shard}: epoch {done.epoch} from event {done.seq}, {done.events} events, "
        f"{done.viewers} viewers, {done.networks} networks"
    )
    if done.is_tail_lost:
        line += (
            f"; the log had lost its end: {done.imported} views recorded again, "
            f"{done.over_granted} of them above the limit"
        )
    if done.not_carried:
        acts = ", ".join(f"{count} {kind}" for kind, count in done.not_carried.items())
        line += f"; NOT carried over: {acts}"
    return line


@mending_app.command("replay")
def replay(
    plan: Annotated[Path, typer.Option(help="The other plans: a TOML or JSON file.")],
    data: Data = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day that is counted, UTC."),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Last day that is counted, UTC."),
    ] = None,
) -> None:
    """Say what other plans would have granted in what is archived; changes nothing."""
    from graph.replaying import replayed, table_of

    days = (first.date() if first else None, last.date() if last else None)
    print(table_of(run(replayed(settings_of(data=data), plan, *days))))
