"""The fixed-width form of HCPCS Level II, ANWEB.txt: 320 columns a line, CMS's contractor record.

Above the records stand a few lines of disclaimer, and editions differ in what stands below them.
"""

import re
from collections.abc import Iterator

from db.load.hcpcs import HcpcsRow, Line, rows_of
from db.load.source import SourceFile
from schema.errors import FileRefused

_LENGTH = 320
_NEEDED = {"3": 293, "7": 293, "4": 91, "8": 91}
"""By type of record: columns that a line has at least. The edition of 2019 has one that lacks some
of the blanks at its end."""
_PLACES = {
    "HCPC": (1, 5),
    "SEQNUM": (6, 10),
    "RECID": (11, 11),
    "LONG DESCRIPTION": (12, 91),
    "SHORT DESCRIPTION": (92, 119),
    **{f"PRICE{n}": (118 + 2 * n, 119 + 2 * n) for n in range(1, 5)},
    "MULT_PI": (128, 128),
    **{f"CIM{n}": (123 + 6 * n, 128 + 6 * n) for n in range(1, 4)},
    **{f"MCM{n}": (139 + 8 * n, 146 + 8 * n) for n in range(1, 4)},
    "STATUTE": (171, 180),
    **{f"LABCERT{n}": (178 + 3 * n, 180 + 3 * n) for n in range(1, 9)},
    **{f"XREF{n}": (200 + 5 * n, 204 + 5 * n) for n in range(1, 6)},
    "COV": (230, 230),
    "ASC_GRP": (231, 232),
    "ASC_DT": (233, 240),
    "OPPS": (241, 243),
    "OPPS_PI": (244, 244),
    "OPPS_DT": (245, 252),
    "PROCNOTE": (253, 256),
    "BETOS": (257, 259),
    **{f"TOS{n}": (260 + n, 260 + n) for n in range(1, 6)},
    "ANEST_BU": (266, 268),
    "ADD DT": (269, 276),
    "ACT EFF DT": (277, 284),
    "TERM DT": (285, 292),
    "ACTION CD": (293, 293),
}
"""First and last column of each field, from 1, as the record layout beside the file has them."""
_RECORD = re.compile(r"(?: {3}[A-Z0-9]{2}|[A-Z0-9]{5})[0-9]{5}[3478]")


def read(file: SourceFile) -> list[HcpcsRow]:
    """Codes and modifiers in the order of the file; raises FileRefused with line and column."""
    columns = {name: first for name, (first, _) in _PLACES.items()}
    return rows_of(file.name, _lines(file), columns)


def _lines(file: SourceFile) -> Iterator[Line]:
    """The lines that are records. Only what is shorter than one may be something else."""
    # The disclaimer has blanks that are not ASCII; the records are ASCII throughout.
    for number, text in file.lines("cp1252"):
        if _RECORD.match(text):
            if not _NEEDED[text[10]] <= len(text) <= _LENGTH:
                reason = f"has {len(text)} columns where {_LENGTH} are expected"
                column = min(len(text), _LENGTH) + 1
                raise FileRefused(file.name, reason, line=number, column=column)
            if not (text.isascii() and text.isprintable()):
                column = next(at for at, odd in enumerate(text, start=1) if not " " <= odd <= "~")
                reason = "is a record that is not ASCII text"
                raise FileRefused(file.name, reason, line=number, column=column)
            yield Line(number, {name: _cut(text, *place) for name, place in _PLACES.items()})
        elif len(text) >= _NEEDED["3"]:
            raise FileRefused(file.name, "is neither a record nor a remark", line=number)


def _cut(text: str, first: int, last: int) -> str:
    return text[first - 1 : last].strip()
