"""Cells of official tables as values: a cell that is not of its form is refused with its place."""

import csv
import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from db.load.source import SourceFile
from schema.errors import FileRefused


def csv_rows(file: SourceFile, *encodings: str) -> Iterator[tuple[int, list[str]]]:
    """Each row of a file of comma-separated values, its cells stripped, with the line it ends in.

    The first of the encodings that fits is used; raises FileRefused where none does, and where
    the file ends inside a line.
    """
    for encoding in encodings[:-1]:
        try:
            file.content.decode(encoding)
        except UnicodeDecodeError:
            continue
        break
    else:
        encoding = encodings[-1]
    reader = csv.reader((f"{line}\n" for _, line in file.lines(encoding)), strict=True)
    try:
        for row in reader:
            yield reader.line_num, [" ".join(cell.split()) for cell in row]
    except csv.Error as odd:
        # The message of the module names what is wrong and quotes nothing of the row.
        raise FileRefused(file.name, f"is not CSV: {odd}", line=reader.line_num) from odd


class Cells:
    """The texts of one row and the place of each, read one at a time.

    What is refused is named by its meaning and never quoted: a cell may hold licensed text.
    """

    def __init__(self, file: SourceFile, line: int, columns: tuple[int, ...] = ()) -> None:
        self._file = file.name
        self._line = line
        self._columns = columns
        """The first character of each cell in its line, from 1; empty where cells have none."""

    def matching(self, place: int, text: str, pattern: re.Pattern[str], meaning: str) -> str:
        """A text that matches as a whole."""
        if pattern.fullmatch(text) is None:
            raise self.refusal(place, f"is not {meaning}")
        return text

    def decimal(self, place: int, text: str, places: int, meaning: str) -> Decimal:
        """A number below 100,000 with so many decimals; fewer are filled up, further ones
        refused."""
        if re.fullmatch(rf"\d{{0,5}}\.\d{{1,{places}}}|\d{{1,5}}", text, re.ASCII) is None:
            raise self.refusal(place, f"is not {meaning}")
        return Decimal(text).quantize(Decimal(1).scaleb(-places))

    def day(self, place: int, text: str, form: str, meaning: str) -> date:
        """A day written as `YYYYMMDD`, or as `YYYYDDD` with the day of the year."""
        try:
            if form == "YYYYMMDD" and re.fullmatch(r"\d{8}", text, re.ASCII):
                return date.fromisoformat(text)
            if form == "YYYYDDD" and re.fullmatch(r"\d{7}", text, re.ASCII):
                first = date(int(text[:4]), 1, 1)
                found = first + timedelta(days=int(text[4:]) - 1)
                if found.year == first.year:
                    return found
        except (ValueError, OverflowError):
            pass  # No such day; refused below.
        raise self.refusal(place, f"is not {meaning} ({form})")

    def refusal(self, place: int, reason: str) -> FileRefused:
        """The refusal of a cell."""
        column = self._columns[place] if self._columns else place + 1
        return FileRefused(self._file, reason, line=self._line, column=column)
