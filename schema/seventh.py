"""Seventh characters of ICD-10-CM: which a code takes, and which codes that makes."""

from collections.abc import Sequence
from enum import StrEnum

from schema.codes import Code, CodeSystemKey
from schema.pages import Note, NoteKind
from schema.shape import Shape

_PLACE = 7


class SeventhStatus(StrEnum):
    """Whether a code takes a seventh character."""

    REQUIRED = "REQUIRED"
    """It does, and without one it is not complete."""
    COMPLETE = "COMPLETE"
    """It has one already; the characters are those it could have instead."""
    CHOOSE_BELOW = "CHOOSE_BELOW"
    """The codes below it take one: choose one of them first."""
    NONE = "NONE"
    """Neither it nor a code above it names any: a fact, not a gap."""
    NOT_APPLICABLE = "NOT_APPLICABLE"
    """Codes of its system take none."""


class SeventhCharacter(Shape):
    """One character that a code admits."""

    character: str
    meaning: str
    """As printed; the first label where the list gives several."""
    padded: str | None
    """The complete code that it makes, in stored form, with X in the empty places; None when a code
    below has to be chosen first."""
    code: Code | None
    """That code; None when no release has it."""


class SeventhCharacters(Shape):
    """What a code takes in the seventh place."""

    status: SeventhStatus
    reason: str
    code: Code
    given_by: Code | None
    """The code above that names the characters; None when the code itself does, or nothing does."""
    instruction: str | None
    """The sentence of the list that asks for one; None when it has none."""
    characters: tuple[SeventhCharacter, ...]
    """In the order of the list."""


def stem_of(code: Code) -> str:
    """What a seventh character is put behind, with X in the empty places (ICD-10-CM guidelines,
    sections I.A.4 and I.A.5); a code that has one is taken without it."""
    return code.key.value[: _PLACE - 1].ljust(_PLACE - 1, "X")


def characters_of(notes: tuple[Note, ...]) -> list[tuple[str, str]]:
    """The characters and meanings that the notes in force at a code name, in order."""
    texts = (note.text for note in notes if note.kind is NoteKind.SEVENTH_CHARACTER)
    return [(character, meaning) for character, _, meaning in (t.partition(": ") for t in texts)]


def seventh_status(
    code: Code, characters: Sequence[tuple[str, str]], made: Sequence[Code | None]
) -> tuple[SeventhStatus, str]:
    """Whether a code takes a seventh character, and the sentence that says why; `made` are the
    codes that each character makes of it."""
    if code.key.system is not CodeSystemKey.ICD10CM:
        system = code.key.system.short_name
        return SeventhStatus.NOT_APPLICABLE, f"{system} has no seventh characters to be chosen."
    if not characters:
        reason = f"The list names no seventh characters for {code.display}."
        return SeventhStatus.NONE, reason
    if len(code.key.value) == _PLACE:
        return SeventhStatus.COMPLETE, f"{code.display} has its seventh character."
    if any(below is not None and below.parent_id == code.id for below in made):
        reason = f"{code.display} is complete with one of the characters only."
        return SeventhStatus.REQUIRED, reason
    reason = f"The codes below {code.display} take a seventh character: choose one of them first."
    return SeventhStatus.CHOOSE_BELOW, reason
