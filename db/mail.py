"""Letters that have to go out: kept with what they tell of, then taken by one process at a time."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from db.pool import Database
from db.queries import statements
from schema.mail import Letter, LetterStanding, WaitingLetter

KEPT_SECONDS = 7 * 86_400.0
"""How long a letter that was given up can be told of."""

# A transaction does not tell when it ends, and whoever posts knows nothing of who sends.
_bells: set[asyncio.Event] = set()


@contextmanager
def posts_heard() -> Iterator[asyncio.Event]:
    """An event of this loop, set whenever this process posts: shortly before the letter is there,
    since its transaction goes on."""
    bell = asyncio.Event()
    _bells.add(bell)
    try:
        yield bell
    finally:
        _bells.remove(bell)


async def post(connection: "asyncpg.Connection[asyncpg.Record]", letter: Letter) -> None:
    """Write a letter down; it goes out if the connection's transaction is committed, and only
    then."""
    await connection.execute(
        statements("mail")["post_letter"],
        *(letter.recipient, letter.subject, letter.body, letter.expires_at),
    )
    for bell in _bells:
        bell.set()


async def take_letters(database: Database, most: int, seconds: float) -> list[WaitingLetter]:
    """Letters that are due; for `seconds` nobody else gets them, then whoever asks."""
    rows = await database.fetch(statements("mail")["take_letters"], most, seconds)
    return [_waiting(row) for row in rows]


def _waiting(row: asyncpg.Record) -> WaitingLetter:
    # Validated when it was posted: what is no letter any more must not stop the others.
    letter = Letter.model_construct(
        recipient=row["recipient"],
        subject=row["subject"],
        body=row["body"],
        expires_at=row["expires_at"],
    )
    return WaitingLetter(
        id=row["id"], letter=letter, written_at=row["written_at"], tries=row["tries"]
    )


async def delete_letter(database: Database, letter_id: int) -> None:
    """Forget a letter that was sent."""
    await database.fetch(statements("mail")["delete_letter"], letter_id)


async def put_back(database: Database, taken: WaitingLetter, seconds: float, error: str) -> None:
    """Have a letter wait, or expire, unless it was taken by somebody else meanwhile."""
    await database.fetch(
        statements("mail")["put_letter_back"], taken.id, taken.tries, seconds, error
    )


async def drop_letter(database: Database, letter_id: int, error: str) -> None:
    """Give a letter up; its text is forgotten at once."""
    await database.fetch(statements("mail")["drop_letter"], letter_id, error)


async def drop_expired(database: Database) -> list[int]:
    """The ids of the letters that are worth nothing any more and are given up by this, sorted."""
    rows = await database.fetch(statements("mail")["drop_expired_letters"])
    return sorted(row["id"] for row in rows)


async def forget_dropped(database: Database, seconds: float = KEPT_SECONDS) -> None:
    """Forget the letters that were given up longer ago."""
    await database.fetch(statements("mail")["forget_dropped_letters"], seconds)


async def erase_letters(connection: "asyncpg.Connection[asyncpg.Record]", recipient: str) -> None:
    """Forget every letter to an address, however it was written, in the connection's
    transaction."""
    await connection.execute(statements("mail")["erase_letters"], recipient)


async def letters(database: Database, most: int) -> list[LetterStanding]:
    """What waits and what was given up, the newest so many, newest last."""
    rows = await database.fetch(statements("mail")["letters"], most)
    return [LetterStanding(**dict(row)) for row in rows]
