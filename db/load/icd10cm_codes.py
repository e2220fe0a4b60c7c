"""ICD-10-CM from the codes file of CDC: the codes that are valid on a claim, and nothing else.

Columns from 1: 1 to 7 the code without its dot, 8 blank, 9 to the end the long title (CDC,
ICD-10-CM Codes File).
"""

from collections.abc import Iterator, Sequence

from db.load.order_file import CODES, OrderRow
from db.load.predecessor import Predecessor
from db.load.source import SourceFile
from schema.codes import CodeKind, CodeSystemKey
from schema.errors import FileRefused


def read(file: SourceFile) -> list[OrderRow]:
    """Every code in the order of the file; raises FileRefused with line and column."""
    rows: dict[str, OrderRow] = {}
    for number, line in file.lines("ascii"):
        row = _row(file, number, line)
        if row.value in rows:
            raise FileRefused(file.name, f"{row.value} comes twice", line=number, column=1)
        rows[row.value] = row
    if not rows:
        raise FileRefused(file.name, "holds no codes")
    return list(rows.values())


def _row(file: SourceFile, number: int, line: str) -> OrderRow:
    value, title = line[:7].rstrip(), line[8:].rstrip()
    if not CODES[CodeSystemKey.ICD10CM].fullmatch(value):
        raise FileRefused(file.name, f"{value!r} is not a code of ICD-10-CM", line=number, column=1)
    if line[7:8] != " ":
        raise FileRefused(file.name, "has no blank after the code", line=number, column=8)
    if not title or title[0] == " " or not title.isprintable():
        raise FileRefused(file.name, "begins no title here", line=number, column=9)
    return OrderRow(value, True, None, title)


def with_headers(codes: Sequence[OrderRow], before: Predecessor | None) -> list[OrderRow]:
    """The codes below those headers of the release before that still have codes below them, each
    header before its first code. The file tells no headers: a new one is not known."""
    return list(_with_headers(codes, before)) if before else list(codes)


def _with_headers(codes: Sequence[OrderRow], before: Predecessor) -> Iterator[OrderRow]:
    told = {code.value for code in codes}
    for code in codes:
        for length in range(3, len(code.value)):
            above = before.rows.get(code.value[:length])
            if above and above.kind is CodeKind.HEADER and above.value not in told:
                told.add(above.value)
                yield OrderRow(above.value, False, above.short_title, above.title)
        yield code
