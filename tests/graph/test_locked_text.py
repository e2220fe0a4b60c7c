"""No path through the schema yields what a section locks: every field is asked, none is listed.

A field, an argument or a mutation that is added later is asked by being in the schema. Answers are
looked through whole: data, errors and extensions.
"""

import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import httpx2
import pytest
from graphql import DocumentNode, parse, print_ast

from db.embedded import StoreUrls
from db.licenses import record_license
from db.pages import pages_by_ref
from db.pool import Database, open_database
from graph import ids
from graph.api import api
from graph.app import build
from graph.context import Services
from graph.day import Day
from graph.people.passwords import Passwords
from graph.settings import Settings
from metering.shards import shard_of
from schema.codes import CodeKey, CodeSystemKey
from schema.licenses import License
from schema.pages import Page, SectionKind
from schema.people import Assignment, Viewer, ViewerKind
from tests.graph.asking import Asking
from tests.graph.readers import PASSWORD, Somebody, guest_on, member_on
from tests.official.cpt import NOTICE
from tests.official.licensed import LICENSE, LICENSED_CODE, TEXTS

LOCKED_CODE, OTHER_CODE = "DM-4120", "DM-4110"
LOCKED = CodeKey(CodeSystemKey.DEMO, LOCKED_CODE)
TODAY = Day(date(2026, 11, 23))

IDS = [
    ids.encode_code(LOCKED, TODAY),
    ids.encode_code(LOCKED, Day(TODAY.date, is_named=True)),
    *(ids.encode_section(LOCKED, TODAY, kind) for kind in SectionKind),
    ids.encode("system", "DEMO"),
    ids.encode("release", "DEMO:DEMO-2026"),
    ids.encode("map", "DEMO_ICD10CM:DEMO-2026"),
    ids.encode("user", "u" + "A" * 22),
    ids.encode("session", "A" * 16),
    ids.encode_event(b"a secret of the tests", "1-0"),
]
ASKING = Asking(
    api()._schema,
    leaves={
        "ID": [json.dumps(id) for id in IDS],
        "String": [json.dumps(LOCKED_CODE)],
        "Int": ["1"],
        "Float": ["1.5"],
        "Boolean": ["true", "false"],
        "Date": ['"2026-11-23"'],
        "DateTime": ['"2026-11-23T00:00:00Z"'],
    },
    # A change of a text is asked for by somebody who has not read it.
    named={"system": "DEMO", "after": "null", "expectedVersion": "9", "via": "[ICD10CM]"},
)

LICENSED = CodeKey(CodeSystemKey.CPT, LICENSED_CODE)
ASKING_LICENSED = replace(
    ASKING,
    leaves={
        **ASKING.leaves,
        "ID": [
            json.dumps(ids.encode_code(LICENSED, TODAY)),
            json.dumps(ids.encode("release", "CPT:2026")),
            json.dumps(ids.encode("map", "LICENSED_CROSSWALK:LICENSED-2026")),
        ],
        "String": [json.dumps(LICENSED_CODE)],
    },
    named={**ASKING.named, "system": "CPT"},
)
"""Asks for a code whose texts are licensed."""

ALL = frozenset(SectionKind)
THREE = frozenset(
    {SectionKind.OFFICIAL_DESCRIPTION, SectionKind.COMMON_LANGUAGE, SectionKind.GUIDELINES}
)
HIDDEN = {"granted": ALL - THREE, "spent": ALL, "preview": ALL}
"""By state: the sections that are locked. A page is granted on a plan that opens three."""
PLANS = {"spent": "one", "covered": "covered"}
"""By state: the plan of the reader, where it is not the one that opens three sections."""
LISTS_CROSSWALKS = (ViewerKind.SUBSCRIBER, ViewerKind.PARTNER, ViewerKind.STAFF)
LISTED = {
    "crosswalks": SectionKind.CROSSWALKS,
    "changes": SectionKind.HISTORY,
    "pairEdits": SectionKind.CODE_EDITS,
    "unitLimits": SectionKind.CODE_EDITS,
    "addOns": SectionKind.CODE_EDITS,
    "fees": SectionKind.COVERAGE_AND_PAYMENT,
}
"""By root field: the section whose texts it lists to those who may ask in batches."""


