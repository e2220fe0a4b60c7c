"""Licensed codes among others: invented texts in the place of CPT's, met from every side.

A code of the invented system leads to a licensed one by a crosswalk, a modifier and an edit, so
that whatever shows the code at the other end may be asked for its text.
"""

import json
from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Literal

from db.load import cpt
from db.load.cpt_writer import write_cpt
from db.load.map_writer import write_map
from db.load.pair_writer import write_pairs
from db.load.rows import EdgeRow, PairRow
from db.load.source import CodeMap, Edition, FactKind, SourceFile, Subject
from db.load.transaction import Step
from schema.codes import CodeSystemKey
from schema.crosswalks import Relationship
from schema.pages import SectionKind
from tests.official.cpt import short, tabbed

LICENSE = "AMA-1"
LICENSED_CODE = "0000X"
"""Named by the maps; its wording changed in 2026."""
NEIGHBOUR = "0001X"
BEFORE = {LICENSED_CODE: "invented text 1, as it was", NEIGHBOUR: "invented text 2"}
AFTER = {LICENSED_CODE: "invented text 1, as it is", NEIGHBOUR: "invented text 2"}
SHORT = {LICENSED_CODE: "invented short text 1", NEIGHBOUR: "invented short text 2"}
TEXTS = tuple(sorted({*BEFORE.values(), *AFTER.values(), *SHORT.values()}))
"""Every text that only a licence opens."""
_CROSSED = "DM-4120"
_GUIDANCE = {"guidance": "Now and then."}
_EDITS = FactKind(
    "LICENSED_EDIT", (CodeSystemKey.DEMO, CodeSystemKey.CPT), (SectionKind.CODE_EDITS,)
)


def licensed_steps() -> Iterator[Step]:
    """The loads, to be run where the invented system is loaded."""
    for year, texts in ((2025, BEFORE), (2026, AFTER)):
        long, brief = tabbed(texts), short(SHORT)
        files = cpt.CptFiles(SourceFile("LONGULT.txt", long), SourceFile("SHORTU.txt", brief))
        yield partial(
            write_cpt,
            files=files,
            label=str(year),
            effective_from=date(year, 1, 1),
            license_id=LICENSE,
        )
    yield from map(_map, ("CROSSWALK", "MODIFIER"))
    yield partial(
        write_pairs,
        edition=_edition(_EDITS),
        read=lambda: [_PAIR],
        system=lambda value: CodeSystemKey.DEMO if value == _CROSSED else CodeSystemKey.CPT,
    )


_PAIR = PairRow(_CROSSED, LICENSED_CODE, date(2026, 1, 1), None, 1, "Both were invented.")


def _map(role: Literal["CROSSWALK", "MODIFIER"]) -> Step:
    subject = CodeMap(f"LICENSED_{role}", role, CodeSystemKey.DEMO, CodeSystemKey.CPT)
    row = EdgeRow(
        _CROSSED,
        LICENSED_CODE,
        Relationship.RELATED_TO,
        is_approximate=role == "CROSSWALK",
        attrs=json.dumps(_GUIDANCE) if role == "MODIFIER" else None,
    )
    return partial(write_map, edition=_edition(subject), read=lambda: [row])


def _edition(subject: Subject) -> Edition[Subject]:
    return Edition(
        subject=subject,
        label="LICENSED-2026",
        effective_from=date(2026, 1, 1),
        publisher="nobody",
        source="generated",
        files=(SourceFile("licensed.txt", str(subject).encode()),),
    )
