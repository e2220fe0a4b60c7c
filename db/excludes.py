"""Reads of excludes notes between the codes of a list: two statements, however long it is."""

from collections.abc import Mapping, Sequence
from datetime import date

from db.codes import Row, code_in, codes_in
from db.pool import Database
from db.queries import statements
from schema.codes import Code, CodeKey, printed
from schema.excludes import CheckedCode, CheckStatus, ExcludesCheck, ExcludesFinding, verdict
from schema.pages import NoteKind

FINDINGS_A_CODE = 20
"""Findings that a list may have for each of its codes: two long lists of chapters that exclude each
other have thousands, and tell nobody anything."""


async def excludes_between(
    database: Database, keys: Sequence[CodeKey], on: date
) -> ExcludesCheck | None:
    """What the excludes notes say of each pair of a list, in both directions; None where that is
    more than FINDINGS_A_CODE allows.

    A code that is listed twice is no pair with itself.
    """
    systems, values = [key.system for key in keys], [key.value for key in keys]
    rows = await database.fetch(_SQL["checked_codes"], systems, values, on)
    checked = tuple(_checked(key, row, on) for key, row in zip(keys, rows, strict=True))
    codes = {
        item.code.id: item.code
        for item in checked
        if item.code is not None and item.status is CheckStatus.CHECKED
    }
    most = FINDINGS_A_CODE * len(codes)
    asked = (list(codes), on, most + 1)
    found = await database.fetch(_SQL["excludes"], *asked) if len(codes) > 1 else []
    if len(found) > most:
        return None
    findings = (_finding(row, codes, rows[0]["releases"], on) for row in found)
    return ExcludesCheck(codes=checked, findings=tuple(filter(None, findings)))


def _checked(key: CodeKey, row: Row, on: date) -> CheckedCode:
    code = row["code"] and code_in(row["code"], row["releases"], on)
    text, system = (code.display if code else printed(key)), key.system.short_name
    if not row["is_loaded"] or (code is not None and code.release is None):
        status = CheckStatus.NOT_LOADED
        reason = f"No release of {system} in force on {on} that describes {text} is loaded."
    elif code is None:
        status, reason = CheckStatus.UNKNOWN_CODE, f"{system} has no code {text}."
    else:
        status = CheckStatus.CHECKED
        assert code.release is not None
        reason = f"The notes of {code.release.label} were read."
    return CheckedCode(requested=text, code=code, status=status, reason=reason)


def _finding(
    row: Row, asked: Mapping[int, Code], releases: str, on: date
) -> ExcludesFinding | None:
    """What one note says of a pair; None when its condition leaves the pair out."""
    kind, other = NoteKind(row["kind"]), asked[row["other_id"]]
    said = verdict(kind, row["condition"], other)
    if said is None:
        return None
    codes = codes_in(row["codes"], releases, on)
    return ExcludesFinding(
        verdict=said,
        kind=kind,
        code=asked[row["asked_id"]],
        other=other,
        giver=codes[row["giver_id"]],
        note=row["text"],
        reference=row["raw"],
        target=codes[row["target_id"]],
        target_end=codes.get(row["target_end_id"]),
        condition=row["condition"],
    )


_SQL = statements("excludes")