def canaries(page: Page, kinds: frozenset[SectionKind]) -> Iterator[str]:
    """Texts that only the sections of those kinds may yield. The official title is a free fact of
    the code."""
    yield from (t.markdown for t in page.texts if t.kind in kinds and t.markdown != page.code.title)
    if SectionKind.GUIDELINES in kinds:
        yield from (note.text for note in page.notes)
    if SectionKind.MODIFIERS in kinds:
        yield from (use.guidance for use in page.modifiers if use.guidance)
    if SectionKind.CODE_EDITS in kinds:
        yield from (edit.rationale for edit in page.edits if edit.rationale)
    if SectionKind.COVERAGE_AND_PAYMENT in kinds:
        yield from (fact.value for fact in page.payment)
    if SectionKind.CROSSWALKS in kinds:
        yield from (translation.reason for translation in page.translations)
    if SectionKind.HISTORY in kinds:
        titles = {entry.title for entry in page.history if entry.title}
        yield from titles - {page.code.title}


def found_in(answer: str, texts: Iterator[str]) -> list[str]:
    """Those of the texts that stand in an answer in JSON, not within a word or number: a price may
    be part of an instant."""
    quoted = ((text, json.dumps(text, ensure_ascii=False)[1:-1]) for text in texts)
    return [
        text
        for text, words in quoted
        if words in answer and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", answer)
    ]


Meet = Callable[[ViewerKind, str], Awaitable[Somebody]]


@pytest.fixture(scope="module")
async def catalogue(demo_url: str) -> AsyncIterator[Database]:
    """The invented system, and three plans for each kind of viewer: `one_…` opens everything of one
    page, `three_…` three sections of any, `covered_…` everything, and a licence covers it."""
    async with open_database(demo_url) as database:
        for kind in ViewerKind:
            for name, limit, opened in (
                ("one", 1, ALL),
                ("three", None, THREE),
                ("covered", None, ALL),
            ):
                await database.fetch(
                    "INSERT INTO plan (key, version, page_view_limit, window_kind, open_sections, "
                    "can_list_crosswalks, viewer_kind) VALUES ($1, 1, $2, 'LIFETIME', $3, $4, $5)",
                    *(f"{name}_{kind.lower()}", limit, list(opened)),
                    *(kind in LISTS_CROSSWALKS, kind.value),
                )
        await record_license(
            database,
            License(
                id=LICENSE,
                system=CodeSystemKey.CPT,
                holder="A clinic",
                effective_from=date(2026, 1, 1),
                effective_to=None,
                plan_keys=tuple(f"covered_{kind.lower()}" for kind in ViewerKind),
            ),
        )
        yield database


@pytest.fixture
async def page(catalogue: Database) -> Page:
    """The page whose texts are looked for, every section filled."""
    [found] = await pages_by_ref(catalogue, [(CodeSystemKey.DEMO, LOCKED_CODE)], TODAY.date)
    assert isinstance(found, Page)
    return found


@pytest.fixture(scope="module")
async def password_hash() -> str:
    return await Passwords(1).hashed(PASSWORD)


@pytest.fixture
def meet(services: Services, password_hash: str) -> Meet:
    """Makes somebody of a kind, for whom the page is in a state."""

    async def met(kind: ViewerKind, state: str) -> Somebody:
        plan = f"{PLANS.get(state, 'three')}_{kind.lower()}"
        somebody = await (
            guest_on(services, plan)
            if kind is ViewerKind.GUEST
            else member_on(services, kind, plan, password_hash)
        )
        somebody.may_charge = state != "preview"
        if state == "spent":
            assert "CodePage" in await somebody.answer(opening(OTHER_CODE))
        return somebody

    return met


async def everything(reader: Somebody, root: str, asking: Asking = ASKING) -> list[str]:
    """What a root field that reads answers, however it is asked."""
    return [await reader.answer(asked) for asked in asking.operations("query", root)]


def opening(code: str) -> DocumentNode:
    return parse(f'{{codePage(ref: {{key: {{system: DEMO, value: "{code}"}}}}) {{__typename}}}}')


async def read_by_staff(services: Services) -> Somebody:
    """A reader for whom everything is open, who has just read the page: nobody else may profit."""
    id = "u" + secrets.token_urlsafe(16)
    assignment = Assignment(plan_key="staff", plan_version=1, number=1)
    viewer = Viewer(
        id=id, kind=ViewerKind.STAFF, shard=shard_of(id), assignment=assignment, network=None
    )
    somebody = Somebody(services, viewer)
    [*_, document] = ASKING.operations("query", "codePage")
    await somebody.answer(document)
    return somebody


