"""The commands of the desk: correct, grant, block, reset, erase, tell, export and import."""

import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from graph.command import Data, at_desk, settings_of

if TYPE_CHECKING:
    from graph.desk import Desk, Told

desk_app = typer.Typer(no_args_is_help=True)

Viewer = Annotated[str, typer.Argument(help="Pseudonym of a guest, g…, or of an account, u….")]
Actor = Annotated[str, typer.Option(help="Your user id: letters, digits, _ and -.")]
Reason = Annotated[str, typer.Option(help="One sentence that names nobody.")]
Shard = Annotated[int | None, typer.Option(help="Where a guest is; by default it is looked for.")]
Request = Annotated[
    str | None, typer.Option(help="Repeat the request that a command named, within an hour.")
]


class Form(StrEnum):
    """How events are exported."""

    CLOUDEVENTS = "cloudevents"
    CSV = "csv"


@desk_app.command()
def void(
    viewer: Viewer,
    code: Annotated[str, typer.Argument(help="The code, such as ICD10CM:I10.")],
    cause: Annotated[str, typer.Option(help="One word in small letters.")],
    actor: Actor,
    reason: Reason,
    shard: Shard = None,
    request: Request = None,
    data: Data = None,
) -> None:
    """Give a charged view back: the code closes, the view can be spent anew."""
    from graph.asked import Asked, code_of
    from schema.acts import VoidUnlock

    asked, of = Asked(actor, reason, request), code_of(code)
    _tell(data, lambda desk: desk.act(VoidUnlock, viewer, shard, asked, code=of, cause=cause))


@desk_app.command()
def grant(
    viewer: Viewer,
    units: Annotated[int, typer.Argument(help="Views in every window.")],
    actor: Actor,
    reason: Reason,
    until: Annotated[
        str | None, typer.Option(help="Day or instant, UTC, from which they count no more.")
    ] = None,
    shard: Shard = None,
    request: Request = None,
    data: Data = None,
) -> None:
    """Grant views on top of the plan, for ever or until a date."""
    from graph.asked import Asked, instant_of
    from schema.acts import GrantViews
    from schema.errors import OptionRefused

    asked, end = Asked(actor, reason, request), instant_of(until) if until else None
    if end is not None and end <= datetime.now(UTC):
        raise OptionRefused(f"--until {until} lies behind")
    _tell(
        data,
        lambda desk: desk.act(GrantViews, viewer, shard, asked, units=units, expires_at=end),
    )


@desk_app.command()
def ungrant(
    viewer: Viewer,
    seq: Annotated[int, typer.Argument(help="The number behind the dash of the grant's event.")],
    actor: Actor,
    reason: Reason,
    shard: Shard = None,
    request: Request = None,
    data: Data = None,
) -> None:
    """Take a grant back; what was opened with it stays open."""
    from graph.asked import Asked
    from schema.acts import VoidGrant

    asked = Asked(actor, reason, request)
    _tell(data, lambda desk: desk.act(VoidGrant, viewer, shard, asked, grant_seq=seq))


@desk_app.command()
def block(
    viewer: Viewer,
    actor: Actor,
    reason: Reason,
    shard: Shard = None,
    request: Request = None,
    data: Data = None,
) -> None:
    """Close access to code pages."""
    from graph.asked import Asked
    from schema.acts import BlockViewer

    asked = Asked(actor, reason, request)
    _tell(data, lambda desk: desk.act(BlockViewer, viewer, shard, asked))


@desk_app.command()
def unblock(
    viewer: Viewer,
    actor: Actor,
    reason: Reason,
    shard: Shard = None,
    request: Request = None,
    data: Data = None,
) -> None:
    """Open access to code pages again."""
    from graph.asked import Asked
    from schema.acts import UnblockViewer

    asked = Asked(actor, reason, request)
    _tell(data, lambda desk: desk.act(UnblockViewer, viewer, shard, asked))


@desk_app.command()
def reset(
    actor: Actor,
    reason: Reason,
    viewer: Annotated[str | None, typer.Argument(help="Pseudonym of a guest or account.")] = None,
    network: Annotated[
        str | None, typer.Option(help="Name of a network, 12 characters, instead of a viewer.")
    ] = None,
    shard: Shard = None,
    request: Request = None,
    data: Data = None,
) -> None:
    """Let a viewer's window, or with --network and --shard a network's budget, begin anew."""
    from graph.asked import Asked
    from schema.acts import ResetViewer
    from schema.errors import OptionRefused

    asked = Asked(actor, reason, request)
    if viewer is not None and network is None:
        _tell(data, lambda desk: desk.act(ResetViewer, viewer, shard, asked))
    if viewer is not None or network is None or shard is None:
        raise OptionRefused("name a viewer, or a network by --network and --shard")
    _tell(data, lambda desk: desk.reset_network(network, shard, asked))


@desk_app.command()
def erase(
    viewer: Viewer,
    actor: Actor,
    reason: Reason,
    shard: Shard = None,
    request: Request = None,
    data: Data = None,
) -> None:
    """Erase everything known of a viewer, and of the guests that an account was."""
    from graph.asked import Asked

    asked = Asked(actor, reason, request)
    _tell(data, lambda desk: desk.erase(viewer, shard, asked))


@desk_app.command("viewer")
def tell_viewer(viewer: Viewer, shard: Shard = None, data: Data = None) -> None:
    """Print everything that is kept about one viewer, as JSON."""
    import orjson

    known = at_desk(settings_of(data=data), lambda desk: desk.known_of(viewer, shard))
    if known is None:
        print(f"nothing is known of {viewer}")
        raise typer.Exit(1)
    print(orjson.dumps(known, option=orjson.OPT_INDENT_2).decode())


@desk_app.command()
def export(
    start: Annotated[str, typer.Option("--from", help="First day or instant, UTC.")],
    end: Annotated[str, typer.Option("--to", help="The day or instant, UTC, that ends before.")],
    form: Annotated[Form, typer.Option("--format", help="Form of the output.")] = Form.CLOUDEVENTS,
    data: Data = None,
) -> None:
    """Print archived events by when they were recorded, ordered by shard and number."""
    from graph.asked import instant_of

    span = instant_of(start), instant_of(end)

    async def print_all(desk: "Desk") -> None:
        waiting = await desk.not_archived()
        async for lines in desk.exported(span, form.value):
            sys.stdout.write("".join(lines))
        sys.stdout.flush()
        if waiting:
            told = f"{waiting} events are not archived yet and may be missing above"
            print(f"codestile: {told}", file=sys.stderr)

    try:
        at_desk(settings_of(data=data), print_all)
    except BrokenPipeError:
        # Whoever reads has enough; what is still buffered must not be tried again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None


@desk_app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="CloudEvents, one a line, as `ledger export` prints them.")
    ],
    is_dry: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be entered, and enter nothing.")
    ] = False,
    data: Data = None,
) -> None:
    """Enter the unlocks that an export tells of; what is here already is not entered again."""
    from graph.importing import import_file
    from schema.errors import OptionRefused

    try:
        opened = file.open("rb")
    except OSError as refused:
        raise OptionRefused(f"{file}: {refused.strerror or refused}") from refused
    with opened:
        _tell(data, lambda desk: import_file(desk, opened, str(file), is_dry=is_dry))


def _tell(data: Data, work: "Callable[[Desk], Awaitable[Told]]") -> NoReturn:
    """Print how the work ended, and end the command."""
    told = at_desk(settings_of(data=data), work)
    print(told.sentence)
    raise typer.Exit(0 if told.is_done else 1)
