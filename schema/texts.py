"""Texts of this site's editors: versions of what stands in one section of one page."""

from datetime import date

from schema.shape import Shape


class TextVersion(Shape):
    """One wording of a text, or that it was withdrawn; a version never changes once written."""

    version: int
    """Counts the versions of the text, from 1."""
    markdown: str | None
    """The text as CommonMark; None when this version withdraws the one before."""
    written_on: date
    """The first day on which a page shows it."""
    author: str | None
    """Pseudonym of the member of the staff who wrote it; None when it came with a file."""
    reason: str | None
    """Why, in one line; None when it came with a file."""
    copyright: str | None
    """The notice to show under the text."""
