"""ICD-10-CM from the tabular list of CDC, an XML file, and the list of all codes beside it.

The XML has chapters, blocks, categories, notes and the rules of the seventh character, but not the
codes that carry one; the list says which of them exist. A code is billable when it is a leaf of the
tree with those codes in it (ICD-10-CM guidelines, section I.B.2).
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from itertools import zip_longest

from db.load.rows import CodeRow, NoteRow
from db.load.source import SourceFile
from schema.codes import CodeKind
from schema.errors import FileRefused
from schema.pages import NoteKind

_NOTE_KINDS = {
    "includes": NoteKind.INCLUDES,
    "inclusionTerm": NoteKind.INCLUSION_TERM,
    "excludes1": NoteKind.EXCLUDES1,
    "excludes2": NoteKind.EXCLUDES2,
    "codeFirst": NoteKind.CODE_FIRST,
    "useAdditionalCode": NoteKind.USE_ADDITIONAL,
    "codeAlso": NoteKind.CODE_ALSO,
    "notes": NoteKind.NOTE,
    "sevenChrNote": NoteKind.SEVENTH_CHARACTER_NOTE,
}
_ORDER = {kind: place for place, kind in enumerate(NoteKind)}
_SPACES = re.compile(r"\s+")
_CHAPTER = re.compile(r"[1-9][0-9]?")
_CODE = re.compile(r"[A-Z][0-9A-Z]{2}(?:\.[0-9A-Z]{1,4})?")
_BLOCK = re.compile(r"[A-Z][0-9A-Z]{2}(?:-[A-Z][0-9A-Z]{2})?")
_SEVENTH = re.compile(r"[0-9A-Z]")


def read(tabular: SourceFile, listed: SourceFile) -> list[CodeRow]:
    """Every chapter, block, header and code in tabular order; raises FileRefused.

    The two files must tell the same tree, code for code, so a cut or a mixed pair is noticed.
    """
    values = [line for _, line in listed.lines("ascii", may_end_open=True)]
    rows = tree(tabular, frozenset(values))
    for number, (row, value) in enumerate(zip_longest(rows, values), start=1):
        if row is None or value is None or _listed_as(row) != value:
            told = f"has {value} where {tabular.name} has {row and row.value}"
            raise FileRefused(listed.name, told, line=number)
    return rows


def tree(tabular: SourceFile, listed: frozenset[str]) -> list[CodeRow]:
    """Every chapter, block, header and code of the XML in tabular order, with those codes with a
    seventh character that are listed; raises FileRefused."""
    rows = list(_TabularList(tabular.name, listed).rows(_parsed(tabular)))
    seen: set[str] = set()
    for row in rows:
        if row.value in seen:
            raise FileRefused(tabular.name, f"{row.value} comes twice")
        seen.add(row.value)
    if not rows:
        raise FileRefused(tabular.name, "has no chapters; it is not a tabular list")
    return rows


class _Builder(ET.TreeBuilder):
    """Builds a tree of a file that declares no document type, and so no entities."""

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        raise _DoctypeMet


class _DoctypeMet(Exception):
    pass


def _parsed(tabular: SourceFile) -> ET.Element:
    # Entities come with a document type, which is refused before the parser reads them.
    parser = ET.XMLParser(target=_Builder())  # noqa: S314
    try:
        parser.feed(tabular.content)
        root: ET.Element = parser.close()
    except _DoctypeMet:
        reason = "declares a document type, which could hold entities; the official list has none"
        raise FileRefused(tabular.name, reason) from None
    except ET.ParseError as broken:
        line, column = broken.position
        raise FileRefused(tabular.name, str(broken), line=line, column=column + 1) from broken
    except (LookupError, ValueError) as odd:
        raise FileRefused(tabular.name, f"is in an encoding that XML does not have: {odd}") from odd
    return root


def _listed_as(row: CodeRow) -> str:
    """How the list writes a row: a chapter is a bare number, a block of one category that one."""
    if row.kind is CodeKind.CHAPTER:
        return str(int(row.value[2:]))
    if row.kind is CodeKind.BLOCK:
        first, last = row.value.split("-")
        return first if first == last else row.value
    return row.value


class _TabularList:
    """One walk through the tree."""

    def __init__(self, file: str, listed: frozenset[str]) -> None:
        self._file = file
        self._listed = listed

    def rows(self, root: ET.Element) -> Iterator[CodeRow]:
        for chapter in root.iterfind("chapter"):
            value = f"CH{int(self._named(chapter, _CHAPTER)):02}"
            yield self._grouping(chapter, value, CodeKind.CHAPTER, None, 0)
            for section, block, parent, depth in self._blocks(chapter, value):
                yield self._grouping(section, block, CodeKind.BLOCK, parent, depth)
                for category in section.iterfind("diag"):
                    yield from self._diagnosis(category, block, depth + 1, {})

    def _blocks(
        self, chapter: ET.Element, value: str
    ) -> Iterator[tuple[ET.Element, str, str, int]]:
        """The blocks of a chapter in order: element, value, parent and depth.

        The file lists them flat. One without categories of its own holds those behind it that
        lie within its range, in the order of the categories: C7A stands behind C75, X58 behind V99.
        """
        sections = chapter.findall("section")
        names = [name.text for section in sections for name in section.iterfind("diag/name")]
        places = {name: place for place, name in enumerate(names)}
        above: list[tuple[str, int]] = []
        for section in sections:
            # A block of one category shares its id with it: as a range it has its own.
            first, _, last = self._matching(section, section.get("id", ""), _BLOCK).partition("-")
            held = [name.text for name in section.iterfind("diag/name")]
            ends = (held[0], held[-1]) if held else (first, last)
            if not places.keys() >= set(ends):
                raise FileRefused(self._file, f"has no categories in the block {first}-{last}")
            while above and places[ends[1]] > above[-1][1]:
                above.pop()
            block = f"{first}-{last or first}"
            yield section, block, above[-1][0] if above else value, len(above) + 1
            if not held:
                above.append((block, places[ends[1]]))

    def _grouping(
        self, element: ET.Element, value: str, kind: CodeKind, parent: str | None, depth: int
    ) -> CodeRow:
        title = self._text(element, "desc")
        notes = _notes(element, {})
        return CodeRow(value, kind, title, False, None, parent, depth, notes)

    def _diagnosis(
        self, diag: ET.Element, parent: str, depth: int, inherited: Mapping[str, str]
    ) -> Iterator[CodeRow]:
        value = self._named(diag, _CODE).replace(".", "")
        title = self._text(diag, "desc")
        own = {
            self._matching(e, e.get("char", ""), _SEVENTH): _clean(e.text)
            for e in diag.iterfind("sevenChrDef/extension")
        }
        extensions = own or inherited
        below = diag.findall("diag")
        # Admitted characters are printed for a whole category; only listed codes exist.
        stem = value.ljust(6, "X")
        extended = [] if below else [c for c in extensions if stem + c in self._listed]
        kind = CodeKind.HEADER if below or extended else CodeKind.CODE
        is_billable = kind is CodeKind.CODE
        yield CodeRow(value, kind, title, is_billable, None, parent, depth, _notes(diag, own))
        for child in below:
            if not self._named(child, _CODE).replace(".", "").startswith(value):
                raise FileRefused(self._file, f"has {_clean(child.findtext('name'))} below {value}")
            yield from self._diagnosis(child, value, depth + 1, extensions)
        for character in extended:
            full_title = f"{title}, {extensions[character]}"
            yield CodeRow(stem + character, CodeKind.CODE, full_title, True, None, value, depth + 1)

    def _named(self, element: ET.Element, pattern: re.Pattern[str]) -> str:
        return self._matching(element, self._text(element, "name"), pattern)

    def _matching(self, element: ET.Element, text: str, pattern: re.Pattern[str]) -> str:
        if pattern.fullmatch(text) is None:
            raise FileRefused(self._file, f"a {element.tag} called {text!r}")
        return text

    def _text(self, element: ET.Element, tag: str) -> str:
        text = _clean(element.findtext(tag))
        if not text:
            raise FileRefused(self._file, f"a {element.tag} without {tag}")
        return text


def _notes(element: ET.Element, extensions: Mapping[str, str]) -> tuple[NoteRow, ...]:
    """The notes that stand at an element, by kind.

    A note beside an extension is another label of the same character, and no note of the code.
    """
    notes = [
        # A comma at the start joins the text to its heading, "Code also, if applicable".
        NoteRow(kind, _clean(note.text).lstrip(", "))
        for child in element
        if (kind := _NOTE_KINDS.get(child.tag)) is not None
        for note in child.iterfind("note")
    ]
    notes += [
        NoteRow(NoteKind.SEVENTH_CHARACTER, f"{character}: {meaning}")
        for character, meaning in extensions.items()
    ]
    notes.sort(key=lambda note: _ORDER[note.kind])
    return tuple(notes)


def _clean(text: str | None) -> str:
    return _SPACES.sub(" ", text or "").strip()
