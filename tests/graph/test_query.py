"""What each root field answers, asked in process over the real catalogue."""

from typing import Any

import pytest

from graph import ids

FACTS = """__typename ... on Code { displayValue title } ... on NotFound { message }
  ... on InvalidInput { message fields { path rule } } ... on CodeCandidates {
  candidates { displayValue system { key } } }"""


async def test_code_tells_its_free_facts(ask_as: Any) -> None:
    guest = ask_as("GUEST")

    data = await guest(
        """{ code(ref: {value: "s72.001a"}) { ... on Code {
             displayValue value kind title status isBillable whyNotBillable effectiveFrom
             effectiveTo isStale staleReason release { label } system { key name isStale }
             parent { displayValue isBillable whyNotBillable } breadcrumb { displayValue } } } }"""
    )

    assert data["code"] == {
        "displayValue": "S72.001A",
        "value": "S72001A",
        "kind": "CODE",
        "title": "Fracture of unspecified part of neck of right femur, "
        "initial encounter for closed fracture",
        "status": "ACTIVE",
        "isBillable": True,
        "whyNotBillable": None,
        "effectiveFrom": "2026-04-01",
        "effectiveTo": None,
        "isStale": True,
        "staleReason": "FY2027, in force since 2026-10-01, is not loaded; this is FY2026-APR.",
        "release": {"label": "FY2026-APR"},
        "system": {
            "key": "ICD10CM",
            "name": data["code"]["system"]["name"],
            "isStale": True,
        },
        "parent": {
            "displayValue": "S72.001",
            "isBillable": False,
            "whyNotBillable": "S72.001 is a header: choose one of the codes below it.",
        },
        "breadcrumb": [
            {"displayValue": shown}
            for shown in ("CH19", "S70-S79", "S72", "S72.0", "S72.00", "S72.001")
        ],
    }


async def test_codes_answer_each_reference_in_the_order_asked(ask_as: Any) -> None:
    guest = ask_as("GUEST")

    data = await guest(
        f"""{{ codes(refs: [
             {{key: {{system: ICD10CM, value: "e11.9"}}}}, {{value: "E03.0"}},
             {{key: {{system: ICD10CM, value: "NOPE"}}}}, {{value: "no code!"}},
             {{key: {{system: HCPCS, value: "A4206"}}}}, {{id: "nonsense"}},
             {{id: "{ids.encode("code", "ICD9CM_DX:4019")}"}}
           ]) {{ requested result {{ {FACTS} }} }} }}"""
    )

    results = [item["result"] for item in data["codes"]]
    assert [result["__typename"] for result in results] == [
        *("Code", "CodeCandidates", "NotFound", "InvalidInput", "InvalidInput", "InvalidInput"),
        "Code",
    ]
    assert results[0]["displayValue"] == "E11.9"
    assert results[1]["candidates"] == [
        {"displayValue": "E03.0", "system": {"key": "ICD10CM"}},
        {"displayValue": "E030", "system": {"key": "ICD9CM_DX"}},
    ]
    assert [fault["rule"] for result in results[3:6] for fault in result["fields"]] == [
        "CODE_FORM",
        "NOT_LOADED",
        "CODE_ID",
    ]
    assert results[6]["displayValue"] == "401.9"
    assert [fault["path"] for result in results[3:6] for fault in result["fields"]] == [
        ["refs", "3"],
        ["refs", "4"],
        ["refs", "5", "id"],
    ]
    assert [item["requested"] for item in data["codes"]][:2] == ["ICD10CM:e11.9", "E03.0"]


async def test_children_are_paged_to_the_end(ask_as: Any) -> None:
    guest = ask_as("GUEST")
    found: list[str] = []
    after = "null"
    for _ in range(10):
        data = await guest(
            f"""{{ code(ref: {{key: {{system: ICD10CM, value: "E11"}}}}) {{ ... on Code {{
                 children(first: 4, after: {after}) {{ totalCount
                 edges {{ node {{ displayValue }} }} pageInfo {{ hasNextPage endCursor }}
                 }} }} }} }}"""
        )
        page = data["code"]["children"]
        found += [edge["node"]["displayValue"] for edge in page["edges"]]
        after = f'"{page["pageInfo"]["endCursor"]}"'
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert found == [f"E11.{digit}" for digit in (0, 1, 2, 3, 4, 5, 6, 8, 9)] + ["E11.A"]
    assert page["totalCount"] == 10


