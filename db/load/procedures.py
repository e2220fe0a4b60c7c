"""The procedure codes of CMS's edits and fees, which its files print without their system."""

import re

from schema.codes import CodeSystemKey

PROCEDURE = r"[0-9A-Z][0-9]{3}[0-9A-Z]"
"""A code as the files print it: five characters, a letter in front or behind at most."""
PROCEDURES = (CodeSystemKey.HCPCS, CodeSystemKey.CPT)
"""The systems of such codes."""

_LEVEL_TWO = re.compile(r"[A-Z][0-9]{4}")


def system_of(value: str) -> CodeSystemKey:
    """HCPCS Level II where a letter stands before four digits, else CPT (CMS, HCPCS General
    Information: Level I is CPT, identified by five digits or four and a letter)."""
    return CodeSystemKey.HCPCS if _LEVEL_TWO.fullmatch(value) else CodeSystemKey.CPT
