"""Writes tabular lists of ICD-10-CM in the XML of CDC, from chapters that tests make up."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr


class Diag(NamedTuple):
    """A category or code, with what stands at it and below it."""

    value: str
    """As stored; the file prints it with its dot."""
    title: str
    notes: Mapping[str, Sequence[str]] = {}
    """By the element that holds them: `includes`, `excludes1`."""
    extensions: Mapping[str, str] = {}
    """Seventh characters and their labels."""
    below: "Sequence[Diag]" = ()


class Section(NamedTuple):
    """A block by its range, `A00-A09`."""

    range: str
    title: str
    diags: Sequence[Diag]
    notes: Mapping[str, Sequence[str]] = {}


class Chapter(NamedTuple):
    """A chapter by its number."""

    number: int
    title: str
    sections: Sequence[Section]
    notes: Mapping[str, Sequence[str]] = {}


def tabular(chapters: Sequence[Chapter]) -> bytes:
    """The bytes of the file."""
    body = "".join(_chapter(chapter) for chapter in chapters)
    text = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f"<ICD10CM.tabular>\n<version>2026</version>\n{body}</ICD10CM.tabular>\n"
    )
    return text.encode()


def _chapter(chapter: Chapter) -> str:
    sections = "".join(_section(section) for section in chapter.sections)
    return (
        f"<chapter>\n<name>{chapter.number}</name>\n<desc>{escape(chapter.title)}</desc>\n"
        f"{_notes(chapter.notes)}{sections}</chapter>\n"
    )


def _section(section: Section) -> str:
    # A block of one category has the id of that category.
    first, _, last = section.range.partition("-")
    id = first if first == last else section.range
    diags = "".join(_diag(diag) for diag in section.diags)
    return (
        f"<section id={quoteattr(id)}>\n<desc>{escape(section.title)}</desc>\n"
        f"{_notes(section.notes)}{diags}</section>\n"
    )


def _diag(diag: Diag) -> str:
    value = diag.value if len(diag.value) < 4 else f"{diag.value[:3]}.{diag.value[3:]}"
    extensions = "".join(
        f"<extension char={quoteattr(character)}>{escape(label)}</extension>\n"
        for character, label in diag.extensions.items()
    )
    seventh = f"<sevenChrDef>\n{extensions}</sevenChrDef>\n" if extensions else ""
    below = "".join(_diag(inner) for inner in diag.below)
    return (
        f"<diag>\n<name>{value}</name>\n<desc>{escape(diag.title)}</desc>\n"
        f"{_notes(diag.notes)}{seventh}{below}</diag>\n"
    )


def _notes(notes: Mapping[str, Sequence[str]]) -> str:
    return "".join(
        f"<{tag}>\n{''.join(f'<note>{escape(text)}</note>' for text in texts)}\n</{tag}>\n"
        for tag, texts in notes.items()
    )


def listed(chapters: Sequence[Chapter]) -> bytes:
    """The list of everything that stands beside the XML in the package we install."""
    return "\n".join(_listed(chapters)).encode()


def _listed(chapters: Sequence[Chapter]) -> Iterator[str]:
    for chapter in chapters:
        yield str(chapter.number)
        for section in chapter.sections:
            first, _, last = section.range.partition("-")
            yield first if first == last else section.range
            for diag in section.diags:
                yield from _codes(diag, {})


def _codes(diag: Diag, inherited: Mapping[str, str]) -> Iterator[str]:
    yield diag.value
    extensions = diag.extensions or inherited
    for inner in diag.below:
        yield from _codes(inner, extensions)
    if not diag.below:
        yield from (diag.value.ljust(6, "X") + character for character in extensions)
