"""The commands for documents that clients send by name."""

from pathlib import Path
from typing import Annotated

import typer

from graph.command import Data, run, settings_of

documents_app = typer.Typer(
    no_args_is_help=True, help="Say which documents clients may send by name."
)


@documents_app.command()
def add(
    files: Annotated[
        list[Path],
        typer.Argument(help="What graphql-codegen, relay-compiler or Apollo lists, or a document."),
    ],
    data: Data = None,
) -> None:
    """Add the documents of files; every file has to be right, or nothing is added."""
    from db.pool import open_database
    from db.trusted import add_documents
    from graph.stores import stores_to_use
    from graph.trusted_files import read_documents

    settings = settings_of(data=data)
    documents = {id: text for file in files for id, text in read_documents(file).items()}

    async def work() -> int:
        from db.migrate import migrate

        async with stores_to_use(settings) as urls:
            await migrate(urls.database_url)
            async with open_database(urls.database_url) as database:
                return await add_documents(database, documents)

    added = run(work())
    print(f"{added} of {len(documents)} names added, {len(documents) - added} known already")


@documents_app.command("list")
def list_documents(data: Data = None) -> None:
    """Print every name, when it was added, and the beginning of its document."""
    from db.pool import open_database
    from db.trusted import TrustedDocument, trusted_documents
    from graph.stores import stores_to_use

    settings = settings_of(data=data)

    async def work() -> list[TrustedDocument]:
        async with (
            stores_to_use(settings, must_exist=True) as urls,
            open_database(urls.database_url) as database,
        ):
            return await trusted_documents(database)

    for known in run(work()):
        beginning = " ".join(known.text.split())[:60]
        print(f"{known.added_at:%Y-%m-%d %H:%M}  {known.id}  {beginning}")
