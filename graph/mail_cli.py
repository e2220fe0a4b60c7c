"""The commands of mail: what waits to go out, and what landed in the folder."""

from typing import TYPE_CHECKING, Annotated

import typer

from graph.command import Data, run, settings_of

if TYPE_CHECKING:
    from schema.mail import LetterStanding

mail_app = typer.Typer(no_args_is_help=True, help="Look at letters, waiting or landed.")


@mail_app.command("list")
def list_(
    most: Annotated[int, typer.Option(min=1, help="How many at most, the newest.")] = 100,
    data: Data = None,
) -> None:
    """List the letters that wait and those that were given up, newest last."""
    from db.mail import letters
    from db.pool import open_database
    from graph.stores import stores_to_use

    async def work() -> "list[LetterStanding]":
        async with (
            stores_to_use(settings_of(data=data), must_exist=True) as urls,
            open_database(urls.database_url) as database,
        ):
            return await letters(database, most)

    print("\n".join(map(_line, run(work()))) or "no letter waits")


def _line(letter: "LetterStanding") -> str:
    state = "dropped" if letter.is_dropped else f"tried {letter.tries} times"
    reason = f" ({letter.last_error})" if letter.last_error else ""
    return f"{letter.recipient}  {letter.subject}  {letter.age_seconds} s old, {state}{reason}"


@mail_app.command()
def show(
    to: Annotated[
        str | None, typer.Option(help="Address, instead of whoever was written to last.")
    ] = None,
    data: Data = None,
) -> None:
    """Print the letter that landed last in the folder, with its link."""
    from graph.mail.folder import newest_letter
    from schema.errors import OptionRefused

    folder = settings_of(data=data).letters_folder
    if folder is None:
        raise OptionRefused("letters land in no folder here: CODESTILE_MAIL_FOLDER is not set")
    letter = newest_letter(folder, to)
    if letter is None:
        raise OptionRefused(f"no such letter has landed in {folder}")
    print(f"To: {letter.recipient}\nSubject: {letter.subject}\n\n{letter.body}", end="")
