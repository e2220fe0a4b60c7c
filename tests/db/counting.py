"""A database that tells which statements it was asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from db.pool import Database, open_database


class Counting(Database):
    """Keeps the statements that were read with, in order."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.asked: list[str] = []

    async def fetch(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        self.asked.append(statement)
        return await super().fetch(statement, *arguments)

    @property
    def reads(self) -> int:
        """How many statements were read with."""
        return len(self.asked)


@asynccontextmanager
async def counting_on(url: str) -> AsyncIterator[Counting]:
    """Such a database on a URL."""
    async with open_database(url) as opened:
        yield Counting(opened._pool, opened._acquire_timeout_seconds)
