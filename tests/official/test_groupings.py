"""Readers of groupings: what is made reads as it was made, and what is damaged is refused."""

import lzma
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.load import ccir, ccsr, hcc, msdrg
from db.load.msdrg import Definitions, SeverityRow
from db.load.rows import CodeRow, MemberRow
from db.load.source import SourceFile
from schema.codes import CodeKind
from schema.errors import FileRefused
from tests.official import ahrq as ahrq_files
from tests.official import hcc as hcc_files
from tests.official import msdrg as msdrg_files
from tests.official.damage import damaged

DIAGNOSES = st.from_regex(r"[A-Z][0-9][0-9A-Z]{1,5}", fullmatch=True)
NUMBERS = st.integers(1, 999)
TITLES = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=30
)


def categories(models: list[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda model, number: f"{model}-{number}", st.sampled_from(models), NUMBERS)


def _file(name: str, content: bytes) -> SourceFile:
    return SourceFile(name, content)


@given(
    st.lists(
        st.builds(MemberRow, DIAGNOSES, categories(hcc_files.MEMBER_MODELS), st.just(())),
        unique=True,
    )
)
def test_the_diagnoses_of_categories_read_as_they_were_made(rows: list[MemberRow]) -> None:
    assert hcc.read_members(_file("hcc.csv", hcc_files.members(rows))) == rows


@given(st.dictionaries(categories(hcc_files.LABEL_MODELS), TITLES))
def test_labels_read_as_they_were_made_by_model_and_number(titles: dict[str, str]) -> None:
    models = list(dict.fromkeys(value.partition("-")[0] for value in titles))
    rows = [CodeRow(value, CodeKind.CODE, title, False) for value, title in titles.items()]

    read = hcc.read_labels(_file("labels.csv", hcc_files.labels(rows)))

    def place(row: CodeRow) -> tuple[int, int]:
        model, _, number = row.value.partition("-")
        return models.index(model), int(number)

    assert read == sorted(rows, key=place)


@given(
    st.lists(
        st.builds(
            lambda model, child, parent: MemberRow(f"{model}-{child}", f"{model}-{parent}"),
            st.sampled_from(hcc_files.LABEL_MODELS),
            NUMBERS,
            NUMBERS,
        ),
        unique=True,
    )
)
def test_hierarchies_read_as_they_were_made(rows: list[MemberRow]) -> None:
    assert hcc.read_hierarchies(_file("above.csv", hcc_files.hierarchies(rows))) == rows


@given(st.dictionaries(DIAGNOSES, st.from_regex(r"[A-Z]{3}[0-9]{3}", fullmatch=True)))
def test_ccsr_reads_as_it_was_made(groups: dict[str, str]) -> None:
    rows = [MemberRow(code, group) for code, group in groups.items()]

    assert ccsr.read(_file("ccsr.json", ahrq_files.ccsr(rows))) == rows


@given(st.dictionaries(DIAGNOSES, st.sampled_from([0, 1, 9])))
def test_chronic_indicators_read_as_they_were_made(indicators: dict[str, int]) -> None:
    rows = list(indicators.items())

    assert ccir.read(_file("ccir.csv", ahrq_files.ccir(rows))) == rows


MANUAL: msdrg_files.Tables = {
    "drgmap": {
        "001": msdrg_files.drg("001", "First things with MCC", ""),
        "002": msdrg_files.drg("002", "First things without MCC", ""),
        "004": msdrg_files.drg("004", "Lone thing", "08"),
    },
    "dxmap": {
        "A000": ["_MDC08", "001&002&004|AND PSDX"],
        "S061X3A": ["_MDC24_PDX", "_TRAUMA24_SITE_HEAD"],
    },
    "prmap": {
        "0016070": ["004|ORPCS", "004|BOTH ORPCS|0JH608Z"],
        "with": ["004|a word of a heading"],
    },
    "ccmap": {
        "A000": msdrg_files.weight("MCC", "0002", "05", alive=True),
        "B20": msdrg_files.weight("CC", "0002"),
    },
    "exmap": {"0002": ["A000", "A001"]},
    "drg_exclusions": {"004": ["B20"]},
}


def test_a_snapshot_reads_as_it_was_made() -> None:
    file = _file("v.json.xz", msdrg_files.snapshot(MANUAL))

    assert msdrg.read(file, "v43.1") == Definitions(
        drgs=[
            CodeRow("001-002", CodeKind.HEADER, "First things", False),
            CodeRow("001", CodeKind.CODE, "First things with MCC", False, None, "001-002", 1),
            CodeRow("002", CodeKind.CODE, "First things without MCC", False, None, "001-002", 1),
            CodeRow("004", CodeKind.CODE, "Lone thing", False),
        ],
        drg_mdcs=[MemberRow("004", "08")],
        diagnosis_mdcs=[MemberRow("A000", "08"), MemberRow("S061X3A", "24", ("SITE HEAD",))],
        diagnosis_groups=[
            MemberRow("A000", "001-002", ("AND PSDX",)),
            MemberRow("A000", "004", ("AND PSDX",)),
        ],
        procedure_groups=[MemberRow("0016070", "004", ("ORPCS", "BOTH ORPCS|0JH608Z"))],
        severities=[
            SeverityRow("A000", "MCC", 2, True, 5),
            SeverityRow("B20", "CC", 2, False, None),
        ],
        exclusions={2: ["A000", "A001"]},
        drg_exclusions={"004": ["B20"]},
    )


@given(st.dictionaries(DIAGNOSES, st.lists(st.integers(1, 25), unique=True, min_size=1)))
def test_categories_of_any_diagnoses_read_as_they_were_made(mdcs: dict[str, list[int]]) -> None:
    labels = {code: [f"_MDC{number:02}" for number in of] for code, of in mdcs.items()}
    file = _file("v.json.xz", msdrg_files.snapshot({"dxmap": labels}))

    assert msdrg.read(file, "v43.1").diagnosis_mdcs == [
        MemberRow(code, f"{number:02}") for code, of in mdcs.items() for number in of
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is cut, has a tail or unpacks to over 60,000,000 bytes"),
        (b"{}", "is not whole xz data: Input format not supported by decoder"),
        (msdrg_files.snapshot(MANUAL)[:-8], "is cut, has a tail or unpacks to over"),
        (msdrg_files.snapshot(MANUAL) + b"x", "is cut, has a tail or unpacks to over"),
        (lzma.compress(bytes(60_000_001)), "is cut, has a tail or unpacks to over 60,000,000"),
        (lzma.compress(b"{"), "is no JSON"),
        (lzma.compress(b"[" * 100_000), "is no JSON"),
        (msdrg_files.packed([]), "is no JSON object"),
        (msdrg_files.snapshot(MANUAL, "v44"), "is no snapshot of v43.1"),
    ],
)
def test_what_is_no_whole_snapshot_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(FileRefused) as refused:
        msdrg.read(_file("v43.1.json.xz", content), "v43.1")

    assert str(refused.value).startswith(f"v43.1.json.xz: {reason}")


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        ({"dxmap": []}, "has no table dxmap"),
        ({"dxmap": {"A000": ["371"]}}, "labels A000 with 371"),
        ({"dxmap": {"A000": ["371|PDX"]}}, "names a DRG in two groups, or one that it does not"),
        ({"dxmap": {"a000": []}}, "has a000 in dxmap, which is no code with labels"),
        ({"dxmap": {"A000": [7]}}, "has a label of A000 that is no text"),
        ({"drgmap": {"001": {"desc": "", "mdc": ""}}}, "does not describe 001"),
        ({"ccmap": {"A000": {"level": "CC"}}}, "says of A000 no weight"),
        (
            {"ccmap": {"A000": msdrg_files.weight("CC", "0009")}},
            "names an exclusion group that it does not have",
        ),
        ({"exmap": {"1": ["A000"]}}, "has under 1 of exmap no list of diagnoses"),
    ],
)
def test_a_snapshot_that_contradicts_itself_is_refused(
    tables: msdrg_files.Tables, reason: str
) -> None:
    with pytest.raises(FileRefused) as refused:
        msdrg.read(_file("v.xz", msdrg_files.snapshot(tables)), "v43.1")

    assert str(refused.value).startswith(f"v.xz: {reason}")


