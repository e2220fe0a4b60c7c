"""The parts that people's acts are made of, plugged together in graph/app.py."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from graph.cookies import Cookie
from graph.people.passwords import Passwords
from graph.people.tries import Tries
from metering.carryover import CarryOver


@dataclass(frozen=True)
class People:
    """What lives as long as the process."""

    passwords: Passwords
    tries: Tries
    carry_over: CarryOver
    erase: Callable[[str], Awaitable[None]]
    """Erases the ledger of a deleted account; raises StoreUnavailable."""
    cookie: Cookie
    no_guest: tuple[str, str]
    """The response header that takes a guest's cookie away."""
    secret: bytes
    """Makes digests of what is short enough to be guessed."""
    site: str
    """Where the pages are that letters link to, as `https://codes.example`."""
    accounts_a_day: int
    """Accounts that one network may make in a day."""

    def digest(self, purpose: str, text: str) -> bytes:
        """32 bytes that only the holder of the secret can make of a text."""
        return hmac.digest(self.secret, f"{purpose} {text}".encode(), hashlib.sha256)
