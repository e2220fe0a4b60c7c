"""The letters that people get."""

from datetime import datetime

from schema.mail import Letter

_UNASKED = "If you did not ask for this, do nothing: nothing happens then."


def to_prove(email: str, code: str, link: str, expires_at: datetime) -> Letter:
    """With it whoever reads the address's mail shows that it is theirs."""
    return _letter(
        email,
        # Without the code: subjects are listed to operators and kept by mail servers.
        "Prove your address for Codestile",
        f"Your code is {code}. Enter it where you registered, or open this link:\n\n{link}\n\n"
        f"Both are good until {_shown(expires_at)}. Then your account is made, and you can open "
        f"more code pages.\n\n{_UNASKED} Give the code to nobody.",
        expires_at,
    )


def to_known(email: str, site: str, expires_at: datetime) -> Letter:
    """To whoever registers with an address that has an account."""
    return _letter(
        email,
        "You have a Codestile account already",
        "Somebody, perhaps you, registered with this address. It has an account already, so "
        f"nothing was changed. Log in at {site}, or ask there for a new password.\n\n{_UNASKED}",
        expires_at,
    )


def to_reset(email: str, link: str, expires_at: datetime) -> Letter:
    """With it whoever reads the address's mail sets another password."""
    return _letter(
        email,
        "Set a new Codestile password",
        f"Open this link to set a new password:\n\n{link}\n\nIt is good once, until "
        f"{_shown(expires_at)}. You are then logged out everywhere.\n\n{_UNASKED}",
        expires_at,
    )


def _letter(email: str, subject: str, body: str, expires_at: datetime) -> Letter:
    return Letter(recipient=email, subject=subject, body=f"{body}\n", expires_at=expires_at)


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
