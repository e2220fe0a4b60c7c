"""What a page's history tells of the codes before and after it, and to whom."""

from collections.abc import AsyncIterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from db.load.official_maps import conversion_step
from db.load.rows import CodeRow
from db.load.source import Edition, SourceFile
from db.load.transaction import load
from db.load.writer import write_codes
from db.pool import Database
from graph.context import Services
from schema.codes import CodeKind, CodeSystemKey
from tests.graph.conftest import asking, services_on
from tests.official.conversion import in_csv

ROWS = [
    CodeRow("P35", CodeKind.HEADER, "Congenital viral diseases", False),
    CodeRow("P354", CodeKind.CODE, "Congenital Zika virus disease", True, None, "P35", 1),
    CodeRow("P358", CodeKind.CODE, "Other congenital viral diseases", True, None, "P35", 1),
    CodeRow("A925", CodeKind.CODE, "Zika virus disease", True),
]
HISTORY = """{ codePage(ref: {key: {system: ICD10CM, value: "%s"}}) { ... on CodePage { sections {
  kind ... on LockedSection { itemCount summary } ... on OpenSection { content {
    ... on HistoryContent { previouslyCodedAs { ...Told } laterCodedAs { ...Told } } } } } } } }
fragment Told on Translation { status reason mapRelease { id label } scenarios { choiceLists {
  options { edges { node { target { displayValue } effectiveFrom printed } } } } }
  alternatives { edges { node { source { displayValue } } } }
  crosswalks { edges { node { source { displayValue } } } } }"""


@pytest.fixture
async def parts(
    database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> AsyncIterator[Services]:
    """The real parts on four codes and the table that joins them."""
    file = SourceFile("codes.txt", b"four codes")
    edition = Edition(
        CodeSystemKey.ICD10CM, "FY2026", date(2025, 10, 1), "nobody", "generated", (file,)
    )
    table = tmp_path / "conversion.csv"
    table.write_bytes(in_csv([("P35.4", 2018, "P35.8 and A92.5")]))
    codes = partial(write_codes, edition=edition, read=lambda: ROWS)
    await load(database_url, [codes, conversion_step(table, "FY2026", date(2025, 10, 1))])
    async with services_on(database, redis_url) as services:
        yield services


async def history(parts: Services, kind: str, value: str) -> Any:
    data = await asking(parts, kind)(HISTORY % value)
    return next(one for one in data["codePage"]["sections"] if one["kind"] == "HISTORY")


async def test_the_history_of_a_new_code_tells_what_it_was_coded_as(parts: Services) -> None:
    content = (await history(parts, "REGISTERED", "P35.4"))["content"]

    told = content["previouslyCodedAs"]
    assert (told["status"], told["mapRelease"]["label"]) == ("COMBINATION", "FY2026")
    (scenario,) = told["scenarios"]
    rows = [one["options"]["edges"][0]["node"] for one in scenario["choiceLists"]]
    assert rows == [
        {
            "target": {"displayValue": previous},
            "effectiveFrom": "2018-10-01",
            "printed": "P35.8 and A92.5",
        }
        for previous in ("P35.8", "A92.5")
    ]
    assert content["laterCodedAs"] is None


async def test_the_history_of_an_older_code_tells_what_came_later(parts: Services) -> None:
    content = (await history(parts, "REGISTERED", "A92.5"))["content"]

    later = content["laterCodedAs"]
    assert content["previouslyCodedAs"] is None
    assert later["reason"] == (
        "The conversion table FY2026 uses A92.5 only together with the other previous codes of "
        "1 row."
    )
    assert [edge["node"]["source"]["displayValue"] for edge in later["crosswalks"]["edges"]] == [
        "P35.4"
    ]


async def test_a_guest_is_told_only_how_much_there_is(parts: Services) -> None:
    section = await history(parts, "GUEST", "P35.4")

    assert section == {"kind": "HISTORY", "itemCount": 3, "summary": "3 entries."}


async def test_a_table_of_earlier_codes_is_fetched_again_by_its_id(parts: Services) -> None:
    content = (await history(parts, "REGISTERED", "P35.4"))["content"]
    id = content["previouslyCodedAs"]["mapRelease"]["id"]

    asked = f'{{ node(id: "{id}") {{ ... on MapRelease {{ label }} }} }}'
    data = await asking(parts, "GUEST")(asked)

    assert data == {"node": {"label": "FY2026"}}
