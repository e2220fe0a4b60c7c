"""Letters of a server, as its operator finds them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from db.mail import letters, post
from db.pool import Database, open_database
from schema.mail import Letter

LINK = "https://codes.example/verify?token=" + "t" * 100


def letter(number: int) -> Letter:
    return Letter(
        recipient=f"reader{number}@mail.example",
        subject=f"Größer {number}",
        body=f"Follow this link:\n{LINK}{number}\n",
        expires_at=datetime.now(UTC) + timedelta(hours=1),
    )


@pytest.fixture
async def outbox(catalogue_url: str) -> AsyncIterator[Database]:
    """The database of the servers here with letters to two readers, and none afterwards."""
    async with open_database(catalogue_url) as database:
        async with database.connection() as connection:
            await post(connection, letter(1))
            await post(connection, letter(2))
        yield database
        await database.fetch("DELETE FROM letter")


async def test_what_waits_is_listed_newest_last_without_its_text(
    codestile: Callable[..., Any], outbox: Database
) -> None:
    await outbox.fetch(
        "UPDATE letter SET tries = 1, last_error = '550 to RCPT', dropped_at = now(), body = '' "
        "WHERE recipient = 'reader1@mail.example'"
    )

    code, output, errors = await codestile("mail", "list")

    first, second = output.splitlines()
    assert (code, errors) == (0, "")
    assert first.startswith("reader1@mail.example  Größer 1  ")
    assert first.endswith(" s old, dropped (550 to RCPT)")
    assert second.startswith("reader2@mail.example  Größer 2  ")
    assert second.endswith(" s old, tried 0 times")
    assert "token" not in output
    await outbox.fetch("DELETE FROM letter")
    assert await codestile("mail", "list") == (0, "no letter waits\n", "")


async def test_letters_are_shown_only_where_they_land(codestile: Callable[..., Any]) -> None:
    assert await codestile("mail", "show") == (
        1,
        "",
        "codestile: letters land in no folder here: CODESTILE_MAIL_FOLDER is not set\n",
    )


async def test_a_letter_lands_and_its_link_is_printed(
    start_server: Callable[..., Any], run: Callable[..., Any], outbox: Database, tmp_path: Path
) -> None:
    async with start_server(CODESTILE_MAIL_FOLDER=str(tmp_path / "mail")):
        async with asyncio.timeout(30):
            while await letters(outbox, 10):
                await asyncio.sleep(0.05)

    show = ("mail", "show", "--data", str(tmp_path))
    assert await run(*show, "--to", "reader1@mail.example") == (
        0,
        f"To: reader1@mail.example\nSubject: Größer 1\n\nFollow this link:\n{LINK}1\n",
        "",
    )
    assert await run(*show, "--to", "nobody@mail.example") == (
        1,
        "",
        f"codestile: no such letter has landed in {tmp_path / 'mail'}\n",
    )
