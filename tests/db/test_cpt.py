"""CPT files of a licence holder: invented numbers and texts in the layouts of the real ones."""

import zipfile
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.codes import codes_by_ref
from db.licenses import licensed_texts, licenses, record_license
from db.load import LoadReport, cpt
from db.load.cpt_writer import cpt_files, write_cpt
from db.load.source import SourceFile
from db.load.transaction import load
from db.pages import pages_by_ref
from db.pool import Database
from schema.codes import Code, CodeSystemKey
from schema.errors import FileRefused, OptionRefused
from schema.licenses import License
from schema.pages import Page
from tests.official.cpt import NOTICE, fixed, short, tabbed
from tests.official.damage import damaged

CPT = CodeSystemKey.CPT
JANUARY = date(2026, 1, 1)
# A long text, so that fixed lines go on; each number ends in a letter that no CPT code has.
TEXTS = {"0000X": "invented text 1 " + "and on " * 20 + "to its end", "0001X": "invented text 2"}
SHORTS = {"0000X": "invented short 1", "0001X": "invented short 2"}
LAYOUTS = pytest.mark.parametrize(("name", "write"), [("LONGULT", tabbed), ("LONGULF", fixed)])


def files(name: str, content: bytes, **shorter: bytes) -> cpt.CptFiles:
    given = [SourceFile(f"{name}.txt", content)]
    given += [SourceFile(f"{other}.txt", more) for other, more in shorter.items()]
    return cpt.chosen(given)


def texts_of(read: cpt.CptEdition) -> dict[str, str]:
    return {row.value: row.title for row in read.rows}


NUMBERS = st.from_regex(r"[0-9]{4}[XYZ]", fullmatch=True)
WORDS = (
    st.text(st.sampled_from("abcdefghÄµ ()-/.,;0123456789"), min_size=1, max_size=300)
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: bool(text) and max(map(len, text.split())) <= 72)
)


@LAYOUTS
@given(texts=st.dictionaries(NUMBERS, WORDS, min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_what_was_written_is_read(name: str, write: object, texts: dict[str, str]) -> None:
    assert callable(write)

    read = cpt.read(files(name, write(texts)))

    assert texts_of(read) == texts
    assert read.copyright == NOTICE[0]


@LAYOUTS
@pytest.mark.parametrize("cases", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_damaged_file_is_refused_or_read_and_tells_no_text(
    name: str, write: object, cases: int
) -> None:
    assert callable(write)
    whole = write(TEXTS)

    refused = []
    for seed in range(cases):
        try:
            cpt.read(files(name, damaged(whole, seed)))
        except FileRefused as refusal:
            refused.append(str(refusal))

    assert len(refused) > cases // 3
    assert [told for told in refused if "invented" in told] == []


@pytest.mark.parametrize("name", ["SHORTU", "MEDU"])
def test_short_or_medium_descriptions_are_the_short_titles(name: str) -> None:
    read = cpt.read(files("LONGULT", tabbed(TEXTS), **{name: short(SHORTS)}))

    assert {row.value: row.short_title for row in read.rows} == SHORTS


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"LONGULT": tabbed(TEXTS, ())},
            "LONGULT.txt: has no line of copyright of the American Medical Association before its "
            "data",
        ),
        (
            {"LONGULT": tabbed(TEXTS) + b"0002X invented text 3\r\n"},
            "LONGULT.txt:6:6: is no line of the layout of LONGULT",
        ),
        ({"LONGULT": tabbed(TEXTS) + b"0000X\tinvented\r\n"}, "LONGULT.txt:6:1: 0000X comes twice"),
        (
            {"LONGULF": fixed({"0000X": "invented"}) + b"0000X03 invented\r\n"},
            "LONGULF.txt:5:6: 0000X is out of sequence",
        ),
        ({"LONGULT": tabbed({})}, "LONGULT.txt: holds no line of a code"),
        ({"LONGULT": tabbed(TEXTS)[:-4]}, "LONGULT.txt:5:20: ends inside a line; the file is cut"),
        (
            {"LONGULT": tabbed(TEXTS), "SHORTU": short({"0000X": "invented"})},
            "SHORTU.txt: 0001X stands in one of LONGULT.txt and SHORTU.txt only",
        ),
        (
            {"LONGULT": tabbed(TEXTS), "SHORTU": short({**SHORTS, "0001X": "invented" * 4})},
            "SHORTU.txt:5:6: is no line of the layout of SHORTU",
        ),
        (
            {"SHORTU": short(SHORTS)},
            "SHORTU.txt: one of LONGULT, LONGUT, LONGULF, LONGUF is needed, and of MEDU or SHORTU "
            "one at most; given are SHORTU.txt",
        ),
        (
            {"LONGULT": tabbed(TEXTS), "LONGULF": fixed(TEXTS)},
            "LONGULT.txt: one of LONGULT, LONGUT, LONGULF, LONGUF is needed, and of MEDU or SHORTU "
            "one at most; given are LONGULT.txt, LONGULF.txt",
        ),
    ],
)
def test_what_the_layout_does_not_promise_is_refused(
    given: dict[str, bytes], sentence: str
) -> None:
    with pytest.raises(FileRefused) as refused:
        cpt.read(cpt.chosen([SourceFile(f"{name}.txt", text) for name, text in given.items()]))

    assert str(refused.value) == sentence