async def test_code_systems_say_what_is_loaded_and_what_is_stale(ask_as: Any) -> None:
    guest = ask_as("GUEST")

    data = await guest(
        "{ codeSystems { key isStale releases { edges { node { label codeCount } } } } }"
    )

    loaded = {
        system["key"]: (system["isStale"], [edge["node"] for edge in system["releases"]["edges"]])
        for system in data["codeSystems"]
        if system["releases"]["edges"]
    }
    assert len(data["codeSystems"]) == 12
    assert {key: is_stale for key, (is_stale, _) in loaded.items()} == {
        "ICD10CM": True,
        "ICD10PCS": True,
        "ICD9CM_DX": False,
        "ICD9CM_PX": False,
        "MSDRG": True,
        "MDC": True,
        "HCC": False,
        "DEMO": False,
    }
    assert loaded["ICD10CM"][1] == [{"label": "FY2026-APR", "codeCount": 98_505}]
    assert loaded["ICD9CM_PX"][1] == [{"label": "FY2015", "codeCount": 3_882}]


async def test_nodes_are_found_again_by_id_and_nonsense_is_null(ask_as: Any) -> None:
    guest = ask_as("GUEST")
    made = {
        "Code": ids.encode("code", "ICD10CM:I10"),
        "CodeSystem": ids.encode("system", "ICD10CM"),
        "CodeSystemRelease": ids.encode("release", "ICD10CM:FY2026-APR"),
        "MapRelease": ids.encode("map", "GEM_I10_I9:GEM-FY2013"),
    }
    nothing = [
        "nonsense",
        ids.encode("code", "ICD10CM:NOPE"),
        ids.encode("release", "ICD10CM:FY1999"),
        ids.encode("section", "ICD10CM:I10:GUIDELINES"),
    ]
    listed = ", ".join(f'"{one}"' for one in [*made.values(), *nothing])

    data = await guest(f"{{ nodes(ids: [{listed}]) {{ __typename id }} }}")

    assert data["nodes"] == [
        *({"__typename": name, "id": id} for name, id in made.items()),
        *([None] * 4),
    ]
    single = await guest(f'{{ node(id: "{made["Code"]}") {{ ... on Code {{ displayValue }} }} }}')
    assert single == {"node": {"displayValue": "I10"}}


TRANSLATE = """{ crosswalks(sources: [%s], to: [%s], direction: %s) {
  __typename ... on Translations { items { requested status reason mapRelease { label isStale }
    crosswalks(first: 3) { totalCount edges { node { target { displayValue } source { displayValue }
      relationship isApproximate isCombination scenario choiceList } } } } } } }"""


async def test_partner_translates_a_batch_with_one_answer_for_each_source(ask_as: Any) -> None:
    partner = ask_as("PARTNER")

    data = await partner(
        TRANSLATE
        % (
            '{system: ICD9CM_DX, value: "401.9"}, {system: ICD9CM_DX, value: "nope"}, '
            '{system: ICD9CM_DX, value: "\\u0000"}, {system: ICD9CM_DX, value: "5762"}',
            "ICD10CM",
            "FORWARD",
        )
    )

    items = data["crosswalks"]["items"]
    assert [(item["requested"], item["status"]) for item in items] == [
        ("401.9", "APPROXIMATE"),
        ("nope", "UNKNOWN_CODE"),
        ("\x00", "UNKNOWN_CODE"),
        ("5762", "EQUIVALENT"),
    ]
    assert items[0]["mapRelease"]["label"] == "GEM-FY2013"
    assert items[0]["crosswalks"] == {
        "totalCount": 1,
        "edges": [
            {
                "node": {
                    "source": {"displayValue": "401.9"},
                    "target": {"displayValue": "I10"},
                    "relationship": "RELATED_TO",
                    "isApproximate": True,
                    "isCombination": False,
                    "scenario": None,
                    "choiceList": None,
                }
            }
        ],
    }
    assert items[3]["crosswalks"]["edges"][0]["node"]["target"]["displayValue"] == "K83.1"


async def test_rows_of_one_translation_are_paged_beyond_the_first_hundred(ask_as: Any) -> None:
    partner = ask_as("PARTNER")
    found: list[str] = []
    after = "null"
    while True:
        data = await partner(
            f"""{{ crosswalks(sources: [{{system: ICD9CM_DX, value: "V54.12"}}], to: [ICD10CM]) {{
                 ... on Translations {{ items {{ status
                   crosswalks(first: 100, after: {after}) {{ totalCount
                     edges {{ node {{ target {{ value }} }} }}
                     pageInfo {{ hasNextPage endCursor }} }} }} }} }} }}"""
        )
        (item,) = data["crosswalks"]["items"]
        found += [edge["node"]["target"]["value"] for edge in item["crosswalks"]["edges"]]
        if not item["crosswalks"]["pageInfo"]["hasNextPage"]:
            break
        after = f'"{item["crosswalks"]["pageInfo"]["endCursor"]}"'

    assert item["crosswalks"]["totalCount"] == 533
    assert len(found) == len(set(found)) == 533


