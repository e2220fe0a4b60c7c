"""An invented ICD-10-CM of a few codes in three editions, as files and loaded.

FY2025 comes as a list, FY2025-APR as a tabular list, FY2026 as a list again: it adds A002, A05 and
A090, ends A001, gives A000 another title and makes A09 a header.
"""

from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path

from db.load import LoadReport, icd10cm_tabular
from db.load.listed import ListForm, list_step
from db.load.order_file import OrderRow
from db.load.source import Edition, SourceFile
from db.load.transaction import load
from db.load.writer import write_codes
from schema.codes import CodeSystemKey
from tests.official.addenda import codes_addenda, order_addenda
from tests.official.icd10cm_order import archive, codes, order
from tests.official.icd10cm_tabular import Chapter, Diag, Section, listed, tabular

CM = CodeSystemKey.ICD10CM


def said(value: str, title: str, *, is_header: bool = False) -> OrderRow:
    """A row of an order file."""
    return OrderRow(value, not is_header, title[:60], title)


OLD = [
    said("A00", "Ague", is_header=True),
    said("A000", "Shaking ague"),
    said("A001", "Dumb ague"),
    said("A09", "Murrain"),
    said("B10", "Meniere's falling"),
]
NEW = [
    OLD[0],
    said("A000", "Shaking ague, all kinds"),
    said("A002", "Quartan ague"),
    said("A05", "Botch"),
    said("A09", "Murrain", is_header=True),
    said("A090", "Old murrain"),
    OLD[4],
]
CHAPTERS = [
    Chapter(
        1,
        "Agues",
        [
            Section(
                "A00-A09",
                "Agues and murrains",
                [
                    Diag(
                        "A00",
                        "Ague",
                        {"excludes1": ["chill (B10)"]},
                        {},
                        [Diag("A000", "Shaking ague"), Diag("A001", "Dumb ague")],
                    ),
                    Diag("A09", "Murrain", {"inclusionTerm": ["rot"]}),
                ],
            )
        ],
    ),
    Chapter(2, "Falls", [Section("B10-B10", "Falls", [Diag("B10", "Ménière's falling")])]),
]


def zipped(
    folder: Path, year: int, rows: Sequence[OrderRow], before: Sequence[OrderRow] = OLD
) -> Path:
    """The archive of an edition as CDC publishes it, with the addenda from the one before."""
    path = folder / f"icd10cm-code-descriptions-{year}.zip"
    files = {
        f"icd10cm-codes-{year}.txt": codes(rows),
        f"icd10cm-codes-addenda-{year}.txt": codes_addenda(before, rows, year),
        f"icd10cm-order-{year}.txt": order(rows),
        f"icd10cm-order-addenda-{year}.txt": order_addenda(before, rows, year),
    }
    path.write_bytes(archive(files))
    return path


async def load_list(
    url: str, form: ListForm, path: Path, tabular_list: Path | None = None
) -> LoadReport:
    """What loading a list changed, the edition being what its name tells."""
    (report,) = await load(url, [list_step(form, path, tabular=tabular_list)])
    return report


async def load_tabular(url: str) -> None:
    """The tree of FY2025-APR with its notes, from a tabular list as the default load reads one."""
    files = SourceFile("t.xml", tabular(CHAPTERS)), SourceFile("l.txt", listed(CHAPTERS))
    edition = Edition(CM, "FY2025-APR", date(2025, 4, 1), "nobody", "generated", files)
    read = partial(icd10cm_tabular.read, *files)
    await load(url, [partial(write_codes, edition=edition, read=read)])
