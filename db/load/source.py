"""Where the bytes of a release come from, and what they are."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Generic, Literal, NamedTuple, TypeVar

from schema.codes import CodeSystemKey
from schema.errors import FileRefused
from schema.pages import SectionKind

_SPOKEN = {
    "ascii": "ASCII",
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "cp1252": "Windows-1252",
    "latin-1": "Latin-1",
}
"""Encodings of official files, as messages call them."""


@dataclass(frozen=True)
class SourceFile:
    """One official file, read whole."""

    name: str
    """What messages call it: the file's own name."""
    content: bytes

    @classmethod
    def of(cls, path: Path) -> "SourceFile":
        """The file at a path; raises FileRefused when it cannot be read."""
        try:
            return cls(path.name, path.read_bytes())
        except OSError as unreadable:
            raise FileRefused(path.name, f"cannot be read: {unreadable.strerror}") from unreadable

    def lines(
        self, encoding: str = "utf-8", *, may_end_open: bool = False
    ) -> Iterator[tuple[int, str]]:
        """Each line with its number from 1; refuses a file cut inside a line or wrongly encoded.

        A line ends at LF, CR or CRLF: packages repack official files with any of them. The last
        line may lack its end only in files whose reader would notice a cut otherwise.
        """
        try:
            text = self.content.decode(encoding)
        except UnicodeDecodeError as odd:
            line = self.content.count(b"\n", 0, odd.start) + 1
            column = odd.start - self.content.rfind(b"\n", 0, odd.start)
            reason = f"is not {_SPOKEN.get(encoding, encoding)} text"
            raise FileRefused(self.name, reason, line=line, column=column) from odd
        lines = text.splitlines()
        if not may_end_open and not text.endswith(("\n", "\r")):
            *above, last = lines or [""]
            reason = "ends inside a line; the file is cut"
            raise FileRefused(self.name, reason, line=len(above) + 1, column=len(last) + 1)
        yield from enumerate(lines, start=1)


class CodeMap(NamedTuple):
    """A set of relations between the codes of two systems, which may be one and the same."""

    kind: str
    """Its name, for example `GEM_I10_I9`."""
    role: Literal["CROSSWALK", "MODIFIER", "GROUPING", "SUCCESSION", "REFERENCE"]
    source_system: CodeSystemKey
    target_system: CodeSystemKey

    def __str__(self) -> str:
        return self.kind


class FactKind(NamedTuple):
    """A set of values about codes: fees, coverage, edits, limits of units."""

    kind: str
    """Its name, for example `DEMO_FEE`."""
    systems: tuple[CodeSystemKey, ...]
    """The systems whose codes it speaks of."""
    sections: tuple[SectionKind, ...]
    """The sections of a page that it fills: CODE_EDITS, COVERAGE_AND_PAYMENT or both."""

    def __str__(self) -> str:
        return self.kind


Subject = TypeVar("Subject", CodeSystemKey, CodeMap, FactKind)


@dataclass(frozen=True)
class Edition(Generic[Subject]):
    """A release of a code system, of a map, or of a kind of facts, and the files that hold it."""

    subject: Subject
    label: str
    effective_from: date
    publisher: str
    source: str
    """The package or folder, and the members inside."""
    files: tuple[SourceFile, ...]
    expected_rows: int | None = None
    """Codes or rows that the release is known to hold; None when nobody told."""

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the files one after the other, hexadecimal."""
        return hashlib.sha256(b"".join(file.content for file in self.files)).hexdigest()

    @property
    def name(self) -> str:
        """How reports call it."""
        return f"{self.subject} {self.label}"


def package_folder(package: str) -> Path:
    """The folder of an installed package, found without running any of its code."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise FileRefused(package, "the package that carries this release is not installed")
    return Path(spec.origin).parent


def refuse_wrong_count(file: SourceFile, found: int, expected: int | None) -> None:
    """Refuse a file with other than the expected rows; a cut between two lines shows only so."""
    if expected is not None and found != expected:
        raise FileRefused(file.name, f"holds {found:,} rows where {expected:,} are expected")


def coded_lines(file: SourceFile, pattern: re.Pattern[str], encoding: str) -> dict[str, str]:
    """The title of each code in a file of lines `CODE TITLE`; the pattern has those two groups.

    Refuses, with its place, what does not match and a code that comes twice.
    """
    titles: dict[str, str] = {}
    for number, line in file.lines(encoding):
        match = pattern.fullmatch(line.rstrip())
        if match is None:
            raise FileRefused(file.name, "is not a code and its title", line=number)
        value, title = match.groups()
        if value in titles:
            raise FileRefused(file.name, f"{value} comes twice", line=number)
        titles[value] = title
    return titles
