"""A letter as the bytes that mail servers pass on."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime, parseaddr

from email_validator import EmailNotValidError, validate_email

from schema.mail import Letter


def message(letter: Letter, message_id: str, sender: Address) -> EmailMessage:
    """The letter in plain text; raises ValueError for an address that no server can be given."""
    made = EmailMessage(policy=SMTP)
    made["From"] = sender
    made["To"] = Address(addr_spec=ascii_address(letter.recipient))
    made["Subject"] = letter.subject
    made["Date"] = localtime()
    made["Message-ID"] = message_id
    # Vacation notices and the like are not sent in answer to it (RFC 3834).
    made["Auto-Submitted"] = "auto-generated"
    # Never 8bit: not every server on the way takes it.
    made.set_content(letter.body, cte="quoted-printable")
    return made


def ascii_address(address: str) -> str:
    """The address with its domain as the name system knows it; raises ValueError."""
    if address.isascii():
        return address
    try:
        found = validate_email(address, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        raise ValueError("an address whose domain cannot be") from None
    assert found.ascii_email is not None
    return found.ascii_email


def sender_of(text: str) -> Address:
    """Who letters are from: `name@domain`, or `Name <name@domain>`; raises ValueError."""
    name, address = parseaddr(text)
    if not text.isprintable() or not address.isascii() or address.count("@") != 1:
        raise ValueError(f"{text!r} is no address such as Codestile <no-reply@codes.example>")
    return Address(display_name=name, addr_spec=address)
