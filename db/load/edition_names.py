"""What an edition is called and when it begins, as its file's name tells or an operator says."""

import re
from datetime import date

from db.load.source import SourceFile
from schema.errors import FileRefused

_FILE = re.compile(
    r"icd10(?:cm|pcs)[-_](?:order|codes)[-_](?P<update>april[-_](?:1[-_])?)?(?P<year>20\d\d)\.txt",
    re.IGNORECASE,
)
_UPDATE = re.compile(r"jan|apr|aug|update", re.IGNORECASE)
_LABEL = re.compile(r"FY(?P<year>20\d\d)(?P<update>-APR|-JAN|-AUG)?")
_MONTHS = {"-JAN": 1, "-APR": 4, "-AUG": 8}


def edition_of(
    file: SourceFile, archive: str, label: str | None, effective_from: date | None
) -> tuple[str, date]:
    """The label and first day of the edition in a list of ICD-10; what is given overrides.

    Raises FileRefused where the name of the file, and that of the archive around it, leave a doubt:
    the list of an update in April may be named as that of October.
    """
    label = label or _label(file.name, archive)
    if label is None:
        raise FileRefused(file.name, "does not tell its edition by its name: give --release")
    effective_from = effective_from or _first_day(label)
    if effective_from is None:
        reason = f"{label} does not tell when it begins: give --effective"
        raise FileRefused(file.name, reason)
    return label, effective_from


def _label(file: str, archive: str) -> str | None:
    found = _FILE.fullmatch(file)
    if found is None or (found["update"] is None and _UPDATE.search(archive)):
        return None
    return f"FY{found['year']}-APR" if found["update"] else f"FY{found['year']}"


def _first_day(label: str) -> date | None:
    """A fiscal year begins in the October before it; updates are named by their month."""
    found = _LABEL.fullmatch(label)
    if found is None:
        return None
    year, update = int(found["year"]), found["update"]
    return date(year, _MONTHS[update], 1) if update else date(year - 1, 10, 1)
