"""The invented system DEMO, from demo.toml beside this file: every section of a page filled."""

import json
import time
import tomllib
from collections.abc import Iterator
from datetime import date
from functools import partial
from importlib.resources import files
from typing import Any

import asyncpg

from db.load.map_writer import write_map
from db.load.report import LoadReport, Progress
from db.load.rows import CodeRow, EdgeRow, NoteRow
from db.load.source import Edition, MapEdition, SourceFile, sha256_of
from db.load.stored import Connection, identities
from db.load.writer import write_codes
from db.queries import statements
from schema.codes import CodeKind, CodeSystemKey
from schema.crosswalks import Relationship
from schema.pages import NoteKind, SectionKind

_FILE = "demo.toml"
_SOURCE = f"codestile {_FILE}"
_SQL = statements("load")
_DEMO = CodeSystemKey.DEMO
_TEXTS = {
    "official": SectionKind.OFFICIAL_DESCRIPTION,
    "common": SectionKind.COMMON_LANGUAGE,
    "guidelines": SectionKind.GUIDELINES,
}


def demo() -> dict[str, Any]:
    """The whole file."""
    return tomllib.loads((files("db.load") / _FILE).read_text(encoding="utf-8"))


def editions(told: dict[str, Any]) -> Iterator[tuple[Edition, list[CodeRow]]]:
    """Each release and its codes, oldest first."""
    newest = told["releases"][-1]
    for release in told["releases"]:
        rows = list(_rows(told["codes"], is_newest=release is newest))
        yield (
            Edition(
                system=_DEMO,
                label=release["label"],
                effective_from=release["effective_from"],
                publisher=told["publisher"],
                source=_SOURCE,
                files=(_part(release["label"], rows),),
            ),
            rows,
        )


def maps(told: dict[str, Any]) -> Iterator[tuple[MapEdition, list[EdgeRow]]]:
    """Modifiers, edits and crosswalks."""
    related = partial(EdgeRow, relationship=Relationship.RELATED_TO)
    modifiers = [
        related(code, modifier, attrs=json.dumps({"guidance": guidance}))
        for code, modifier, guidance in told["modifiers"]["rows"]
    ]
    edits = [
        related(paid, denied, attrs=json.dumps({"is_modifier_allowed": allowed, "rationale": why}))
        for paid, denied, allowed, why in told["edits"]["rows"]
    ]
    crosswalks = [
        related(source, target, is_approximate=True)
        for source, target in told["crosswalks"]["rows"]
    ]
    yield _map_edition(told, "DEMO_MODIFIER", "MODIFIER", "modifiers", modifiers, _DEMO), modifiers
    yield _map_edition(told, "DEMO_EDIT", "PAIR_EDIT", "edits", edits, _DEMO), edits
    icd10cm = CodeSystemKey.ICD10CM
    crosswalk = _map_edition(told, "DEMO_ICD10CM", "CROSSWALK", "crosswalks", crosswalks, icd10cm)
    yield crosswalk, crosswalks


async def write_demo(connection: Connection, progress: Progress) -> LoadReport:
    """Store everything in one transaction; one report for all of it."""
    started = time.monotonic()
    told = demo()
    reports = [
        await write_codes(connection, progress, edition, partial(list[CodeRow], rows))
        for edition, rows in editions(told)
    ]
    reports += [
        await write_map(connection, progress, edition, partial(list[EdgeRow], rows))
        for edition, rows in maps(told)
    ]
    ids = await identities(connection, _DEMO)
    stored = await _write_facts(connection, told, ids) + await _write_texts(connection, told, ids)
    return LoadReport(
        release=f"DEMO {told['releases'][-1]['label']}",
        added=sum(report.added for report in reports),
        changed=sum(report.changed for report in reports),
        removed=sum(report.removed for report in reports),
        unresolved=sum(report.unresolved for report in reports),
        rows=sum(report.rows for report in reports),
        seconds=time.monotonic() - started,
        skipped=stored == 0 and all(report.skipped for report in reports),
    )


def _rows(codes: list[dict[str, Any]], *, is_newest: bool) -> Iterator[CodeRow]:
    depths: dict[str, int] = {}
    for code in codes:
        depths[code["value"]] = depths.get(code.get("parent", ""), -1) + 1
        if code.get("is_dropped" if is_newest else "is_new"):
            continue
        said = code if is_newest else {**code, **code.get("before", {})}
        yield CodeRow(
            value=said["value"],
            kind=CodeKind(said["kind"]),
            title=said["title"],
            is_billable=said["kind"] == CodeKind.CODE,
            short_title=said.get("short_title"),
            parent=said.get("parent"),
            depth=depths[said["value"]],
            notes=tuple(NoteRow(NoteKind(n["kind"]), n["text"]) for n in said.get("notes", ())),
        )


def _map_edition(
    told: dict[str, Any],
    kind: str,
    role: str,
    part: str,
    rows: list[EdgeRow],
    target_system: CodeSystemKey,
) -> MapEdition:
    return MapEdition(
        kind=kind,
        role=role,
        label=told[part]["label"],
        source_system=_DEMO,
        target_system=target_system,
        effective_from=_newest_date(told),
        publisher=told["publisher"],
        source=_SOURCE,
        files=(_part(part, rows),),
    )


def _part(name: str, rows: list[Any]) -> SourceFile:
    """One part of the file as if it were a file, so that a change elsewhere leaves it as it was."""
    return SourceFile(f"{_FILE}#{name}", json.dumps(rows).encode())


def _newest_date(told: dict[str, Any]) -> date:
    newest: date = told["releases"][-1]["effective_from"]
    return newest


async def _write_facts(connection: Connection, told: dict[str, Any], ids: dict[str, int]) -> int:
    """Store units and payment facts once; how many were stored."""
    fees = told["fees"]
    facts = [
        (code["value"], kind, ordinal, name, value)
        for code in told["codes"]
        for ordinal, (kind, name, value) in enumerate(_facts(code))
    ]
    if await connection.fetchval(_SQL["fact_release"], "DEMO_FEE", fees["label"]) is not None:
        return 0
    release_id = await connection.fetchval(
        _SQL["add_fact_release"],
        "DEMO_FEE",
        fees["label"],
        _DEMO,
        asyncpg.Range(_newest_date(told), None),
        fees["source"],
        sha256_of((_part("fees", facts),)),
    )
    await connection.copy_records_to_table(
        "code_fact",
        columns=("fact_release_id", "code_id", "kind", "ordinal", "name", "value"),
        records=[(release_id, ids[value], *fact) for value, *fact in facts],
    )
    return len(facts)


def _facts(code: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    if "units_per_day" in code:
        yield "UNITS_PER_DAY", "Units per day", str(code["units_per_day"])
    for fact in code.get("payment", ()):
        yield "PAYMENT", fact["name"], fact["value"]


async def _write_texts(connection: Connection, told: dict[str, Any], ids: dict[str, int]) -> int:
    """Store the wordings that differ from the latest stored ones; how many were stored."""
    texts = [
        (ids[code["value"]], section, " ".join(code[part].split()), told.get(f"{part}_copyright"))
        for code in told["codes"]
        for part, section in _TEXTS.items()
        if part in code
    ]
    columns = zip(*texts, strict=True)
    return len(await connection.fetch(_SQL["write_texts"], *columns, _newest_date(told)))