@pytest.mark.parametrize(
    ("read", "content", "refusal"),
    [
        (hcc.read_members, b"diagnosis,cc\n", "x:1:1: has the columns ['diagnosis', 'cc']"),
        (
            hcc.read_members,
            b"diagnosis_code,cc,model_name\nE119,19\n",
            "x:2:3: has 2 values where 3 are expected",
        ),
        (
            hcc.read_members,
            b"diagnosis_code,cc,model_name\nE119,19,CMS-HCC Model V99\n",
            "x:2:1: CMS-HCC Model V99 '19' is no category known here",
        ),
        (
            hcc.read_members,
            b"diagnosis_code,cc,model_name\nE11.9,19,CMS-HCC Model V24\n",
            "x:2:1: 'E11.9' is no diagnosis",
        ),
        (
            hcc.read_members,
            b"diagnosis_code,cc,model_name\n" + b"E119,19,CMS-HCC Model V24\n" * 2,
            "x:3:1: E119 comes twice in V24-19",
        ),
        (
            hcc.read_members,
            b'diagnosis_code,cc,model_name\nE119,"19,CMS-HCC Model V24\n',
            "x:2:1: is no CSV: unexpected end of data",
        ),
        (ccsr.read, b"[]", "x: is no object of diagnoses and categories"),
        (ccsr.read, b'{"A000": "DIG1"}', "x: puts 'A000' in 'DIG1', no category"),
        (ccsr.read, b'{"A000": "DIG001", "A000": "DIG001"}', "x: has a diagnosis twice"),
        (ccir.read, b"ICD-10-CM CODE\n", "x:1:1: is no Chronic Condition Indicator Refined"),
        (
            ccir.read,
            ahrq_files.ccir([("A000", 2)]),
            "x:4:3: is not code, text and 0, 1 or 9",
        ),
        (ccir.read, ahrq_files.ccir([("A000", 1)] * 2), "x:5:1: A000 comes twice"),
    ],
)
def test_a_table_that_is_not_of_its_format_is_refused_with_its_place(
    read: Callable[[SourceFile], Any], content: bytes, refusal: str
) -> None:
    with pytest.raises(FileRefused) as refused:
        read(_file("x", content))

    assert str(refused.value) == refusal


