"""The page of a code of HCPCS Level II, section by section, from a generated file."""

from functools import partial
from typing import Any

from db.load.hcpcs_writer import write_hcpcs
from db.load.source import SourceFile
from db.load.transaction import load
from db.pool import Database
from tests.db.test_hcpcs_load import FIRST, JANUARY
from tests.graph.accounts import account_on, ask
from tests.graph.conftest import services_on
from tests.official.hcpcs_anweb import anweb

PAGE = """
query Page($system: CodeSystemKey!, $value: String!) {
  codePage(ref: {key: {system: $system, value: $value}}) {
    ... on CodePage {
      code { displayValue kind title isBillable whyNotBillable effectiveTo staleReason }
      sections {
        kind
        ... on EmptySection { state }
        ... on LockedSection { reason itemCount }
        ... on OpenSection {
          content {
            ... on TextContent { text }
            ... on CrosswalksContent {
              translations {
                status
                crosswalks { edges { node { target { value title system { key } } } } }
              }
            }
            ... on CoverageAndPaymentContent {
              facts { name value source }
              releases { kind label staleReason }
            }
            ... on HistoryContent { entries { title } }
          }
        }
      }
    }
  }
}
"""


async def page(
    database: Database, url: str, redis_url: str, plan: str, system: str, value: str
) -> Any:
    """The page as a reader on the plan sees it on 2026-11-23."""
    file = SourceFile("2026-JAN.txt", anweb(FIRST))
    step = partial(write_hcpcs, file=file, label="2026-JAN", effective_from=JANUARY)
    await load(url, [step])
    async with services_on(database, redis_url) as parts:
        who = await account_on(database, plan)
        asked = {"system": system, "value": value}
        return (await ask(parts, who, PAGE, asked))["codePage"]


def told(found: Any) -> dict[str, Any]:
    """By section what it says: its content, its state, or why it is locked."""
    return {
        part["kind"]: part.get("state") or part.get("reason") or part["content"]
        for part in found["sections"]
    }


async def test_a_subscriber_reads_what_the_file_says_of_an_ended_code(
    database: Database, database_url: str, redis_url: str
) -> None:
    found = await page(database, database_url, redis_url, "subscriber", "HCPCS", "Z0003")

    assert found["code"] == {
        "displayValue": "Z0003",
        "kind": "CODE",
        "title": "Invented supply",
        "isBillable": False,
        "whyNotBillable": "Z0003 ended on 2026-06-30.",
        "effectiveTo": "2026-06-30",
        "staleReason": "2026-OCT, in force since 2026-10-01, is not loaded; this is 2026-JAN.",
    }
    sections = told(found)
    assert sections.pop("CROSSWALKS") == {
        "translations": [
            {
                "status": "AMBIGUOUS",
                "crosswalks": {
                    "edges": [
                        _to("HCPCS", "Z0001", "Invented supply"),
                        _to("HCPCS", "Z0009"),
                    ]
                },
            },
            {
                "status": "APPROXIMATE",
                "crosswalks": {"edges": [_to("CPT", "00000")]},
            },
        ]
    }
    [*_, oldest] = sections.pop("HISTORY")["entries"]
    assert oldest == {"title": "Invented supply"}
    source = "CMS HCPCS Level II, 2026-JAN.txt"
    coverage = "C: covered or not as the Medicare contractor judges"
    assert sections == {
        "OFFICIAL_DESCRIPTION": {"text": "Invented supply"},
        "COMMON_LANGUAGE": "NOT_WRITTEN",
        "GUIDELINES": "NOT_LOADED",
        "MODIFIERS": "NOT_LOADED",
        "CODE_EDITS": "NOT_LOADED",
        "COVERAGE_AND_PAYMENT": {
            "facts": [
                {"name": "Coverage", "value": coverage, "source": source},
                {"name": "Last day of use", "value": "2026-06-30", "source": source},
            ],
            "releases": [
                {
                    "kind": "HCPCS_PAYMENT",
                    "label": "2026-JAN",
                    "staleReason": found["code"]["staleReason"],
                }
            ],
        },
    }


def _to(system: str, value: str, title: str | None = None) -> Any:
    return {"node": {"target": {"value": value, "title": title, "system": {"key": system}}}}


async def test_a_modifier_has_a_page_of_its_own(
    database: Database, database_url: str, redis_url: str
) -> None:
    found = await page(database, database_url, redis_url, "subscriber", "HCPCS_MODIFIER", "z1")

    assert (found["code"]["kind"], found["code"]["title"]) == ("MODIFIER", "Invented circumstance")
    sections = told(found)
    assert {
        kind: sections[kind] for kind in ("MODIFIERS", "CROSSWALKS", "CODE_EDITS")
    } == dict.fromkeys(("MODIFIERS", "CROSSWALKS", "CODE_EDITS"), "NOT_APPLICABLE")
    [fact] = sections["COVERAGE_AND_PAYMENT"]["facts"]
    assert fact["value"] == "D: covered under special instructions"
