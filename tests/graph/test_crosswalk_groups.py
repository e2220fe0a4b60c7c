"""What a partner is told of alternatives, combinations, headers and dates of maps."""

from typing import Any

import pytest

ASK = """{ crosswalks(sources: [%s], to: [%s]%s) { ... on Translations { items { %s } } } }"""
GROUPS = """requested status
  alternatives { totalCount edges { node { target { displayValue } relationship } } }
  scenarios { number choiceLists { number
    options { totalCount edges { node { target { displayValue } scenario choiceList } } } } }"""


def source(system: str, *values: str) -> str:
    return ", ".join(f'{{system: {system}, value: "{value}"}}' for value in values)


async def told(partner: Any, sources: str, to: str, fields: str = GROUPS, more: str = "") -> Any:
    data = await partner(ASK % (sources, to, more, fields))
    return data["crosswalks"]["items"]


def targets(connection: Any) -> list[str]:
    return [edge["node"]["target"]["displayValue"] for edge in connection["edges"]]


def grouped(item: Any) -> list[list[list[str]]]:
    """The targets of each choice list of each scenario."""
    return [
        [targets(one["options"]) for one in scenario["choiceLists"]]
        for scenario in item["scenarios"]
    ]


@pytest.mark.parametrize(
    ("value", "status", "alternatives", "scenarios"),
    [
        ("K83.1", "EQUIVALENT", ["576.2"], []),
        ("I25.111", "COMBINATION", [], [[["414.01"], ["413.9"]]]),
        ("t422x1a", "COMBINATION", [], [[["966.2"], ["E855.8"]], [["966.0"], ["E855.8"]]]),
        ("R40.2130", "NO_MAP", [], []),
        (" i 10", "AMBIGUOUS", ["401.0", "401.1", "401.9"], []),
        ("U07.1", "UNKNOWN_CODE", [], []),
    ],
)
async def test_rows_are_told_apart_by_whether_they_stand_alone(
    ask_as: Any, value: str, status: str, alternatives: list[str], scenarios: Any
) -> None:
    (item,) = await told(ask_as("PARTNER"), source("ICD10CM", value), "ICD9CM_DX")

    assert (item["requested"], item["status"]) == (value, status)
    assert targets(item["alternatives"]) == alternatives
    assert item["alternatives"]["totalCount"] == len(alternatives)
    assert grouped(item) == scenarios
