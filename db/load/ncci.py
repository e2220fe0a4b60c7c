"""Procedure-to-procedure edits of CMS's National Correct Coding Initiative, as tab-separated text.

A quarter comes in parts (`ccipra-v322r0-f1.TXT` and further ones of practitioners, `ccioph-…` of
outpatient hospitals): notices, a heading wrapped over several lines, then one line a rule. Layout
told by public readers of the files; experimental until an official file has been read here.
"""

import io
import re
from collections.abc import Iterator, Sequence
from datetime import date

from db.load.cells import Cells
from db.load.procedures import PROCEDURE
from db.load.rows import PairRow
from db.load.source import SourceFile
from schema.edits import EditSetting
from schema.errors import FileRefused

PARTS = {EditSetting.PRACTITIONER: "ccipra", EditSetting.OUTPATIENT_HOSPITAL: "ccioph"}
"""What the names of a setting's files begin with."""

_NAME = re.compile(r"(?P<set>[a-z]+)-(?P<version>v\w+)-f(?P<part>\d+)\.txt", re.IGNORECASE)
_FIRST = re.compile(rf"{PROCEDURE}\t{PROCEDURE}\t")
_HEADING = re.compile(r"column\s*1\b.*column\s*2\b.*modifier", re.IGNORECASE | re.DOTALL)
_MOST_LINES_ABOVE = 40
_CODE, _STAR = re.compile(PROCEDURE), re.compile(r"[* ]?")
_INDICATOR, _REASON = re.compile("[019]"), re.compile(r"\S[^\t]*")


def refuse_wrong_parts(files: Sequence[SourceFile], setting: EditSetting) -> None:
    """Refuse what is not the parts 1 and following of one version of the setting's set.

    A missing part would be answered as "no edit". How many there are the files do not say.
    """
    versions, parts = set(), []
    for file in files:
        named = _NAME.fullmatch(file.name)
        if named is None or named["set"].lower() != PARTS[setting]:
            reason = f"is not named as a part of {setting}: {PARTS[setting]}-v…-f1.txt"
            raise FileRefused(file.name, reason)
        versions.add(named["version"].lower())
        parts.append(int(named["part"]))
    if len(versions) > 1:
        told = ", ".join(sorted(versions))
        raise FileRefused(files[-1].name, f"is of another version than the rest: {told}")
    if sorted(parts) != list(range(1, len(parts) + 1)):
        told = ", ".join(map(str, sorted(parts)))
        raise FileRefused(files[0].name, f"the parts given are {told}, not each from 1 on once")


def rows(files: Sequence[SourceFile]) -> Iterator[PairRow]:
    """Every rule in the order of the files, made as it is asked for: there are millions.

    Raises FileRefused with file, line and column of what is odd.
    """
    for file in files:
        yield from _rows(file)


def _rows(file: SourceFile) -> Iterator[PairRow]:
    if not file.content.endswith(b"\n"):
        raise FileRefused(file.name, "ends inside a line; the file is cut")
    text = io.TextIOWrapper(io.BytesIO(file.content), encoding="latin-1", newline="\n")
    lines = ((number, line.rstrip("\r\n")) for number, line in enumerate(text, start=1))
    read = _Reader(file)
    yield read.row(*_first(file, lines))
    for number, line in lines:
        yield read.row(number, line)


def _first(file: SourceFile, lines: Iterator[tuple[int, str]]) -> tuple[int, str]:
    """The first line of a rule; the heading must stand above it."""
    above: list[str] = []
    for number, line in lines:
        if _FIRST.match(line):
            if _HEADING.search("\n".join(above)) is None:
                reason = "has no heading Column 1, Column 2, Modifier above its first rule"
                raise FileRefused(file.name, reason, line=number)
            return number, line
        above.append(line)
        if number > _MOST_LINES_ABOVE:
            break
    raise FileRefused(file.name, "has no line of two codes: it is no file of pair edits")


class _Reader:
    """Makes rows of lines. What columns hold comes again and again, so each text is read once."""

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self._codes: dict[str, str] = {}
        self._days: dict[str, date] = {}
        self._ends: dict[str, date | None] = {"*": None}
        self._reasons: dict[str, str] = {}
        self._indicators = {"0": 0, "1": 1, "9": 9}

    def row(self, number: int, line: str) -> PairRow:
        """The rule of a line; raises FileRefused."""
        texts = line.split("\t")
        try:
            one, two, star, since, until, indicator, reason = texts
            if star not in ("", "*", " "):
                raise KeyError(star)
            return PairRow(
                self._codes[one],
                self._codes[two],
                self._days[since],
                self._ends[until],
                self._indicators[indicator],
                self._reasons[reason],
            )
        except (KeyError, ValueError):
            self._learn(number, texts)
            return self.row(number, line)

    def _learn(self, number: int, texts: list[str]) -> None:
        """Keep what each text of a line means; raises FileRefused where one means nothing."""
        if len(texts) != 7:
            reason = f"has {len(texts)} columns where 7 are expected"
            column = (*_starts(texts), len("\t".join(texts)) + 1)[min(len(texts), 7)]
            raise FileRefused(self._file.name, reason, line=number, column=column)
        cells = Cells(self._file, number, _starts(texts))
        one, two, star, since, until, indicator, reason = texts
        for place, code in ((0, one), (1, two)):
            self._codes[code] = cells.matching(place, code, _CODE, "a procedure code")
        cells.matching(2, star, _STAR, "an asterisk or nothing")
        self._days[since] = cells.day(3, since, "YYYYMMDD", "the first day of the rule")
        if until != "*":
            self._ends[until] = cells.day(4, until, "YYYYMMDD", "the last day of the rule")
        cells.matching(5, indicator, _INDICATOR, "a modifier indicator 0, 1 or 9")
        self._reasons[reason] = cells.matching(6, reason, _REASON, "a rationale").rstrip()


def _starts(texts: Sequence[str]) -> tuple[int, ...]:
    """The first character of each text in its line, from 1."""
    starts = [1]
    for text in texts[:-1]:
        starts.append(starts[-1] + len(text) + 1)
    return tuple(starts)
