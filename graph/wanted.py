"""What a request asks the catalogue for: the keys by which its reads are gathered."""

from datetime import date
from typing import NamedTuple, Self

from db import crosswalks
from graph.day import Day
from schema.codes import CodeKey, CodeSystemKey
from schema.crosswalks import Translation, TranslationDirection


class CodeAsked(NamedTuple):
    """A code as somebody asked for it, as of a date; without a system when none was named."""

    system: CodeSystemKey | None
    text: str
    on: Day


class CodeOnDate(NamedTuple):
    """A code known by its row, as of a date."""

    id: int
    on: Day


class TextsAsked(NamedTuple):
    """The licensed texts of one code, as far as a reader of a plan may see them on a day."""

    code_id: int
    plan_key: str
    today: date


class ChildrenAsked(NamedTuple):
    """A part of the list of codes below one code."""

    parent_id: int
    first: int
    after_position: int | None
    on: Day


class PathsAsked(NamedTuple):
    """A part of the ways that lead from a code through other systems."""

    source: CodeKey
    via: tuple[CodeSystemKey, ...]
    on: Day
    first: int
    start: int


class KeyDaysAsked(NamedTuple):
    """What one key viewed on the days of a time."""

    key_id: str
    first: date
    last: date


class DeprecatedAsked(NamedTuple):
    """What one key asked for that will go away, since a day."""

    key_id: str
    since: date


class RowsAsked(NamedTuple):
    """A part of what one map says about one code."""

    wanted: crosswalks.RowsWanted
    on: Day

    @classmethod
    def of(
        cls, found: Translation, direction: TranslationDirection, on: Day, first: int, start: int
    ) -> Self:
        """The rows of `found` from place `start` on; it must have a source and a map."""
        assert found.source is not None
        assert found.map_release is not None
        ids = (found.source.id, found.map_release.id)
        return cls(crosswalks.RowsWanted(*ids, direction, first, start), on)


class BelowAsked(NamedTuple):
    """A part of what one map says about the codes below one code."""

    wanted: crosswalks.BelowWanted
    on: Day

    @classmethod
    def of(
        cls,
        found: Translation,
        direction: TranslationDirection,
        on: Day,
        first: int,
        after_seq: int | None,
    ) -> Self:
        """The codes below the source of `found` after a place; it must have a source and a map."""
        assert found.source is not None
        assert found.map_release is not None
        ids = (found.source.id, found.map_release.id)
        return cls(crosswalks.BelowWanted(*ids, direction, first, after_seq), on)


class TranslationsAsked(NamedTuple):
    """What the maps say about one code, with the first of its rows."""

    source: CodeKey
    to: frozenset[CodeSystemKey] | None
    direction: TranslationDirection
    on: Day
    first: int


class RulesAsked(NamedTuple):
    """A part of the rules that name one code."""

    code_id: int
    on: Day
    first: int
    start: int