async def load_cpt(url: str, license_id: str = "AMA-1") -> LoadReport:
    step = partial(
        write_cpt,
        files=files("LONGULT", tabbed(TEXTS), SHORTU=short(SHORTS)),
        label="2026",
        effective_from=JANUARY,
        license_id=license_id,
    )
    [report] = await load(url, [step])
    return report


def license(*plans: str, begins: date = JANUARY, ends: date | None = None) -> License:
    return License(
        id="AMA-1",
        system=CPT,
        holder="A clinic",
        effective_from=begins,
        effective_to=ends,
        plan_keys=plans,
    )


async def id_of(database: Database, value: str) -> int:
    rows = await database.fetch("SELECT id FROM code WHERE system = 'CPT' AND value = $1", value)
    code_id: int = rows[0]["id"]
    return code_id


def test_files_are_found_by_their_names_bare_and_in_an_archive(tmp_path: Path) -> None:
    (tmp_path / "medu.txt").write_bytes(short(SHORTS))
    with zipfile.ZipFile(tmp_path / "cpt.zip", "w") as archive:
        archive.writestr("data/LONGULT.TXT", tabbed(TEXTS))
        archive.writestr("data/README.TXT", b"")

    found = cpt_files([tmp_path / "cpt.zip", tmp_path / "medu.txt"])

    assert found.short is not None
    assert (found.long.name, found.short.name) == ("LONGULT.TXT", "medu.txt")


async def test_loaded_texts_are_read_by_nobody_while_no_licence_is_recorded(
    database: Database, database_url: str
) -> None:
    report = await load_cpt(database_url)

    [code] = await codes_by_ref(database, [(CPT, "0000X")], JANUARY)
    [page] = await pages_by_ref(database, [(CPT, "0000X")], JANUARY)
    assert (report.added, report.rows) == (2, 2)
    assert isinstance(code, Code)
    assert (code.title, code.short_title, code.is_billable) == (None, None, True)
    assert isinstance(page, Page)
    assert "invented" not in page.model_dump_json()
    assert await licensed_texts(database, [code.id], "subscriber", JANUARY) == [()]


async def test_a_licence_gives_texts_to_its_plans_on_its_days(
    database: Database, database_url: str
) -> None:
    await load_cpt(database_url)
    await record_license(database, license("subscriber", ends=date(2026, 12, 31)))
    code_id = await id_of(database, "0001X")

    async def read(plan: str, today: date) -> list[str]:
        [texts] = await licensed_texts(database, [code_id], plan, today)
        return [text.title for text in texts]

    assert await read("subscriber", JANUARY) == ["invented text 2"]
    assert await read("subscriber", date(2026, 12, 31)) == ["invented text 2"]
    assert await read("subscriber", date(2027, 1, 1)) == []
    assert await read("subscriber", date(2025, 12, 31)) == []
    assert await read("registered", JANUARY) == []


async def test_texts_carry_the_line_of_copyright_of_their_file(
    database: Database, database_url: str
) -> None:
    await load_cpt(database_url)
    await record_license(database, license("partner"))
    code_id = await id_of(database, "0001X")

    [[text]] = await licensed_texts(database, [code_id], "partner", JANUARY)

    assert (text.starts, text.short_title) == (JANUARY, "invented short 2")
    assert text.copyright == (
        "CPT copyright 2025 American Medical Association. All rights reserved."
    )


async def test_another_licence_gives_nothing(database: Database, database_url: str) -> None:
    await load_cpt(database_url, license_id="AMA-2")
    await record_license(database, license("partner"))
    code_id = await id_of(database, "0001X")

    assert await licensed_texts(database, [code_id], "partner", JANUARY) == [()]


async def test_the_same_files_under_a_new_licence_are_held_under_that(
    database: Database, database_url: str
) -> None:
    await load_cpt(database_url, license_id="AMA-0")

    again = await load_cpt(database_url, license_id="AMA-1")

    [row] = await database.fetch("SELECT license_id FROM code_release WHERE system = 'CPT'")
    assert (again.skipped_because, row["license_id"]) == ("loaded already", "AMA-1")


async def test_a_licence_recorded_again_takes_the_place_of_the_first(database: Database) -> None:
    await record_license(database, license("subscriber"))

    await record_license(database, license("partner", "staff"))

    assert await licenses(database) == (license("partner", "staff"),)


async def test_a_licence_for_a_plan_that_there_is_not_is_refused(database: Database) -> None:
    with pytest.raises(OptionRefused, match="there is no plan 'gold'; there are guest, partner"):
        await record_license(database, license("gold"))

    assert await licenses(database) == ()
