"""Letters wait for the transaction that wrote them, and are in one pair of hands at a time."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from db.mail import (
    delete_letter,
    drop_expired,
    drop_letter,
    erase_letters,
    forget_dropped,
    letters,
    post,
    posts_heard,
    put_back,
    take_letters,
)
from db.pool import Database, open_database
from schema.mail import Letter

END = datetime(2100, 1, 1, tzinfo=UTC)


def letter(number: int = 1, **fields: Any) -> Letter:
    given = {
        "recipient": f"reader{number}@codes.example",
        "subject": f"Letter {number}",
        "body": "Hello.\n",
        "expires_at": END,
    }
    return Letter(**{**given, **fields})


async def posted(database: Database, *some: Letter) -> None:
    async with database.connection() as connection, connection.transaction():
        for each in some:
            await post(connection, each)


async def rows(database: Database) -> list[Any]:
    return await database.fetch(
        "SELECT id, body, tries, last_error, dropped_at IS NOT NULL AS is_dropped, "
        "extract(epoch FROM due_at - now())::float8 AS due_in FROM letter ORDER BY id"
    )


async def make_due(database: Database) -> None:
    await database.fetch("UPDATE letter SET due_at = now() - interval '1 second'")


async def test_a_letter_is_there_when_its_transaction_is_committed(database: Database) -> None:
    async with database.connection() as connection, connection.transaction():
        await post(connection, letter())
        before = await take_letters(database, 10, 60)

    [taken] = await take_letters(database, 10, 60)

    assert before == []
    assert (taken.letter, taken.tries) == (letter(), 1)
    assert abs(datetime.now(UTC) - taken.written_at) < timedelta(minutes=1)


async def test_a_letter_goes_with_the_transaction_that_is_rolled_back(database: Database) -> None:
    async with database.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await post(connection, letter())
        await transaction.rollback()

    assert await take_letters(database, 10, 60) == []


async def test_posting_rings_in_this_process(database: Database) -> None:
    with posts_heard() as bell, posts_heard() as other:
        await posted(database, letter())

        assert (bell.is_set(), other.is_set()) == (True, True)


async def test_many_servers_get_every_letter_once(database: Database, database_url: str) -> None:
    await posted(database, *(letter(number) for number in range(100)))

    async def all_of(server: Database) -> list[int]:
        got: list[int] = []
        while some := await take_letters(server, 3, 600):
            got += [each.id for each in some]
        return got

    async with open_database(database_url) as one, open_database(database_url) as two:
        taken = await asyncio.gather(*(all_of(server) for server in (one, two) for _ in range(5)))

    ids = sorted(id for some in taken for id in some)
    assert ids == [row["id"] for row in await rows(database)]
    assert len(ids) == 100


async def test_what_was_taken_and_forgotten_comes_back(database: Database) -> None:
    await posted(database, letter())
    await take_letters(database, 10, 60)
    [row] = await rows(database)
    assert 50 < row["due_in"] <= 60
    await make_due(database)

    [again] = await take_letters(database, 10, 60)

    assert again.tries == 2


async def test_what_was_sent_is_gone(database: Database) -> None:
    await posted(database, letter(1), letter(2))
    first, second = await take_letters(database, 10, 60)

    await delete_letter(database, first.id)

    assert [row["id"] for row in await rows(database)] == [second.id]


async def test_what_is_put_back_waits(database: Database) -> None:
    await posted(database, letter())
    [taken] = await take_letters(database, 10, 60)

    await put_back(database, taken, 300, "450 to RCPT")

    [row] = await rows(database)
    assert (row["tries"], row["last_error"]) == (1, "450 to RCPT")
    assert 290 < row["due_in"] <= 300
    assert await take_letters(database, 10, 60) == []


async def test_whoever_lost_a_letter_does_not_put_it_back(database: Database) -> None:
    await posted(database, letter())
    [late] = await take_letters(database, 10, 60)
    await make_due(database)
    await take_letters(database, 10, 600)

    await put_back(database, late, 0, "too late")

    [row] = await rows(database)
    assert (row["tries"], row["last_error"]) == (2, None)
    assert row["due_in"] > 500


async def test_what_waits_is_looked_at_when_it_expires(database: Database) -> None:
    await posted(database, letter(expires_at=datetime.now(UTC) + timedelta(seconds=100)))
    [taken] = await take_letters(database, 10, 60)

    await put_back(database, taken, 1800, "450 to RCPT")

    [row] = await rows(database)
    assert 80 < row["due_in"] <= 100


async def test_what_expired_is_dropped_with_its_text_unless_it_is_being_sent(
    database: Database,
) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    await posted(database, letter(1), letter(2), letter(3, expires_at=past))
    taken, failed = await take_letters(database, 10, 60)
    await put_back(database, failed, 0, "450 to RCPT")
    await database.fetch("UPDATE letter SET expires_at = now()")

    dropped = await drop_expired(database)

    held, _, never = await rows(database)
    assert dropped == [failed.id, never["id"]]
    assert (held["id"], held["is_dropped"]) == (taken.id, False)
    assert [(row["body"], row["last_error"]) for row in await rows(database)] == [
        ("Hello.\n", None),
        ("", "expired, after 450 to RCPT"),
        ("", "expired"),
    ]
    assert await take_letters(database, 10, 60) == []
    assert await drop_expired(database) == []


async def test_what_was_given_up_is_told_of_for_a_week(database: Database) -> None:
    await posted(database, letter(1), letter(2))
    first, second = await take_letters(database, 10, 60)
    await drop_letter(database, first.id, "550 to RCPT")
    await database.fetch("UPDATE letter SET written_at = now() - interval '90 seconds'")

    told = await letters(database, 10)
    await forget_dropped(database)
    kept = await letters(database, 10)
    await database.fetch("UPDATE letter SET dropped_at = dropped_at - interval '7 days'")
    await forget_dropped(database)

    assert [(each.id, each.is_dropped, each.last_error) for each in told] == [
        (first.id, True, "550 to RCPT"),
        (second.id, False, None),
    ]
    assert all(90 <= each.age_seconds < 150 for each in told)
    assert [each.id for each in kept] == [first.id, second.id]
    assert [each.id for each in await letters(database, 10)] == [second.id]


async def test_the_newest_are_told_of_newest_last(database: Database) -> None:
    await posted(database, *(letter(number) for number in range(5)))

    assert [each.subject for each in await letters(database, 2)] == ["Letter 3", "Letter 4"]


async def test_erasing_an_address_takes_all_its_letters(database: Database) -> None:
    await posted(database, letter(1), letter(1), letter(2))
    [first, *_] = await take_letters(database, 10, 60)
    await drop_letter(database, first.id, "550 to RCPT")

    async with database.connection() as connection:
        await erase_letters(connection, "READER1@codes.example")

    assert [each.recipient for each in await letters(database, 10)] == ["reader2@codes.example"]
