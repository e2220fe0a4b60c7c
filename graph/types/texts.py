"""Texts of the editors as GraphQL types: what staff writes and reads."""

from datetime import date

import strawberry

from graph.types.codes import Code
from schema.texts import TextVersion


@strawberry.type
class CommonLanguageVersion:
    """One wording of a common language description, or that it was withdrawn. Versions never
    change: another wording is another version."""

    version: int
    """Counts the versions of the text, from 1."""
    markdown: str | None
    """The text as CommonMark without HTML; null when this version withdraws the one before."""
    written_on: date
    """The first day on which the page shows it."""
    author: str | None
    """Pseudonym of the member of the staff who wrote it; null when it came with a file."""
    reason: str | None
    """Why; null when it came with a file."""
    copyright: str | None
    """The notice that the page shows under it."""

    @classmethod
    def of(cls, text: TextVersion) -> "CommonLanguageVersion":
        """The published form of a version."""
        return cls(
            version=text.version,
            markdown=text.markdown,
            written_on=text.written_on,
            author=text.author,
            reason=text.reason,
            copyright=text.copyright,
        )


@strawberry.type
class CommonLanguageVersions:
    """What the common language description of a code has been."""

    code: Code
    """The code."""
    items: list[CommonLanguageVersion]
    """Newest first, at most 100; empty when nobody has written one."""
