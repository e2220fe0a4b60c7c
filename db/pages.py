"""Reads of code pages: everything about each code, one statement for a batch."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

from db.codes import CodeRef, Row, codes_in, lookup_of, map_release_of, ref_arguments
from db.crosswalks import translation_of
from db.pool import Database
from db.queries import statements
from schema.codes import Code, CodeMissing, MissingReason
from schema.crosswalks import Translation, TranslationDirection
from schema.pages import (
    CodePairEdit,
    HistoryEntry,
    ModifierUse,
    Note,
    NoteKind,
    Page,
    PageText,
    PaymentFact,
    SectionKind,
    SectionSource,
    UnitLimit,
    notes_in_force,
)

TRANSLATION_ROWS = 50
"""Most rows of one map that a page holds; `Translation.total_count` counts all."""

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
        message = f"{meant.display} is named by a map only; no release that describes it is loaded."
        return CodeMissing(requested=ref[1], reason=MissingReason.NOT_LOADED, message=message)
    return _page(meant, next(row for row in rows if row["id"] == meant.id), on)


def _page(code: Code, row: Row, on: date) -> Page:
    codes = codes_in(row["codes"], row["releases"], on)
    return Page(
        code=code,
        on=on,
        texts=tuple(sorted(map(PageText.model_validate, _parsed(row["texts"])), key=_place)),
        notes=notes_in_force(code, _notes(row, codes)),
        modifiers=tuple(
            ModifierUse(modifier=codes[use["id"]], guidance=use["guidance"])
            for use in _parsed(row["modifiers"])
        ),
        translations=tuple(
            translation_of(code, map_release_of(told["body"]), told, codes)
            for told in _parsed(row["maps"])
        ),
        previously_coded_as=_conversion(code, row, codes, TranslationDirection.FORWARD),
        later_coded_as=_conversion(code, row, codes, TranslationDirection.REVERSE),
        edits=tuple(_edit(edit, {**codes, code.id: code}) for edit in _parsed(row["edits"])),
        unit_limits=tuple(map(UnitLimit.model_validate, _parsed(row["unit_limits"]))),
        payment=tuple(map(PaymentFact.model_validate, _parsed(row["payment"]))),
        history=tuple(map(HistoryEntry.model_validate, _parsed(row["history"]))),
        sources=tuple(map(SectionSource.model_validate, _parsed(row["sources"]))),
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
        )
        for note in _parsed(row["notes"])
    ]


def _edit(edit: Mapping[str, Any], codes: Mapping[int, Code]) -> CodePairEdit:
    return CodePairEdit(
        column_one=codes[edit["source_id"]],
        column_two=codes[edit["target_id"]],
        modifier=edit["attrs"]["modifier"],
        rationale=edit["attrs"]["rationale"],
        effective_from=edit["effective_from"],
        effective_to=edit["effective_to"],
    )


def _parsed(array: str | None) -> list[dict[str, Any]]:
    parsed: list[dict[str, Any]] = json.loads(array or "[]")
    return parsed


_SQL = statements("pages")
