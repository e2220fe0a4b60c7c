"""What waits is sent once, soon, and again later when it could not be; nobody else notices."""

import asyncio
import json
import logging
import stat
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
import structlog

from db.mail import letters, post, take_letters
from db.pool import Database, open_database
from graph import log
from graph.mail import sender as sender_module
from graph.mail.folder import FileDrop, Landed, newest_letter
from graph.mail.mailer import Mailer
from graph.mail.message import sender_of
from graph.mail.sender import Sender, back_off, message_id
from graph.mail.server import read_mail_url
from graph.mail.smtp import Smtp
from schema.errors import LetterRefused, MailUnavailable
from schema.mail import Letter
from tests.faults.mail import mail_server

DOMAIN = "codes.example"
US = sender_of(f"Codestile <no-reply@{DOMAIN}>")


def letter(number: int = 1, **fields: Any) -> Letter:
    given = {
        "recipient": f"reader{number}@mail.example",
        "subject": f"Letter {number}",
        "body": f"Hello {number}.\n",
        "expires_at": datetime(2100, 1, 1, tzinfo=UTC),
    }
    return Letter(**{**given, **fields})


async def posted(database: Database, *some: Letter) -> None:
    async with database.connection() as connection, connection.transaction():
        for each in some:
            await post(connection, each)


