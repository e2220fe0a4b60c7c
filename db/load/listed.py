"""The loads of ICD-10 from the lists of codes that its agencies publish each year."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from db.load import addenda, icd10cm_codes, order_file, order_rows
from db.load.addenda_proof import refuse_disagreement
from db.load.edition_names import edition_of
from db.load.opening import Named, is_named, matching, member, opened
from db.load.order_file import OrderRow
from db.load.predecessor import Predecessor, predecessor_of
from db.load.report import LoadReport, Progress
from db.load.rows import CodeRow
from db.load.source import Edition, SourceFile
from db.load.stored import Connection
from db.load.transaction import Step
from db.load.writer import write_codes
from schema.codes import CodeKind, CodeSystemKey
from schema.errors import FileRefused

_MOST_LOST = 1_000
"""Codes that a list without addenda may lack of those before it: more, and a tenth, is a cut."""
_TABULAR = Named(r"icd10cm?[-_]tabular.*\.xml", "icd10cm-tabular-2027.xml")


@dataclass(frozen=True)
class ListForm:
    """One of the forms that a list of codes is published in."""

    system: CodeSystemKey
    publisher: str
    member: Named
    addenda_member: Named
    layout: addenda.Layout
    read: Callable[[SourceFile], list[OrderRow]]
    has_headers: bool = True


_ORDER_CM = partial(order_file.read, system=CodeSystemKey.ICD10CM)
_ORDER_PCS = partial(order_file.read, system=CodeSystemKey.ICD10PCS)
ICD10CM_ORDER = ListForm(
    CodeSystemKey.ICD10CM,
    "CDC National Center for Health Statistics",
    Named(r"icd10cm[-_]order[-_](?!addenda).*\.txt", "icd10cm-order-2027.txt"),
    Named(r"icd10cm[-_]order[-_]addenda.*\.txt", "icd10cm-order-addenda-2027.txt"),
    addenda.ICD10CM_ORDER,
    _ORDER_CM,
)
ICD10CM_CODES = ListForm(
    CodeSystemKey.ICD10CM,
    "CDC National Center for Health Statistics",
    Named(r"icd10cm[-_]codes[-_](?!addenda).*\.txt", "icd10cm-codes-2027.txt"),
    Named(r"icd10cm[-_]codes[-_]addenda.*\.txt", "icd10cm-codes-addenda-2027.txt"),
    addenda.ICD10CM_CODES,
    icd10cm_codes.read,
    has_headers=False,
)
ICD10PCS_ORDER = ListForm(
    CodeSystemKey.ICD10PCS,
    "Centers for Medicare & Medicaid Services",
    Named(r"icd10pcs[-_]order[-_](?!addenda).*\.txt", "icd10pcs_order_2027.txt"),
    Named(r"(?:icd10pcs[-_])?order[-_]addenda.*\.txt", "order_addenda_2027.txt"),
    addenda.ICD10PCS_ORDER,
    _ORDER_PCS,
)


@dataclass(frozen=True)
class Listed:
    """The files of one edition."""

    form: ListForm
    rows: SourceFile
    addenda: SourceFile | None = None
    tabular: SourceFile | None = None


def list_step(
    form: ListForm,
    path: Path,
    label: str | None = None,
    effective_from: date | None = None,
    tabular: Path | None = None,
) -> Step:
    """The load of a list, bare or in its archive, with the addenda beside it and the tabular list
    if one is given. Label and first day are told by the name of the list where they are not given.

    Raises FileRefused.
    """
    listed = _listed(form, path, None if tabular is None else member(tabular, _TABULAR))
    label, effective_from = edition_of(listed.rows, path.name, label, effective_from)
    files = tuple(file for file in (listed.rows, listed.tabular) if file is not None)
    edition = Edition(
        subject=form.system,
        label=label,
        effective_from=effective_from,
        publisher=form.publisher,
        source=f"{path.name}: {', '.join(file.name for file in files)}",
        # The addenda only prove the list: bare and in its archive it is one edition.
        files=files,
    )
    return partial(_write, edition=edition, listed=listed)


def _listed(form: ListForm, path: Path, tabular: SourceFile | None) -> Listed:
    files = opened(path)
    if path.suffix.lower() != ".zip":
        return Listed(form, files[0], tabular=tabular)
    rows = matching(files, form.member, path.name)
    named = [file for file in files if is_named(file, form.addenda_member)]
    told = matching(named, form.addenda_member, path.name) if named else None
    return Listed(form, rows, told, tabular)


async def _write(
    connection: Connection, progress: Progress, edition: Edition[CodeSystemKey], listed: Listed
) -> LoadReport:
    before = await predecessor_of(connection, listed.form.system)
    carried = before.notes_of if before and listed.tabular is None else None
    read = partial(_rows, listed, before)
    return await write_codes(connection, progress, edition, read, carried_notes=carried)


def _rows(listed: Listed, before: Predecessor | None) -> list[CodeRow]:
    rows = listed.form.read(listed.rows)
    if listed.addenda is not None:
        told = addenda.read(listed.addenda, listed.form.layout)
        refuse_disagreement(told, rows, before)
    elif before is not None:
        _refuse_cut(listed.rows, rows, before)
    if listed.tabular is not None:
        return order_rows.with_tabular(listed.rows, rows, listed.tabular)
    if not listed.form.has_headers:
        rows = icd10cm_codes.with_headers(rows, before)
    return order_rows.alone(rows, before)


def _refuse_cut(file: SourceFile, rows: Sequence[OrderRow], before: Predecessor) -> None:
    """Refuse a list that was cut between two lines, which only its length can tell."""
    codes = {row.value for row in before.rows.values() if row.kind is CodeKind.CODE}
    lost = len(codes - {row.value for row in rows})
    if lost > _MOST_LOST and lost * 10 > len(codes):
        reason = f"lacks {lost:,} of the {len(codes):,} codes of {before.label}; the file is cut"
        raise FileRefused(file.name, reason)
