"""Texts of this site's editors, written version by version."""

from dataclasses import dataclass
from datetime import date

from db.pool import Database
from db.queries import statements
from schema.pages import SectionKind
from schema.texts import TextVersion

_SQL = statements("texts")


@dataclass(frozen=True, slots=True)
class NewText:
    """What is to become the next version of a text."""

    code_id: int
    section: SectionKind
    markdown: str | None
    """None withdraws the text that stands."""
    expected_version: int
    """The newest version that the author knows; 0 for none."""
    written_on: date
    copyright: str | None
    author: str
    reason: str
    request: str
    """Name of the request, which writes one version however often it is sent."""


@dataclass(frozen=True, slots=True)
class WrittenText:
    """A version that stands in the table."""

    text: TextVersion
    is_replayed: bool
    """Whether the same request had written it before."""


@dataclass(frozen=True, slots=True)
class TextStands:
    """Why nothing was written: another version than the expected one is the newest, or there is no
    text to withdraw."""

    newest_version: int
    """0 when nobody has written one."""
    is_withdrawn: bool
    """Whether no text stands."""


async def write_text(database: Database, new: NewText) -> WrittenText | TextStands:
    """Write the next version of a text, once a request, unless another stands than the author knew
    of. Raises StoreUnavailable."""
    async with database.connection() as connection, connection.transaction():
        await connection.execute(_SQL["hold_code"], new.code_id)
        before = await connection.fetchrow(_SQL["text_of_request"], new.request)
        if before is not None:
            return WrittenText(TextVersion.model_validate(dict(before)), is_replayed=True)
        newest = await connection.fetchrow(_SQL["text_versions"], new.code_id, new.section, 1)
        version = newest["version"] if newest else 0
        is_withdrawn = newest is None or newest["markdown"] is None
        if version != new.expected_version or (new.markdown is None and is_withdrawn):
            return TextStands(version, is_withdrawn)
        row = await connection.fetchrow(
            _SQL["add_text_version"],
            *(new.code_id, new.section, version + 1, new.written_on, new.markdown),
            *(new.copyright, new.author, new.reason, new.request),
        )
        assert row is not None, "the statement always returns a row"
    return WrittenText(TextVersion.model_validate(dict(row)), is_replayed=False)


async def text_versions(
    database: Database, code_id: int, section: SectionKind, most: int
) -> tuple[TextVersion, ...]:
    """The newest versions of a text, newest first, `most` of them at most."""
    rows = await database.fetch(_SQL["text_versions"], code_id, section, most)
    return tuple(TextVersion.model_validate(dict(row)) for row in rows)
