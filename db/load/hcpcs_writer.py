"""A release of HCPCS Level II in one step: codes, modifiers, references, coverage and payment.

One file holds all of it, so all of it is stored or nothing.
"""

import re
import time
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path

from db.load import hcpcs_anweb, hcpcs_xlsx
from db.load.fact_writer import add_fact_release, open_fact_release, report_facts
from db.load.hcpcs import HcpcsRow
from db.load.hcpcs_facts import facts_of
from db.load.map_writer import write_map
from db.load.opening import Named, is_named, matching, opened
from db.load.report import LoadReport, Progress
from db.load.rows import CodeRow, EdgeRow
from db.load.source import CodeMap, Edition, FactKind, SourceFile, Subject
from db.load.stored import Connection, identities, stored_rows
from db.load.writer import write_codes
from schema.codes import CodeKind, CodeSystemKey
from schema.crosswalks import Relationship
from schema.pages import SectionKind

_PUBLISHER = "Centers for Medicare & Medicaid Services"
_HCPCS, _MODIFIER = CodeSystemKey.HCPCS, CodeSystemKey.HCPCS_MODIFIER
_FACTS = FactKind("HCPCS_PAYMENT", (_HCPCS, _MODIFIER), (SectionKind.COVERAGE_AND_PAYMENT,))
_STEM = r".*ANWEB(_v[0-9]+)?"
_NAME = Named(_STEM + r"\.(txt|xlsx)", "HCPC2026_OCT_ANWEB.txt")
_TEXT_NAME = Named(_STEM + r"\.txt", _NAME.like)
_REFERENCES = {
    # By the shape of the code that is referred to.
    re.compile(r"[A-Z][0-9]{4}"): CodeMap("HCPCS_XREF", "CROSSWALK", _HCPCS, _HCPCS),
    re.compile(r"[0-9]{4}[0-9A-Z]"): CodeMap(
        "HCPCS_XREF_CPT", "CROSSWALK", _HCPCS, CodeSystemKey.CPT
    ),
    re.compile(r"[A-Z0-9]{2}"): CodeMap("HCPCS_XREF_MODIFIER", "CROSSWALK", _MODIFIER, _MODIFIER),
}


def hcpcs_file(path: Path) -> SourceFile:
    """The file of HCPCS at a path, or in the archive there; raises FileRefused.

    An archive has both forms beside layouts, lists and reports of what changed; the two say the
    same, and the text is taken.
    """
    files = opened(path)
    if path.suffix.lower() != ".zip":
        return files[0]
    texts = [file for file in files if is_named(file, _TEXT_NAME)]
    return matching(texts or files, _NAME, path.name)


async def write_hcpcs(
    connection: Connection,
    progress: Progress,
    file: SourceFile,
    label: str,
    effective_from: date,
) -> list[LoadReport]:
    """Store a release from either form of the file, unless these bytes are stored; a report for
    each part. Raises FileRefused."""
    rows = _read(file)
    of = partial(_edition, label=label, effective_from=effective_from, file=file)
    reports = [
        await write_codes(connection, progress, of(system), partial(_codes, rows, system))
        for system in (_HCPCS, _MODIFIER)
    ]
    for code_map in _REFERENCES.values():
        edition = _edition(code_map, f"HCPCS-{label}", effective_from, file)
        read = partial(_edges, rows, code_map)
        reports.append(await write_map(connection, progress, edition, read))
    reports.append(
        await _write_facts(connection, _edition(_FACTS, label, effective_from, file), rows)
    )
    return reports


def _read(file: SourceFile) -> list[HcpcsRow]:
    is_workbook = file.content.startswith(b"PK")
    return hcpcs_xlsx.read(file) if is_workbook else hcpcs_anweb.read(file)


def _edition(
    subject: Subject, label: str, effective_from: date, file: SourceFile
) -> Edition[Subject]:
    source = f"CMS HCPCS Level II, {file.name}"
    return Edition(subject, label, effective_from, _PUBLISHER, source, (file,))


def _codes(rows: Sequence[HcpcsRow], system: CodeSystemKey) -> list[CodeRow]:
    is_modifier = system is _MODIFIER
    return [
        CodeRow(
            value=row.value,
            kind=CodeKind.MODIFIER if is_modifier else CodeKind.CODE,
            title=row.title,
            is_billable=not is_modifier,
            short_title=row.short_title or None,
            first_day=row.added_on,
            last_day=row.last_day,
        )
        for row in rows
        if row.is_modifier is is_modifier
    ]


def _edges(rows: Sequence[HcpcsRow], code_map: CodeMap) -> list[EdgeRow]:
    """The references of one sort, which say what to report instead and not how alike it is."""
    return [
        EdgeRow(row.value, reference, Relationship.RELATED_TO, is_approximate=True)
        for row in rows
        for reference in row.cross_references
        if _map_of(row, reference) is code_map
    ]


def _map_of(row: HcpcsRow, reference: str) -> CodeMap | None:
    """The map that holds a reference; None for one that names no code, such as `CPT`."""
    system = _MODIFIER if row.is_modifier else _HCPCS
    for shape, code_map in _REFERENCES.items():
        if shape.fullmatch(reference) and code_map.source_system is system:
            return code_map
    return None


async def _write_facts(
    connection: Connection, edition: Edition[FactKind], rows: Sequence[HcpcsRow]
) -> LoadReport:
    """Store what is said of coverage and payment, and the references that name no code."""
    started = time.monotonic()
    stored = await stored_rows(connection, "fact_release", edition)
    if stored is not None:
        return LoadReport.skipping(edition.name, time.monotonic() - started, rows=stored)
    ids = {system: await identities(connection, system) for system in (_HCPCS, _MODIFIER)}
    facts = [
        (ids[_MODIFIER if row.is_modifier else _HCPCS][row.value], ordinal, *fact)
        for row in rows
        for ordinal, fact in enumerate([*facts_of(row), *_unresolved(row)])
    ]
    predecessor = await open_fact_release(connection, edition.subject)
    release_id = await add_fact_release(connection, edition, len(facts))
    await connection.copy_records_to_table(
        "payment_fact",
        columns=("fact_release_id", "code_id", "ordinal", "name", "value"),
        records=((release_id, *fact) for fact in facts),
    )
    return await report_facts(
        connection,
        edition,
        "payment_fact",
        release_id=release_id,
        predecessor=predecessor,
        row_count=len(facts),
        unresolved=sum(len(_unresolved(row)) for row in rows),
        started=started,
    )


def _unresolved(row: HcpcsRow) -> list[tuple[str, str]]:
    """The references that name no code, as facts: none is dropped."""
    return [
        ("Cross reference", reference)
        for reference in row.cross_references
        if _map_of(row, reference) is None
    ]