async def test_crosswalks_read_backwards_from_the_same_rows(ask_as: Any) -> None:
    partner = ask_as("PARTNER")

    data = await partner(TRANSLATE % ('{system: ICD10CM, value: "K83.1"}', "ICD9CM_DX", "REVERSE"))

    (item,) = data["crosswalks"]["items"]
    assert item["status"] == "EQUIVALENT"
    assert item["crosswalks"]["edges"][0]["node"]["source"]["displayValue"] == "576.2"


@pytest.mark.parametrize("kind", ["GUEST", "REGISTERED"])
async def test_crosswalk_batches_are_for_partners_subscribers_and_staff(
    ask_as: Any, kind: str
) -> None:
    reader = ask_as(kind)

    data = await reader(TRANSLATE % ('{system: ICD9CM_DX, value: "401.9"}', "ICD10CM", "FORWARD"))

    assert data == {"crosswalks": {"__typename": "Forbidden"}}


PAGE = """{ codePage(ref: {key: {system: %s, value: "%s"}}, preview: %s) {
  __typename
  ... on ViewLimitReached { upgrade { action } allowance { limit used } }
  ... on CodePage { banner view { wasCharged } sections { __typename kind
    ... on LockedSection { reason } ... on EmptySection { state }
    ... on OpenSection { copyright content { __typename } } } } } }"""


async def test_registered_reader_sees_every_section_of_a_demo_page(ask_as: Any) -> None:
    reader = ask_as("REGISTERED")

    page = (await reader(PAGE % ("DEMO", "DM-4120", "false")))["codePage"]

    assert page["view"]["wasCharged"] is True
    assert [(part["kind"], part["content"]["__typename"]) for part in page["sections"]] == [
        ("OFFICIAL_DESCRIPTION", "TextContent"),
        ("COMMON_LANGUAGE", "TextContent"),
        ("GUIDELINES", "NotesContent"),
        ("MODIFIERS", "ModifiersContent"),
        ("CROSSWALKS", "CrosswalksContent"),
        ("CODE_EDITS", "CodeEditsContent"),
        ("COVERAGE_AND_PAYMENT", "CoverageAndPaymentContent"),
        ("HISTORY", "HistoryContent"),
    ]
    assert all(part["copyright"] for part in page["sections"][:2])


async def test_guest_sees_two_open_and_six_locked_sections_of_a_demo_page(ask_as: Any) -> None:
    guest = ask_as("GUEST")

    page = (await guest(PAGE % ("DEMO", "DM-4120", "false")))["codePage"]

    assert [part["__typename"] for part in page["sections"]] == [
        *["OpenSection"] * 2,
        *["LockedSection"] * 6,
    ]
    assert {part["reason"] for part in page["sections"][2:]} == {"REGISTRATION_REQUIRED"}


async def test_registered_reader_of_icd_10_cm_is_told_what_is_missing_and_why(
    ask_as: Any,
) -> None:
    reader = ask_as("REGISTERED")

    page = (await reader(PAGE % ("ICD10CM", "I10", "false")))["codePage"]

    assert [part.get("state", part["__typename"]) for part in page["sections"]] == [
        "OpenSection",
        "NOT_WRITTEN",
        "OpenSection",
        "NOT_APPLICABLE",
        "OpenSection",
        "NOT_LOADED",
        "OpenSection",
        "OpenSection",
    ]


async def test_registered_reader_opens_five_pages_and_is_offered_a_subscription(
    ask_as: Any,
) -> None:
    reader = ask_as("REGISTERED")
    codes = ["I10", "E11.9", "J45", "K83.1", "S72", "A00"]

    answers = [(await reader(PAGE % ("ICD10CM", code, "false")))["codePage"] for code in codes]

    assert [answer["__typename"] for answer in answers] == [*["CodePage"] * 5, "ViewLimitReached"]
    assert answers[4]["banner"] == (
        "0 code page views remaining. Registered accounts are limited to 5 page views. "
        "Subscribe to open code pages without limit."
    )
    assert answers[5] == {
        "__typename": "ViewLimitReached",
        "upgrade": {"action": "SUBSCRIBE"},
        "allowance": {"limit": 5, "used": 5},
    }


async def test_preview_locks_every_section_even_of_a_page_that_is_unlocked(ask_as: Any) -> None:
    reader = ask_as("REGISTERED")
    await reader(PAGE % ("DEMO", "DM-4120", "false"))

    page = (await reader(PAGE % ("DEMO", "DM-4120", "true")))["codePage"]

    assert {part["reason"] for part in page["sections"]} == {"PREVIEW"}
    assert len(page["sections"]) == 8
    assert page["view"]["wasCharged"] is False


