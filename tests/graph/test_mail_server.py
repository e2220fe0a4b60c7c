"""Letters handed to a mail server: taken, refused for good, refused for now, or not at all."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from urllib.parse import quote

import pytest

from graph.mail.message import ascii_address, message, sender_of
from graph.mail.server import MailServer, read_mail_url
from graph.mail.smtp import Smtp
from schema.errors import LetterRefused, MailUnavailable
from schema.mail import Letter
from tests.faults.authority import Authority
from tests.faults.mail import PASSWORD, Inbox, mail_server

SENDER = sender_of("Codestile Bücher <no-reply@codes.example>")
ID = "<letter.abc@codes.example>"
LETTER = Letter(
    recipient="reader@mail.example",
    subject="Ihr Code für Codestile",
    body="Größe:\n.\nhttps://codes.example/verify?token=" + "t" * 120 + "\n",
    expires_at=datetime(2100, 1, 1, tzinfo=UTC),
)


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    """A server that speaks in clear."""
    async with mail_server() as opened:
        yield opened


def clear(inbox: Inbox, timeout_seconds: float = 20) -> Smtp:
    url = f"smtp://127.0.0.1:{inbox.port}?starttls=never"
    return Smtp(read_mail_url(url), SENDER, timeout_seconds)


def secret_url(scheme: str, inbox: Inbox, ca_file: Path, password: str = PASSWORD) -> str:
    return f"{scheme}://us:{quote(password, safe='')}@127.0.0.1:{inbox.port}?ca_certs={ca_file}"


async def test_a_letter_arrives_as_it_was_written(inbox: Inbox) -> None:
    await clear(inbox).send(LETTER, ID)

    [came] = inbox.letters
    assert inbox.envelopes == [("no-reply@codes.example", ["reader@mail.example"])]
    assert {name: str(came[name]) for name in came if name != "Date"} == {
        "From": "Codestile Bücher <no-reply@codes.example>",
        "To": "reader@mail.example",
        "Subject": "Ihr Code für Codestile",
        "Message-ID": ID,
        "Auto-Submitted": "auto-generated",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
        "MIME-Version": "1.0",
    }
    assert came.get_content().replace("\r\n", "\n") == LETTER.body


def test_a_message_is_seven_bits_wide_with_lines_that_any_server_takes() -> None:
    lines = bytes(message(LETTER, ID, SENDER)).split(b"\r\n")

    assert max(map(len, lines)) <= 78
    assert all(line.isascii() and b"\n" not in line for line in lines)


def test_a_domain_of_other_letters_is_written_as_the_name_system_knows_it() -> None:
    letter = LETTER.model_copy(update={"recipient": "reader@bücher.example"})

    made = BytesParser(EmailMessage, policy=policy.default).parsebytes(
        bytes(message(letter, ID, SENDER))
    )

    assert made["To"] == "reader@xn--bcher-kva.example"
    with pytest.raises(ValueError, match="domain cannot be"):
        ascii_address("reader@..ü")


@pytest.mark.parametrize(
    ("step", "said", "kind", "told"),
    [
        ("rcpt", "550 no reader@mail.example here", LetterRefused, "550 to RCPT"),
        ("rcpt", "450 greylisted reader@mail.example", MailUnavailable, "450 to RCPT"),
        ("data", "554 reader@mail.example gets no such thing", LetterRefused, "554 to DATA"),
        ("data", "451 later, reader@mail.example", MailUnavailable, "451 to DATA"),
        ("mail", "553 who is that", MailUnavailable, "553 to MAIL"),
        ("rcpt", "421 closing", MailUnavailable, "421 to RCPT"),
    ],
)
async def test_what_is_refused_for_good_and_what_for_now(
    inbox: Inbox, step: str, said: str, kind: type[Exception], told: str
) -> None:
    setattr(inbox, step, said)

    with pytest.raises((LetterRefused, MailUnavailable)) as refused:
        await clear(inbox).send(LETTER, ID)

    assert (type(refused.value), str(refused.value)) == (kind, told)
    assert inbox.letters == []


async def test_a_server_that_says_nothing_is_left_in_time(inbox: Inbox) -> None:
    inbox.is_silent = True
    began = time.monotonic()

    with pytest.raises(MailUnavailable):
        await clear(inbox, timeout_seconds=0.5).send(LETTER, ID)

    assert 0.4 < time.monotonic() - began < 5


async def test_a_server_that_is_not_there_is_away() -> None:
    async with mail_server() as gone:
        pass

    with pytest.raises(MailUnavailable, match="SMTPConnectError"):
        await clear(gone).send(LETTER, ID)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_tls_comes_before_password_and_letter(scheme: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.server_context("127.0.0.1")
    side = {"starttls": context} if scheme == "smtp" else {"tls": context}
    async with mail_server(**side, asks_for_password=True) as inbox:
        url = secret_url(scheme, inbox, authority.ca_file)
        await Smtp(read_mail_url(url), SENDER).send(LETTER, ID)
        wrong = secret_url(scheme, inbox, authority.ca_file, password="wrong: @/?")

        with pytest.raises(MailUnavailable, match="535 to AUTH"):
            await Smtp(read_mail_url(wrong), SENDER).send(LETTER, ID)

    assert inbox.sessions == [True]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize("fault", ["another authority", "another host"])
async def test_a_certificate_that_does_not_fit_gets_no_letter(
    scheme: str, fault: str, tmp_path: Path
) -> None:
    authority, other = Authority(tmp_path / "one"), Authority(tmp_path / "other")
    host = "127.0.0.1" if fault == "another authority" else "mail.example"
    trusted = other if fault == "another authority" else authority
    context = authority.server_context(host)
    side = {"starttls": context} if scheme == "smtp" else {"tls": context}
    async with mail_server(**side) as inbox:
        url = f"{scheme}://127.0.0.1:{inbox.port}?ca_certs={trusted.ca_file}"

        with pytest.raises(MailUnavailable, match=r"SSL|Connect"):
            await Smtp(read_mail_url(url), SENDER).send(LETTER, ID)

    assert inbox.letters == []


async def test_a_server_without_tls_gets_no_letter_where_it_is_demanded(inbox: Inbox) -> None:
    with pytest.raises(MailUnavailable):
        await Smtp(read_mail_url(f"smtp://127.0.0.1:{inbox.port}"), SENDER).send(LETTER, ID)

    assert inbox.letters == []


def test_a_url_tells_how_the_server_is_spoken_to() -> None:
    read = read_mail_url("smtp://us%40codes.example:a%2Fb@mail.example")

    assert read == MailServer(
        host="mail.example",
        port=587,
        is_tls=False,
        starts_tls=True,
        user="us@codes.example",
        password="a/b",
        ca_file=None,
    )
    assert "a/b" not in repr(read)
    tls = read_mail_url("smtps://mail.example?ca_certs=ca.pem")
    assert (tls.port, tls.is_tls, tls.starts_tls) == (465, True, False)
    assert tls.ca_file == Path("ca.pem")
    plain = read_mail_url("smtp://localhost:25?starttls=never")
    assert (plain.port, plain.is_tls, plain.starts_tls) == (25, False, False)


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.example",
        "smtp://",
        "smtp://mail.example:canary",
        "smtp://mail.example/path",
        "smtp://mail.example?canary=1",
        "smtp://mail.example?canary",
        "smtp://mail.example?starttls=maybe",
        "smtps://mail.example?starttls=never",
        "smtp://us:canary@mail.example?starttls=never",
        "smtp://us@mail.example",
        "smtp://us:canary%0d@mail.example",
        "smtp://us:canary@[mail.example",
        "smtp://us:canary@mail\u2100.example",
    ],
)
def test_a_url_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError) as refused:
        read_mail_url(url)

    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["nobody", "a@b\r\nBcc: c@d", "A <a@b@c>", "", "ä@b.example", "a@b.example\n"]
)
def test_a_sender_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        sender_of(text)
