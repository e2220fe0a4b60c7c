"""The invented system DEMO, from demo.toml beside this file: every section of a page filled."""

import json
import time
import tomllib
from collections.abc import Iterator
from functools import partial
from importlib.resources import files
from typing import Any

from db.load.fact_writer import add_fact_release
from db.load.map_writer import write_map
from db.load.pair_writer import write_pairs
from db.load.report import LoadReport, Progress
from db.load.rows import CodeRow, EdgeRow, NoteRow, PairRow
from db.load.source import CodeMap, Edition, FactKind, SourceFile, Subject
from db.load.stored import Connection, identities, stored_rows
from db.load.writer import write_codes
from db.queries import statements
from schema.codes import CodeKind, CodeSystemKey
from schema.crosswalks import Relationship
from schema.pages import NoteKind, SectionKind

Part = dict[str, Any]
"""A piece of the file that is a release of its own, in the file's own words."""

_FILE = "demo.toml"
_SQL = statements("load")
_DEMO = CodeSystemKey.DEMO
_SAID_OF_CODES = ("value", "kind", "parent", "title", "short_title", "notes")
_SAID_OF_PAYMENT = ("value", "unit_limits", "payment")
_SAID_OF_LIMITS = ("setting", "rationale")
_MAPS = {
    "modifiers": CodeMap("DEMO_MODIFIER", "MODIFIER", _DEMO, _DEMO),
    "crosswalks": CodeMap("DEMO_ICD10CM", "CROSSWALK", _DEMO, CodeSystemKey.ICD10CM),
}
_EDITS = FactKind("DEMO_EDIT", (_DEMO,), (SectionKind.CODE_EDITS,))
_FEES = FactKind("DEMO_FEE", (_DEMO,), (SectionKind.CODE_EDITS, SectionKind.COVERAGE_AND_PAYMENT))
_SAID_OF_PAIRS = {
    "MODIFIER": ("guidance",),
    "CROSSWALK": (),
}
_INDICATORS = {"NOT_ALLOWED": 0, "ALLOWED": 1}
_TEXTS_NAME = "DEMO texts"
_TEXTS = {
    "official": SectionKind.OFFICIAL_DESCRIPTION,
    "common": SectionKind.COMMON_LANGUAGE,
    "guidelines": SectionKind.GUIDELINES,
}


def demo() -> Part:
    """The whole file."""
    return tomllib.loads((files("db.load") / _FILE).read_text(encoding="utf-8"))


def editions(told: Part) -> Iterator[tuple[Edition[CodeSystemKey], list[CodeRow]]]:
    """Each release and its codes, oldest first."""
    newest = told["releases"][-1]
    for release in told["releases"]:
        said = list(_said_of_codes(told["codes"], is_newest=release is newest))
        yield _edition(_DEMO, told, {**release, "codes": said}), list(_code_rows(said))


def maps(told: Part) -> Iterator[tuple[Edition[CodeMap], list[EdgeRow]]]:
    """Modifiers and crosswalks."""
    for name, code_map in _MAPS.items():
        rows = [_edge_row(code_map, *row) for row in told[name]["rows"]]
        yield _edition(code_map, told, told[name]), rows


def pairs(told: Part) -> tuple[Edition[FactKind], list[PairRow]]:
    """The rules about reporting two codes together, from the first day of their release."""
    edition = _edition(_EDITS, told, told["edits"])
    rows = [
        PairRow(one, two, edition.effective_from, None, _INDICATORS[modifier], rationale)
        for one, two, modifier, rationale in told["edits"]["rows"]
    ]
    return edition, rows


def payment(told: Part) -> tuple[Edition[FactKind], list[Part]]:
    """The release of fees and limits of units, and the codes with what it says of each."""
    said = [
        _picked(code, _SAID_OF_PAYMENT)
        for code in told["codes"]
        if "unit_limits" in code or "payment" in code
    ]
    return _edition(_FEES, told, {**told["fees"], "codes": said}), said


async def write_demo(connection: Connection, progress: Progress) -> list[LoadReport]:
    """Store everything in one transaction; a report for each release, and one for the texts."""
    told = demo()
    reports = [
        await write_codes(connection, progress, edition, partial(list[CodeRow], rows))
        for edition, rows in editions(told)
    ]
    reports += [
        await write_map(connection, progress, edition, partial(list[EdgeRow], rows))
        for edition, rows in maps(told)
    ]
    edition, rows = pairs(told)
    reports.append(await write_pairs(connection, progress, edition, lambda: rows, lambda _: _DEMO))
    ids = await identities(connection, _DEMO)
    reports.append(await _write_payment(connection, *payment(told), ids))
    reports.append(await _write_texts(connection, told, ids))
    return reports