async def test_subscriber_reads_without_limit_and_without_banner(ask_as: Any) -> None:
    subscriber = ask_as("SUBSCRIBER")

    page = (await subscriber(PAGE % ("DEMO", "DM-4120", "false")))["codePage"]

    assert page["banner"] is None
    assert page["view"]["wasCharged"] is False
    assert {part["__typename"] for part in page["sections"]} == {"OpenSection"}


async def test_map_only_code_has_no_page_and_costs_nothing(ask_as: Any, catalogue: Any) -> None:
    reader = ask_as("REGISTERED")
    row = await catalogue.fetch_one(
        "SELECT c.value FROM code c WHERE c.system = 'ICD10CM' AND NOT EXISTS "
        "(SELECT FROM code_version v WHERE v.code_id = c.id) ORDER BY c.value LIMIT 1"
    )

    page = (await reader(PAGE % ("ICD10CM", row["value"], "false")))["codePage"]
    left = await reader("{ viewer { kind allowance { remaining } } }")

    assert page == {"__typename": "InvalidInput"}
    assert left == {"viewer": {"kind": "REGISTERED", "allowance": {"remaining": 5}}}


@pytest.mark.parametrize("day", ["0001-01-01", "1899-12-31", "2200-01-01", "9999-12-31"])
async def test_day_that_no_release_can_have_is_invalid_input(ask_as: Any, day: str) -> None:
    guest = ask_as("PARTNER")

    data = await guest(
        f"""{{ code(ref: {{value: "I10"}}, asOf: "{day}") {{ {FACTS} }}
               codes(refs: [{{value: "I10"}}], asOf: "{day}") {{ result {{ {FACTS} }} }}
               crosswalks(sources: [], asOf: "{day}") {{
                 ... on InvalidInput {{ fields {{ rule }} }} }}
               codePage(ref: {{value: "I10"}}, asOf: "{day}") {{
                 ... on InvalidInput {{ fields {{ rule }} }} }} }}"""
    )

    refused = {"fields": [{"rule": "DATE_RANGE"}]}
    assert data["code"]["fields"] == [{"path": ["asOf"], "rule": "DATE_RANGE"}]
    assert data["codes"][0]["result"]["fields"] == [{"path": ["asOf"], "rule": "DATE_RANGE"}]
    assert (data["crosswalks"], data["codePage"]) == (refused, refused)


@pytest.mark.parametrize("day", ["1900-01-01", "2199-12-31"])
async def test_first_and_last_day_that_can_be_asked_about_are_answered(
    ask_as: Any, day: str
) -> None:
    data = await ask_as("GUEST")(
        f"""{{ code(ref: {{key: {{system: ICD10CM, value: "I10"}}}}, asOf: "{day}") {{
               __typename }} }}"""
    )

    assert data["code"]["__typename"] == ("Code" if day > "2026" else "InvalidInput")


async def test_code_as_of_a_named_day_is_found_again_as_of_that_day(ask_as: Any) -> None:
    guest = ask_as("GUEST")
    query = '{ code(ref: {key: {system: DEMO, value: "DM-4120"}}%s) { ... on Code { id title } } }'

    now = (await guest(query % ""))["code"]
    then = (await guest(query % ', asOf: "2025-06-01"'))["code"]
    again = await guest(
        f"""{{ node(id: "{then["id"]}") {{ id ... on Code {{ title }} }}
               code(ref: {{id: "{then["id"]}"}}) {{ ... on Code {{ id title }} }} }}"""
    )

    assert now["id"] != then["id"]
    assert now["title"] != then["title"]
    assert (again["node"], again["code"]) == (then, then)


async def test_empty_text_is_no_code(ask_as: Any) -> None:
    data = await ask_as("GUEST")(f'{{ code(ref: {{value: ""}}) {{ {FACTS} }} }}')

    assert data["code"]["fields"] == [{"path": ["ref"], "rule": "CODE_FORM"}]


async def test_crosswalks_to_no_system_at_all_are_invalid_input(ask_as: Any) -> None:
    data = await ask_as("PARTNER")(
        """{ crosswalks(sources: [{system: ICD10CM, value: "I10"}], to: []) {
             ... on InvalidInput { fields { path rule } } } }"""
    )

    assert data["crosswalks"] == {"fields": [{"path": ["to"], "rule": "EMPTY"}]}


async def test_event_of_a_view_has_an_id_that_counts_nothing(ask_as: Any) -> None:
    reader = ask_as("REGISTERED")
    query = """{ codePage(ref: {key: {system: ICD10CM, value: "%s"}}) {
                 ... on CodePage { view { eventId } } } }"""

    made = [
        (await reader(query % code))["codePage"]["view"]["eventId"]
        for code in ("I10", "I10", "J45")
    ]

    assert len(set(made)) == 3
    assert [len(one) for one in made] == [22, 22, 22]
