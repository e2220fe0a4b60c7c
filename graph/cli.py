"""The commands: serve, worker, migrate, load, license, ledger, mail, staff, documents, sdl."""

import os
import sys
from importlib import metadata
from typing import Annotated

import typer

from graph.command import Data
from graph.command import run as _run
from graph.command import settings_of as _settings
from graph.desk_cli import desk_app
from graph.documents_cli import documents_app
from graph.hcpcs_cli import hcpcs_app
from graph.ledger_cli import mending_app
from graph.license_cli import license_app
from graph.load_cli import load_app
from graph.load_edits_cli import load_edits_app
from graph.load_icd10_cli import icd10_app
from graph.load_maps_cli import maps_app
from graph.mail_cli import mail_app
from graph.staff_cli import staff_app
from schema.errors import CodestileError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    invoke_without_command=True,
    help="GraphQL backend of a medical-coding reference site.",
    pretty_exceptions_enable=False,
)
ledger_app = typer.Typer(
    no_args_is_help=True, help="Prove, correct, mend and export the usage ledger."
)
load_app.add_typer(hcpcs_app)
load_app.add_typer(icd10_app)
load_app.add_typer(load_edits_app)
app.add_typer(load_app, name="load")
app.add_typer(license_app, name="license")
load_app.add_typer(maps_app)
ledger_app.add_typer(desk_app)
app.add_typer(ledger_app, name="ledger")
ledger_app.add_typer(mending_app)
app.add_typer(mail_app, name="mail")
app.add_typer(staff_app, name="staff")
app.add_typer(documents_app, name="documents")


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)
    ] = False,
) -> None:
    if version:
        print(metadata.version("codestile"))
        raise typer.Exit


def main() -> None:
    """The console script: a refusal is one sentence on standard error and exit code 1."""
    _open_standard_streams()
    try:
        app()
    except CodestileError as refused:
        print(f"codestile: {refused}", file=sys.stderr)
        raise SystemExit(1) from None


def _open_standard_streams() -> None:
    """Give the process the streams that a service manager may have closed: the event loop would
    take their numbers for its own files, and end the process when something else closes them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


@app.command()
def serve(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
) -> None:
    """Start the stores, load the catalogue on first use, and answer at /graphql."""
    from graph.serve import serve as run

    _run(run(_settings(data=data, host=host, port=port)))


@app.command()
def worker(
    data: Data = None,
    every: Annotated[
        float, typer.Option(min=1, help="Seconds from one proof of the ledger to the next.")
    ] = 3600,
    months_kept: Annotated[
        int | None,
        typer.Option(
            "--keep-months",
            min=1,
            help="Whole months of events that stay, instead of CODESTILE_MONTHS_KEPT.",
        ),
    ] = None,
) -> None:
    """Archive the ledger, prove it every hour, beside the servers, and log what differs."""
    from graph.worker import work

    _run(work(_settings(data=data), every_seconds=every, months_kept=months_kept))


@app.command()
def migrate(data: Data = None) -> None:
    """Bring the database to the newest form."""
    from db.migrate import migrate as apply
    from graph.stores import stores_to_use

    async def work() -> list[str]:
        async with stores_to_use(_settings(data=data)) as urls:
            return await apply(urls.database_url)

    applied = _run(work())
    print("\n".join(applied) or "nothing to apply")


@ledger_app.command()
def verify(data: Data = None) -> None:
    """Prove every balance against the log; exit code 1 and a sentence for each difference."""
    from graph.ledger import verified

    report = _run(verified(_settings(data=data)))
    for problem in report.problems:
        print(f"{problem.kind}: {problem.first} ({problem.count} in all)")
    print(
        f"{report.events} events ({report.archived} archived), {report.viewers} viewers, "
        f"{report.networks} networks, {report.receipts} receipts: "
        + ("every balance equals the fold of the log." if report.holds else "NOT proved.")
    )
    raise typer.Exit(0 if report.holds else 1)


@ledger_app.command("public-key")
def public_key(data: Data = None) -> None:
    """Print the key that proves the checkpoints of the archive, for auditors; 64 digits."""
    from graph.secret import checkpoint_seed, known_secret
    from metering.chain import public_key as key_of

    print(key_of(checkpoint_seed(known_secret(_settings(data=data)))).hex())


@app.command()
def sdl() -> None:
    """Print the published GraphQL schema."""
    from graph.sdl import printed

    print(printed(), end="")
