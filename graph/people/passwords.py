"""Passwords: what is asked of them, and their hashes, made by a few threads at a time."""

import asyncio
import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from schema.errors import TooBusy

Answer = TypeVar("Answer")
LENGTH_MIN = 10
LENGTH_MAX = 200
"""In characters. Length is what counts (NIST SP 800-63B, 3.1.1); nothing else is asked for."""
TYPED_MAX = 4 * LENGTH_MAX
"""In characters. A password that keeps its rules has no more, in whatever form a keyboard composed
its letters; of a longer text nothing is read, since bringing it into one form takes a time that
grows with the square of its marks, and no other thread runs meanwhile."""
WAITING_MAX = 64
"""Passwords that wait for a thread; each takes about 30 ms."""

# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def fault_of(password: str, address: str) -> str | None:
    """The sentence that refuses a new password; None when it will do."""
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        return f"A password has {LENGTH_MIN} to {LENGTH_MAX} characters."
    if address and address.partition("@")[0] in password.lower() and len(password) < 16:
        return "A password of fewer than 16 characters must not hold your address."
    if len(set(password)) < 4:
        return "A password has at least four different characters."
    return None


class Passwords:
    """Hashes and checks passwords, `threads` at a time; each takes 19 MiB meanwhile."""

    def __init__(self, threads: int | None = None) -> None:
        """As many threads as there are processors, unless told."""
        threads = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="password")
        self._waiting = 0
        self._nobodys = _HASHER.hash("the password of nobody")

    async def hashed(self, password: str) -> str:
        """The hash to keep; raises TooBusy."""
        return await self._in_turn(lambda: _HASHER.hash(_one_form(password)))

    async def is_right(self, password: str, kept: str | None) -> bool:
        """Whether that is the password of a hash; as long in coming where there is no hash, so
        that nobody learns who has an account. Raises TooBusy."""
        return await self._in_turn(lambda: self._verify(password, kept))

    def close(self) -> None:
        """Give the threads back."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, kept: str | None) -> bool:
        if len(password) > TYPED_MAX:
            password, kept = "", None
        try:
            is_right = _HASHER.verify(kept or self._nobodys, _one_form(password))
        except (Argon2Error, InvalidHashError):
            return False
        return is_right and kept is not None

    async def _in_turn(self, work: Callable[[], Answer]) -> Answer:
        if self._waiting >= WAITING_MAX:
            raise TooBusy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


def _one_form(password: str) -> bytes:
    """The bytes of a password, the same however a keyboard composed its letters."""
    return unicodedata.normalize("NFKC", password).encode()
