"""How many rows of maps one request may be answered with, over all of its entries, and how many of
them are read at once."""

import asyncio

from graph.context import Context
from graph.day import Day
from graph.fhir.outcomes import Refused
from graph.limits import Limits
from graph.wanted import RowsAsked
from schema.crosswalks import Translation, TranslationDirection

FIELDS_OF_A_MATCH = 20
"""A match is about as much as that many fields of a GraphQL answer, which are what is limited."""
ROWS_AT_ONCE = 500
"""Rows that are read and written in one go, some 60 ms: meanwhile nobody else is answered."""


class RowBudget:
    """Most codes have a few rows, and some thousands, read backwards. So all questions read a few
    rows together, and those that have more go on one after the other, a part at a time."""

    def __init__(self, limits: Limits, questions: int = 1) -> None:
        """`questions` are the codes to translate."""
        self.most = limits.answer_fields // FIELDS_OF_A_MATCH
        """Rows of one request."""
        self.at_first = max(2 * ROWS_AT_ONCE // max(questions, 2), 1)
        """Rows of each question that are read together with those of the others."""
        self._left = self.most
        self._reading = asyncio.Lock()

    def take(self, rows: int) -> None:
        """Take rows out of what is left; raises Refused."""
        if rows > self._left:
            sentence = (
                f"The answer has more than {self.most:,} rows; name a target system, or ask for "
                "fewer codes at once."
            )
            raise Refused(422, sentence, "too-costly")
        self._left -= rows

    async def whole(
        self, context: Context, found: Translation, direction: TranslationDirection, on: Day
    ) -> Translation:
        """A translation with all of its rows; raises Refused when that are too many."""
        self.take(found.total_count)
        rows = list(found.crosswalks)
        async with self._reading:
            while len(rows) < found.total_count:
                asked = RowsAsked.of(found, direction, on, ROWS_AT_ONCE, len(rows))
                more = await context.loaders.rows.load(asked)
                if not more:
                    break  # a load has taken rows away meanwhile
                rows += more
        return found.model_copy(update={"crosswalks": tuple(rows)})
