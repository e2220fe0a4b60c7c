"""A letter is to one person and cannot carry a header of its own."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from schema.mail import Letter

GOOD = {
    "recipient": "somebody@codes.example",
    "subject": "Your code",
    "body": "Enter 123456.\n",
    "expires_at": datetime(2026, 11, 25, 12, tzinfo=UTC),
}


@pytest.mark.parametrize(
    "recipient",
    [
        "a@b.example",
        "a+tag@b.example",
        "o'neil@b.example",
        "x!#$%&*/=?^_`{|}~@b.example",
        "a@bücher.example",
    ],
)
def test_addresses_that_people_have_are_taken(recipient: str) -> None:
    assert Letter(**{**GOOD, "recipient": recipient}).recipient == recipient


@pytest.mark.parametrize(
    "recipient",
    [
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example\n",
        "a@b.example\u2028Bcc: c@d.example",
        "a\x00@b.example",
        "a@b.example, c@d.example",
        "a@b.example;c@d.example",
        "Name <a@b.example>",
        "a(comment)@b.example",
        "a@b@c.example",
        "ä@b.example",
        "nobody",
        "@b.example",
        "a@" + "b" * 253,
        "a@b\ud800.example",
    ],
)
def test_a_recipient_that_is_not_one_address_is_refused(recipient: str) -> None:
    with pytest.raises(ValidationError):
        Letter(**{**GOOD, "recipient": recipient})


@pytest.mark.parametrize(
    "subject",
    ["", "a\r\nBcc: c@d.example", "a\nb", "a\rb", "a\x0bb", "a\x85b", "a\u2029b", "a" * 201],
)
def test_a_subject_of_more_than_one_line_is_refused(subject: str) -> None:
    with pytest.raises(ValidationError):
        Letter(**{**GOOD, "subject": subject})


@pytest.mark.parametrize("body", ["", "a\x00b", "a\r\nb", "\ud800", "a" * 20_001])
def test_a_body_that_is_no_plain_text_is_refused(body: str) -> None:
    with pytest.raises(ValidationError):
        Letter(**{**GOOD, "body": body})


def test_an_end_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError):
        Letter(**{**GOOD, "expires_at": datetime(2026, 11, 25, 12)})  # noqa: DTZ001
