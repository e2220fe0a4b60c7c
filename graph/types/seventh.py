"""Seventh characters of a code as GraphQL types."""

from typing import Self

import strawberry

from graph.day import Day
from graph.types.codes import Code
from schema import seventh as shapes
from schema.seventh import SeventhStatus

strawberry.enum(SeventhStatus)


@strawberry.type
class SeventhCharacter:
    """One character that a code admits in the seventh place."""

    character: str
    """The character."""
    meaning: str
    """Its meaning, as printed."""
    padded: str | None
    """The complete code that it makes, in stored form, with X in the empty places; null when a code
    below has to be chosen first."""
    code: Code | None
    """That code; null when no release has it."""


@strawberry.type
class SeventhCharacters:
    """What a code takes in the seventh place."""

    status: SeventhStatus
    """Whether it takes one."""
    reason: str
    """The same in a sentence."""
    code: Code
    """The code asked about; its release says so."""
    given_by: Code | None
    """The code above that names the characters; null when the code itself does, or nothing does."""
    instruction: str | None
    """The sentence of the list that asks for one."""
    characters: list[SeventhCharacter]
    """In the order of the list."""

    @classmethod
    def of(cls, found: shapes.SeventhCharacters, on: Day) -> Self:
        """The published form of the characters as of `on`."""
        return cls(
            status=found.status,
            reason=found.reason,
            code=Code.of(found.code, on),
            given_by=Code.of(found.given_by, on) if found.given_by else None,
            instruction=found.instruction,
            characters=[
                SeventhCharacter(
                    character=item.character,
                    meaning=item.meaning,
                    padded=item.padded,
                    code=Code.of(item.code, on) if item.code else None,
                )
                for item in found.characters
            ],
        )
