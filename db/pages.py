"""Reads of code pages: everything about each code, one statement for a batch."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

from db.codes import (
    CodeRef,
    Row,
    codes_in,
    lookup_of,
    map_release_of,
    ref_arguments,
    with_stale_reason,
)
from db.crosswalks import translation_of
from db.edits import add_on_of, pair_edit_of, unit_limit_of
from db.fees import relative_value_of, relative_values_in
from db.groupings import editions_in, grouping_of
from db.pool import Database
from db.queries import statements
from schema.codes import Code, CodeMissing, MissingReason
from schema.crosswalks import Translation, TranslationDirection
from schema.groupings import Grouping, GroupingKind
from schema.pages import (
    HistoryEntry,
    ModifierUse,
    Note,
    NoteKind,
    Page,
    PageText,
    PaymentFact,
    SectionEdition,
    SectionKind,
    SectionSource,
    notes_in_force,
)
from schema.references import NoteReference

TRANSLATION_ROWS = 50
"""Most rows of one map, of edits and of add-on rules that a page holds; a count tells of all."""

PageLookup = Page | tuple[Code, ...] | CodeMissing
"""A page; several candidates, when asked without a system; or why there is none."""


async def pages_by_ref(database: Database, refs: Sequence[CodeRef], on: date) -> list[PageLookup]:
    """The page of each reference as it was in force on the day, in the order asked.

    As `codes_by_ref`, but a code that only a map names has no page: CodeMissing, NOT_LOADED.
    """
    rows = await database.fetch(_SQL["pages_by_ref"], *ref_arguments(refs), on, TRANSLATION_ROWS)
    found = {ordinal: list(group) for ordinal, group in groupby(rows, lambda r: r["ordinal"])}
    return [_page_of(ref, found[n], on) for n, ref in enumerate(refs, start=1)]


def _page_of(ref: CodeRef, rows: Sequence[Row], on: date) -> PageLookup:
    meant = lookup_of(ref, rows, on)
    if not isinstance(meant, Code):
        return meant
    if meant.release is None:
        message = f"No release that describes {meant.display} is loaded; other files name it."
        return CodeMissing(requested=ref[1], reason=MissingReason.NOT_LOADED, message=message)
    return _page(meant, next(row for row in rows if row["id"] == meant.id), on)


def _page(code: Code, row: Row, on: date) -> Page:
    codes = codes_in(row["codes"], row["releases"], on)
    known = {**codes, code.id: code}
    edits, add_ons = json.loads(row["edits"]), json.loads(row["add_ons"])
    return Page(
        code=code,
        on=on,
        texts=tuple(sorted(map(PageText.model_validate, _parsed(row["texts"])), key=_place)),
        notes=notes_in_force(code, _notes(row, {**codes, code.id: code})),
        modifiers=tuple(
            ModifierUse(modifier=codes[use["id"]], guidance=use["guidance"])
            for use in _parsed(row["modifiers"])
        ),
        translations=tuple(
            translation_of(code, map_release_of(told["body"]), told, codes)
            for told in _parsed(row["maps"])
        ),
        edits=tuple(pair_edit_of(edit, known) for edit in edits["edits"]),
        edit_count=edits["total_count"],
        add_ons=tuple(add_on_of(rule, known) for rule in add_ons["rules"]),
        add_on_count=add_ons["total_count"],
        unit_limits=tuple(map(unit_limit_of, _parsed(row["unit_limits"]))),
        previously_coded_as=_conversion(code, row, codes, TranslationDirection.FORWARD),
        later_coded_as=_conversion(code, row, codes, TranslationDirection.REVERSE),
        payment=tuple(map(PaymentFact.model_validate, _parsed(row["payment"]))),
        groupings=_groupings(row, codes),
        relative_values=tuple(map(relative_value_of, relative_values_in(row["relative_values"]))),
        history=tuple(map(HistoryEntry.model_validate, _parsed(row["history"]))),
        sources=tuple(map(SectionSource.model_validate, _parsed(row["sources"]))),
        editions=tuple(map(_edition, _parsed(row["section_editions"]))),
    )


def _conversion(
    code: Code, row: Row, codes: Mapping[int, Code], direction: TranslationDirection
) -> Translation | None:
    is_reverse = direction is TranslationDirection.REVERSE
    for told in _parsed(row["conversions"]):
        if told["is_reverse"] is is_reverse:
            return translation_of(code, map_release_of(told["body"]), told, codes, direction)
    return None


def _place(text: PageText) -> int:
    return list(SectionKind).index(text.kind)


def _notes(row: Row, codes: Mapping[int, Code]) -> list[Note]:
    """All notes of the code and of those above it, its own first, then nearest first."""
    return [
        Note(
            kind=NoteKind(note["kind"]),
            text=note["text"],
            inherited_from=codes[note["id"]] if note["distance"] else None,
            references=tuple(_reference(named, codes) for named in note["named"] or ()),
        )
        for note in _parsed(row["notes"])
    ]


def _reference(named: dict[str, Any], codes: Mapping[int, Code]) -> NoteReference:
    ends = {end: codes.get(named.pop(f"{end}_id")) for end in ("target", "target_end")}
    return NoteReference.model_validate({**named, **ends})


def _groupings(row: Row, codes: Mapping[int, Code]) -> tuple[Grouping, ...]:
    editions = editions_in(row["editions"])
    said = [grouping_of(found, codes, editions) for found in _parsed(row["groupings"])]
    return tuple(sorted(said, key=lambda grouping: list(GroupingKind).index(grouping.kind)))


def _edition(told: dict[str, Any]) -> SectionEdition:
    return SectionEdition.model_validate({**told, "release": with_stale_reason(told["release"])})


def _parsed(array: str | None) -> list[dict[str, Any]]:
    parsed: list[dict[str, Any]] = json.loads(array or "[]")
    return parsed


_SQL = statements("pages")
