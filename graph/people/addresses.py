"""E-mail addresses: whether a text is one, and whose account it means."""

from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

LENGTH_MAX = 254
"""In characters, as letters are carried (RFC 5321, 4.5.3.1.3)."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where letters go, and whose account that is."""

    email: str
    """As it was written, its domain in one form."""
    key: str
    """In lower case, without what follows a plus, its domain in ASCII: one person has one account,
    however they write their address."""


def read_address(text: str) -> Address | None:
    """The address that a text is; None for any other text. Asks no name server.

    Before the @ there is ASCII only: not every server carries anything else.
    """
    if len(text) > LENGTH_MAX:
        return None
    try:
        read = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return None
    local = read.local_part.lower().partition("+")[0]
    if not local or not read.ascii_domain:
        return None
    return Address(email=read.normalized, key=f"{local}@{read.ascii_domain.lower()}")
