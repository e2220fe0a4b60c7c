"""Reads of the seventh characters of one code: its page, then the codes that they make."""

from datetime import date

from db.codes import CodeRef, codes_by_ref
from db.pages import pages_by_ref
from db.pool import Database
from schema.codes import Code, CodeMissing
from schema.pages import NoteKind, Page
from schema.seventh import (
    SeventhCharacter,
    SeventhCharacters,
    SeventhStatus,
    characters_of,
    seventh_status,
    stem_of,
)


async def seventh_characters(
    database: Database, ref: CodeRef, on: date
) -> SeventhCharacters | tuple[Code, ...] | CodeMissing:
    """What a code takes in the seventh place; candidates where no system was named and several
    codes are spelled so; or why there is no such code."""
    (page,) = await pages_by_ref(database, [ref], on)
    if not isinstance(page, Page):
        return page
    named, stem = characters_of(page.notes), stem_of(page.code)
    refs = [(page.code.key.system, stem + character) for character, _ in named]
    found = await codes_by_ref(database, refs, on) if refs else []
    made = [code if isinstance(code, Code) and code.release else None for code in found]
    status, reason = seventh_status(page.code, named, made)
    is_stem = status is not SeventhStatus.CHOOSE_BELOW
    notes = {note.kind: note for note in reversed(page.notes)}
    instruction = notes.get(NoteKind.SEVENTH_CHARACTER_NOTE)
    giver = notes.get(NoteKind.SEVENTH_CHARACTER)
    return SeventhCharacters(
        status=status,
        reason=reason,
        code=page.code,
        given_by=giver.inherited_from if giver else None,
        instruction=instruction.text if instruction else None,
        characters=tuple(
            SeventhCharacter(
                character=character,
                meaning=meaning,
                padded=stem + character if is_stem else None,
                code=code if is_stem else None,
            )
            for (character, meaning), code in zip(named, made, strict=True)
        ),
    )