def _edition(subject: Subject, told: Part, part: Part) -> Edition[Subject]:
    """The release that a part is. Its bytes are the words of the file, whatever rows we make of
    them, so that neither our shapes nor another part can make a stored release look changed."""
    content = json.dumps(part, sort_keys=True, default=str).encode()
    return Edition(
        subject=subject,
        label=part["label"],
        effective_from=part["effective_from"],
        publisher=told["publisher"],
        source=part.get("source", f"codestile {_FILE}"),
        files=(SourceFile(f"{_FILE}#{subject}", content),),
    )


def _picked(code: Part, keys: tuple[str, ...]) -> Part:
    return {key: code[key] for key in keys if key in code}


def _said_of_codes(codes: list[Part], *, is_newest: bool) -> Iterator[Part]:
    """What one release says of each of its codes."""
    for code in codes:
        if not code.get("is_dropped" if is_newest else "is_new"):
            said = code if is_newest else {**code, **code.get("before", {})}
            yield _picked(said, _SAID_OF_CODES)


def _code_rows(said: list[Part]) -> Iterator[CodeRow]:
    depths: dict[str, int] = {}
    for code in said:
        depths[code["value"]] = depths.get(code.get("parent", ""), -1) + 1
        yield CodeRow(
            value=code["value"],
            kind=CodeKind(code["kind"]),
            title=code["title"],
            is_billable=code["kind"] == CodeKind.CODE,
            short_title=code.get("short_title"),
            parent=code.get("parent"),
            depth=depths[code["value"]],
            notes=tuple(NoteRow(NoteKind(n["kind"]), n["text"]) for n in code.get("notes", ())),
        )


def _edge_row(code_map: CodeMap, source: str, target: str, *said: str) -> EdgeRow:
    attrs = dict(zip(_SAID_OF_PAIRS[code_map.role], said, strict=True))
    return EdgeRow(
        source,
        target,
        Relationship.RELATED_TO,
        is_approximate=code_map.role == "CROSSWALK",
        attrs=json.dumps(attrs) if attrs else None,
    )


async def _write_payment(
    connection: Connection, edition: Edition[FactKind], codes: list[Part], ids: dict[str, int]
) -> LoadReport:
    """Store fees and limits of units, unless these bytes are stored."""
    started = time.monotonic()
    stored = await stored_rows(connection, "fact_release", edition)
    if stored is not None:
        return LoadReport.skipping(edition.name, time.monotonic() - started, rows=stored)
    facts = [
        (ids[code["value"]], ordinal, fact["name"], fact["value"])
        for code in codes
        for ordinal, fact in enumerate(code.get("payment", ()))
    ]
    limits = [
        (ids[code["value"]], limit["units_per_day"], *map(limit.get, _SAID_OF_LIMITS))
        for code in codes
        for limit in code.get("unit_limits", ())
    ]
    rows = len(facts) + len(limits)
    release_id = await add_fact_release(connection, edition, rows)
    await connection.copy_records_to_table(
        "payment_fact",
        columns=("fact_release_id", "code_id", "ordinal", "name", "value"),
        records=[(release_id, *fact) for fact in facts],
    )
    await connection.copy_records_to_table(
        "unit_limit",
        columns=("fact_release_id", "code_id", "units_per_day", *_SAID_OF_LIMITS),
        records=[(release_id, *limit) for limit in limits],
    )
    return LoadReport(edition.name, rows, 0, 0, 0, rows, time.monotonic() - started)


async def _write_texts(connection: Connection, told: Part, ids: dict[str, int]) -> LoadReport:
    """Store the wordings that differ from the latest stored ones."""
    started = time.monotonic()
    texts = [
        (ids[code["value"]], section, " ".join(code[part].split()), told.get(f"{part}_copyright"))
        for code in told["codes"]
        for part, section in _TEXTS.items()
        if part in code
    ]
    columns = zip(*texts, strict=True)
    stored = await connection.fetch(_SQL["write_texts"], *columns, told["texts_written_on"])
    seconds = time.monotonic() - started
    if not stored:
        return LoadReport.skipping(_TEXTS_NAME, seconds, rows=len(texts))
    return LoadReport(_TEXTS_NAME, len(stored), 0, 0, 0, len(texts), seconds)
