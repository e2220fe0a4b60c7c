"""E-mail addresses: the one form in which two spellings of an address are the same."""

ADDRESS_MAX_LENGTH = 254


def address_of(email: str) -> str:
    """The address in lower case, without what follows a plus: whose account it is."""
    local, _, domain = email.strip().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}".lower()


def is_address(email: str) -> bool:
    """Whether a text has the form of an address; only a letter shows whether it is one."""
    local, _, domain = address_of(email).rpartition("@")
    return (
        email.isprintable()
        and not any(character.isspace() for character in email)
        and len(email) <= ADDRESS_MAX_LENGTH
        and bool(local)
        and "@" not in local
        and "." in domain.strip(".")
    )
