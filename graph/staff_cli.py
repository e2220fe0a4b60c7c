"""The commands that make and unmake members of the staff."""

from typing import Annotated

import typer

from graph.command import Data, at_desk, settings_of

staff_app = typer.Typer(no_args_is_help=True, help="Say who works for the site.")

Email = Annotated[str, typer.Argument(help="Their e-mail address.")]


@staff_app.command()
def create(email: Email, data: Data = None) -> None:
    """Make an account one of the staff and print a link by which its password is set.

    Where there is no account of that address, a new one is made.
    """
    from graph.staff import hire
    from graph.stores import site_there

    settings = settings_of(data=data)
    hired = at_desk(settings, lambda desk: hire(desk, email, site_there(settings)))
    print(f"{hired.account_id} {'is' if hired.was_staff else 'became'} a member of the staff")
    print(f"until {hired.expires_at:%Y-%m-%d %H:%M} UTC the password is set at")
    print(hired.link)


@staff_app.command()
def remove(email: Email, data: Data = None) -> None:
    """Make a member of the staff a reader like others, and end every session of theirs."""
    from graph.staff import dismiss

    left = at_desk(settings_of(data=data), lambda desk: dismiss(desk, email))
    if left is None:
        print("nothing done: no member of the staff has that address")
        raise typer.Exit(1)
    print(f"{left} is a member of the staff no more")