SAMPLES: dict[str, tuple[Callable[[SourceFile], Any], bytes]] = {
    "members": (
        hcc.read_members,
        hcc_files.members(MemberRow(f"E11{n}", f"V28-{n + 1}") for n in range(10)),
    ),
    "labels": (
        hcc.read_labels,
        hcc_files.labels(
            CodeRow(f"V24-{n}", CodeKind.CODE, f"invented, text {n}", False) for n in range(1, 9)
        ),
    ),
    "hierarchies": (
        hcc.read_hierarchies,
        hcc_files.hierarchies(MemberRow(f"RX08-{n}", f"RX08-{n + 1}") for n in range(1, 9)),
    ),
    "ccsr": (ccsr.read, ahrq_files.ccsr(MemberRow(f"E11{n}", "END003") for n in range(10))),
    "ccir": (ccir.read, ahrq_files.ccir((f"E11{n}", 1) for n in range(10))),
    "snapshot": (lambda file: msdrg.read(file, "v43.1"), msdrg_files.snapshot(MANUAL)),
    "snapshot inside": (
        lambda file: msdrg.read(SourceFile(file.name, lzma.compress(file.content)), "v43.1"),
        lzma.decompress(msdrg_files.snapshot(MANUAL)),
    ),
}


def _read_or_refused(format: str, seeds: range) -> int:
    """How many damaged files were refused; any other exception ends the test."""
    read, content = SAMPLES[format]
    refused = 0
    for seed in seeds:
        try:
            read(_file("x", damaged(content, seed)))
        except FileRefused:
            refused += 1
    return refused


@pytest.mark.parametrize("format", SAMPLES)
def test_a_damaged_file_is_refused_or_read_and_nothing_else(format: str) -> None:
    assert _read_or_refused(format, range(400)) > 100


@pytest.mark.slow
@pytest.mark.parametrize("format", SAMPLES)
def test_ten_thousand_damaged_files_are_refused_or_read(format: str) -> None:
    assert _read_or_refused(format, range(1_000, 11_000)) > 3_000