@pytest.mark.parametrize("state", HIDDEN)
@pytest.mark.parametrize("kind", ViewerKind)
async def test_no_field_yields_what_is_locked(
    kind: ViewerKind, state: str, page: Page, services: Services, meet: Meet
) -> None:
    await read_by_staff(services)
    reader = await meet(kind, state)

    leaks = {}
    for root in ASKING.queries:
        hidden = HIDDEN[state]
        if root in LISTED and kind in LISTS_CROSSWALKS:
            hidden = hidden - {LISTED[root]}
        if root == "commonLanguageVersions" and kind is ViewerKind.STAFF:
            hidden = hidden - {SectionKind.COMMON_LANGUAGE}
        answers = await everything(reader, root)
        leaks[root] = [
            text for answer in answers for text in found_in(answer, canaries(page, hidden))
        ]

    assert leaks == {root: [] for root in ASKING.queries}


@pytest.mark.parametrize("kind", ViewerKind)
async def test_a_granted_page_yields_what_is_open(kind: ViewerKind, page: Page, meet: Meet) -> None:
    """Shows that the texts looked for are really what the fields yield."""
    reader = await meet(kind, "granted")

    [answer, *_] = await everything(reader, "codePage")

    shown = list(canaries(page, THREE))
    assert len(shown) > 5
    assert found_in(answer, canaries(page, THREE)) == shown


async def test_whoever_may_read_everything_is_shown_every_text_that_is_looked_for(
    page: Page, services: Services
) -> None:
    reader = await read_by_staff(services)

    [answer, *_] = await everything(reader, "codePage")

    shown = list(canaries(page, ALL))
    assert len(shown) > 20
    assert found_in(answer, canaries(page, ALL)) == shown


@pytest.mark.parametrize("kind", ViewerKind)
async def test_no_change_yields_what_is_locked(
    kind: ViewerKind, page: Page, services: Services, meet: Meet
) -> None:
    """Each is made by somebody new, with what makes it succeed where the test knows that."""
    await read_by_staff(services)

    leaks, reached = {}, {}
    for name in ASKING.mutations:
        reader = await meet(kind, "spent")
        asked = ASKING.operations("mutation", name, **reader.given(name))
        answers = [await reader.answer(document) for document in asked]
        leaks[name] = [text for answer in answers for text in found_in(answer, canaries(page, ALL))]
        reached[name] = "Viewer_kind" in answers[0]

    assert leaks == {name: [] for name in ASKING.mutations}
    is_member = kind is not ViewerKind.GUEST
    assert {name: reached[name] for name in ANSWER_A_VIEWER} == {
        name: is_member or name == "verifyEmail" for name in ANSWER_A_VIEWER
    }


@pytest.mark.parametrize("kind", ViewerKind)
async def test_no_field_yields_a_text_that_no_licence_covers_for_the_viewer(
    kind: ViewerKind, services: Services, meet: Meet
) -> None:
    """Asked from both ends of the maps: for the licensed code, and for one that leads to it."""
    reader = await meet(kind, "granted")

    leaks = {}
    for root in ASKING.queries:
        answers = [
            answer
            for asking in (ASKING, ASKING_LICENSED)
            for answer in await everything(reader, root, asking)
        ]
        leaks[root] = [text for answer in answers for text in found_in(answer, iter(TEXTS))]

    assert leaks == {root: [] for root in ASKING.queries}


@pytest.mark.parametrize("kind", ViewerKind)
async def test_no_change_yields_a_text_that_no_licence_covers_for_the_viewer(
    kind: ViewerKind, services: Services, meet: Meet
) -> None:
    leaks = {}
    for name in ASKING.mutations:
        reader = await meet(kind, "granted")
        asked = ASKING_LICENSED.operations("mutation", name, **reader.given(name))
        answers = [await reader.answer(document) for document in asked]
        leaks[name] = [text for answer in answers for text in found_in(answer, iter(TEXTS))]

    assert leaks == {name: [] for name in ASKING.mutations}