class Post:
    """Keeps what it is given; raises what it is told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.raises: Exception | None = None
        self.hangs = False

    async def send(self, letter: Letter, message_id: str) -> None:
        """As Mailer.send."""
        await asyncio.sleep(3600 if self.hangs else 0)
        if self.raises is not None:
            raise self.raises
        self.sent.append((letter.recipient, message_id))


@pytest.fixture
def office() -> Post:
    return Post()


def sender(database: Database, mailer: Mailer | None) -> Sender:
    return Sender(database, mailer, DOMAIN)


@pytest.fixture
async def running(database: Database, office: Post) -> AsyncIterator[None]:
    task = asyncio.create_task(sender(database, office).run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until_sent(office: Post, count: int) -> None:
    async with asyncio.timeout(20):
        while len(office.sent) < count:
            await asyncio.sleep(0.01)


async def waits(database: Database) -> list[tuple[int, float, str | None]]:
    """Of each letter: its tries, the seconds until it is due, and what went wrong."""
    rows = await database.fetch(
        "SELECT tries, extract(epoch FROM due_at - now())::float8 AS seconds, last_error "
        "FROM letter ORDER BY id"
    )
    return [(row["tries"], row["seconds"], row["last_error"]) for row in rows]


async def test_what_waits_is_sent_and_forgotten(database: Database, office: Post) -> None:
    await posted(database, *(letter(number) for number in range(10)))

    assert await sender(database, office).look() == 10

    assert sorted(to for to, _ in office.sent) == [f"reader{n}@mail.example" for n in range(10)]
    assert await letters(database, 10) == []


async def test_two_servers_send_each_letter_once(
    database: Database, database_url: str, office: Post
) -> None:
    await posted(database, *(letter(number) for number in range(60)))

    async with open_database(database_url) as other:
        counts = await asyncio.gather(
            *(sender(server, office).look() for server in (database, other) for _ in range(3))
        )

    assert sum(counts) == len(office.sent) == len(set(office.sent)) == 60


@pytest.mark.usefixtures("running")
async def test_a_letter_of_this_process_goes_as_soon_as_it_is_committed(
    database: Database, office: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "LOOK_SECONDS", 3600.0)
    await asyncio.sleep(0.1)

    async with database.connection() as connection, connection.transaction():
        await post(connection, letter())
        await asyncio.sleep(0.05)
        assert office.sent == []
    await until_sent(office, 1)


@pytest.mark.usefixtures("running")
async def test_a_letter_of_another_process_is_found(database: Database, office: Post) -> None:
    await database.fetch(
        "INSERT INTO letter (recipient, subject, body, expires_at) "
        "VALUES ('a@b.example', 'S', 'B', now() + interval '1 hour')"
    )

    await until_sent(office, 1)


def test_a_letter_waits_longer_each_time() -> None:
    assert sender_module.LOOK_SECONDS == 2.0
    assert [back_off(tries) for tries in range(1, 9)] == [5, 15, 60, 300, 900, 1800, 1800, 1800]


@pytest.mark.parametrize(
    ("raised", "told"),
    [(MailUnavailable("450 to RCPT"), "450 to RCPT"), (KeyError("a@b.example"), "KeyError")],
)
async def test_a_letter_that_fails_waits_and_then_goes(
    database: Database, office: Post, raised: Exception, told: str
) -> None:
    await posted(database, letter())
    office.raises = raised
    for tries in (1, 2, 3):
        await sender(database, office).look()
        [(counted, seconds, error)] = await waits(database)
        assert (counted, error) == (tries, told)
        assert back_off(tries) - 5 < seconds <= back_off(tries)
        await database.fetch("UPDATE letter SET due_at = now()")
    office.raises = None

    await sender(database, office).look()

    assert len(office.sent) == 1
    assert await letters(database, 10) == []


async def test_a_letter_that_is_refused_for_good_is_given_up(
    database: Database, office: Post
) -> None:
    await posted(database, letter())
    office.raises = LetterRefused("550 to RCPT")

    await sender(database, office).look()

    [told] = await letters(database, 10)
    assert (told.is_dropped, told.last_error, told.tries) == (True, "550 to RCPT", 1)
    office.raises = None
    assert await sender(database, office).look() == 0
    assert office.sent == []


async def test_what_expired_is_given_up_and_counted(database: Database, office: Post) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    await posted(database, *(letter(number, expires_at=past) for number in range(3)))

    with structlog.testing.capture_logs() as logged:
        await sender(database, office).look()

    assert office.sent == []
    ids = [each.id for each in await letters(database, 10)]
    assert logged == [
        {"event": "letters_expired", "count": 3, "letters": ids, "log_level": "warning"}
    ]


async def test_a_crash_between_sending_and_forgetting_sends_a_second_copy_of_one_name(
    database: Database, office: Post
) -> None:
    await posted(database, letter())
    [taken] = await take_letters(database, 1, 60)
    await office.send(taken.letter, message_id(taken, DOMAIN))
    assert await sender(database, office).look() == 0
    await database.fetch("UPDATE letter SET due_at = now()")  # the lease is over

    await sender(database, office).look()

    assert len(office.sent) == 2
    assert len(set(office.sent)) == 1


async def test_without_a_way_out_letters_wait(database: Database) -> None:
    await posted(database, letter())

    assert await sender(database, None).look() == 0

    assert [(each.tries, each.is_dropped) for each in await letters(database, 10)] == [(0, False)]


async def test_a_mail_server_that_hangs_holds_no_connection(
    database_url: str, office: Post
) -> None:
    office.hangs = True
    async with open_database(database_url, size=1) as database:
        await posted(database, letter())
        task = asyncio.create_task(sender(database, office).run())
        async with asyncio.timeout(20):
            while (await waits(database))[0][0] == 0:
                await asyncio.sleep(0.01)

        rows = await asyncio.gather(*(database.fetch("SELECT 1 AS one") for _ in range(20)))

        assert len(rows) == 20
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_lands_is_readable_by_its_owner_only(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "mail"
    await posted(database, letter())

    with structlog.testing.capture_logs() as logged:
        await sender(database, FileDrop(folder, US)).look()

    [file] = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert logged == [{"event": "letter_landed", "file": str(file), "log_level": "info"}]
    read = BytesParser(EmailMessage, policy=policy.default).parsebytes(file.read_bytes())
    assert read["Message-ID"] == f"<{file.stem}@{DOMAIN}>"
    assert (read["To"], read["Auto-Submitted"]) == ("reader1@mail.example", "auto-generated")


async def test_the_newest_letter_that_landed_is_found(tmp_path: Path) -> None:
    drop = FileDrop(tmp_path, US)
    for number in (1, 2, 1):
        await drop.send(letter(number), f"<letter.{number}@{DOMAIN}>")
        await asyncio.sleep(0.02)

    assert len(list(tmp_path.iterdir())) == 2
    newest = Landed("reader1@mail.example", "Letter 1", "Hello 1.\n")
    assert newest_letter(tmp_path) == newest
    assert newest_letter(tmp_path, "READER1@mail.example") == newest
    assert newest_letter(tmp_path, "reader2@mail.example") == Landed(
        "reader2@mail.example", "Letter 2", "Hello 2.\n"
    )
    assert newest_letter(tmp_path, "nobody@mail.example") is None
    assert newest_letter(tmp_path / "nowhere") is None


async def test_a_folder_that_cannot_be_written_is_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(MailUnavailable, match="the folder of mail"):
        await FileDrop(tmp_path / "file", US).send(letter(), f"<letter.1@{DOMAIN}>")


@pytest.fixture
def _put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    logging.getLogger("uvicorn.access").disabled = False


CANARY = "canary"


@pytest.mark.usefixtures("_put_back")
async def test_neither_address_nor_token_nor_text_is_logged(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str], office: Post
) -> None:
    log.configure(as_json=True, level=logging.DEBUG)
    logging.getLogger("mail.log").disabled = True  # the tests' own server
    secret = letter(
        recipient=f"{CANARY}@{CANARY}.example",
        subject=f"{CANARY} subject",
        body=f"https://codes.example/verify?token={CANARY}\n",
    )
    office.raises = ValueError(f"{CANARY}@{CANARY}.example")
    past = datetime.now(UTC) - timedelta(seconds=1)
    async with mail_server() as inbox:
        url = f"smtp://127.0.0.1:{inbox.port}?starttls=never"
        smtp = Smtp(read_mail_url(url), US)
        for mailer, code in ((office, 250), (smtp, 450), (smtp, 550)):
            inbox.rcpt = f"{code} {CANARY}@{CANARY}.example"
            await posted(database, secret)
            await sender(database, mailer).look()
        await posted(database, secret, secret.model_copy(update={"expires_at": past}))
        await sender(database, FileDrop(tmp_path, US)).look()
    logging.getLogger("mail.log").disabled = False

    written = capsys.readouterr().err
    errors = [each.last_error or "" for each in await letters(database, 10)]
    assert [json.loads(line)["event"] for line in written.splitlines()] == [
        *("letter_waits", "letter_waits", "letter_refused", "letters_expired", "letter_landed"),
    ]
    assert CANARY not in written
    assert errors == ["ValueError", "450 to RCPT", "550 to RCPT", "expired"]