@pytest.mark.parametrize("kind", ViewerKind)
async def test_whom_a_licence_covers_is_shown_every_text_with_its_copyright(
    kind: ViewerKind, meet: Meet
) -> None:
    reader = await meet(kind, "covered")

    [of_licensed, *_] = await everything(reader, "codePage", ASKING_LICENSED)
    [of_other, *_] = await everything(reader, "codePage")
    [free, *_] = await everything(reader, "code", ASKING_LICENSED)

    neighbours = ["invented short text 2", "invented text 2"]
    current = ["invented short text 1", "invented text 1, as it is"]
    assert found_in(of_licensed, iter(TEXTS)) == [t for t in TEXTS if t not in neighbours]
    assert found_in(of_other, iter(TEXTS)) == current
    assert found_in(free, iter(TEXTS)) == current
    for answer in (of_licensed, of_other, free):
        assert NOTICE[0] in answer


ANSWER_A_VIEWER = (
    "verifyEmail",
    "logIn",
    "logOut",
    "changePassword",
    "resetPassword",
    "deleteAccount",
    "revokeOtherSessions",
)
"""Changes that tell who asks now: the test has to come so far, not only to their refusals."""


async def test_ids_of_every_kind_are_asked(services: Services) -> None:
    """An id of a new kind has to stand in IDS, so that `node` is asked for it."""
    reader = await read_by_staff(services)
    nodes = parse("query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }")
    known = {decoded[0] for id in IDS if (decoded := ids.decode(id))}

    answers = [json.loads(a) for root in ASKING.queries for a in await everything(reader, root)]
    found = json.loads(await reader.answer(nodes, {"ids": IDS}))["data"]["nodes"]

    met = {decoded[0] for id in _ids_in(answers) if (decoded := ids.decode(id))}
    assert {"code", "section", "system", "release", "map"} <= met <= known
    assert [node["__typename"] if node else None for node in found] == [
        *("Code", "Code"),
        *[None] * len(SectionKind),
        *("CodeSystem", "CodeSystemRelease", "MapRelease"),
        *(None, None, None),
    ]


def _ids_in(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _ids_in(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name.endswith("_id") and isinstance(item, str):
                yield item
            yield from _ids_in(item)


@pytest.fixture
async def app(catalogue: Database, demo_url: str, redis_url: str) -> AsyncIterator[Any]:
    """The whole application on the same stores."""
    settings = Settings(database_url=demo_url, redis_url=redis_url, store_timeout_seconds=1.0)
    urls = StoreUrls(demo_url, redis_url)
    async with build(settings, urls, b"a secret of the tests, 32 characters and more") as built:
        yield built


async def test_no_error_tells_what_is_locked(app: Any, page: Page) -> None:
    """Whole responses, headers among them, to whatever is wrong with a question about the page."""
    transport = httpx2.ASGITransport(app, client=("198.51.100.7", 5_000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://codes.example") as client:
        await client.post("/graphql", json={"query": print_ast(opening(OTHER_CODE))})
        spent = await client.post("/graphql", json={"query": print_ast(opening(LOCKED_CODE))})

        leaks, statuses = [], set()
        for body in _mistaken():
            response = await client.post("/graphql", json=body)
            statuses.add(response.status_code)
            told = response.text + json.dumps(dict(response.headers))
            leaks += found_in(told, canaries(page, ALL))

    assert spent.json()["data"] == {"codePage": {"__typename": "ViewLimitReached"}}
    assert leaks == []
    assert statuses == {200, 400}


def _mistaken() -> Iterator[dict[str, Any]]:
    for kind, names in (("query", ASKING.queries), ("mutation", ASKING.mutations)):
        for name in names:
            for text in (LOCKED_CODE, f"DEMO:{LOCKED_CODE}", *IDS[:3], "\0" + LOCKED_CODE):
                yield from ({"query": query} for query in ASKING.malformed(kind, name, text))
    asked = "query ($ref: CodeRef!) { codePage(ref: $ref) { __typename } }"
    for ref in (
        LOCKED_CODE,
        [LOCKED_CODE],
        {"value": {"value": LOCKED_CODE}},
        {"value": LOCKED_CODE, "id": IDS[0]},
        {"key": {"system": LOCKED_CODE, "value": LOCKED_CODE}},
        {"key": {"system": "DEMO", "value": LOCKED_CODE, LOCKED_CODE: LOCKED_CODE}},
    ):
        yield {"query": asked, "variables": {"ref": ref}}
    yield {"query": asked, "extensions": LOCKED_CODE}
    yield {"query": f'{{ codePage(ref: {{value: "{LOCKED_CODE}"}}) {{ sections {{ text }} }} }}'}
