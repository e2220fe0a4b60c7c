"""Which section is open to whom, and what stands in the way: the whole table, written out."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest

from db.plans import PlanBook
from db.pool import Database, open_database
from graph import offers
from graph.day import Day
from graph.sections import Grant, Reader, sections_of
from graph.types.sections import EmptySection, LockedSection, OpenSection, PageSection
from schema.codes import Code, CodeKey, CodeKind, CodeStatus, CodeSystemKey, Release
from schema.crosswalks import MapRelease, Translation, TranslationStatus
from schema.edits import UnitLimit
from schema.pages import (
    HistoryChange,
    HistoryEntry,
    ModifierUse,
    Note,
    NoteKind,
    Page,
    PageText,
    PaymentFact,
    SectionKind,
)
from schema.plans import Plan

TODAY = date(2026, 11, 23)

_ALL_OPEN = """
    section               granted    spent  network  preview
    OFFICIAL_DESCRIPTION  open       spent  network  preview
    COMMON_LANGUAGE       open       spent  network  preview
    GUIDELINES            open       spent  network  preview
    MODIFIERS             open       spent  network  preview
    CROSSWALKS            open       spent  network  preview
    CODE_EDITS            open       spent  network  preview
    COVERAGE_AND_PAYMENT  open       spent  network  preview
    HISTORY               open       spent  network  preview
"""
FULL = {
    "guest": """
        section               granted    spent  network  preview
        OFFICIAL_DESCRIPTION  open       spent  network  preview
        COMMON_LANGUAGE       open       spent  network  preview
        GUIDELINES            register   spent  network  register
        MODIFIERS             register   spent  network  register
        CROSSWALKS            register   spent  network  register
        CODE_EDITS            register   spent  network  register
        COVERAGE_AND_PAYMENT  register   spent  network  register
        HISTORY               register   spent  network  register
    """,
    "registered": _ALL_OPEN,
    "subscriber": _ALL_OPEN,
    "partner": _ALL_OPEN,
    "staff": _ALL_OPEN,
    "returned": _ALL_OPEN,
    "a guest's of two other sections": """
        section               granted    spent  network  preview
        OFFICIAL_DESCRIPTION  register   spent  network  register
        COMMON_LANGUAGE       open       spent  network  preview
        GUIDELINES            register   spent  network  register
        MODIFIERS             register   spent  network  register
        CROSSWALKS            register   spent  network  register
        CODE_EDITS            register   spent  network  register
        COVERAGE_AND_PAYMENT  register   spent  network  register
        HISTORY               open       spent  network  preview
    """,
    "a registered reader's of three sections": """
        section               granted    spent  network  preview
        OFFICIAL_DESCRIPTION  open       spent  network  preview
        COMMON_LANGUAGE       open       spent  network  preview
        GUIDELINES            open       spent  network  preview
        MODIFIERS             subscribe  spent  network  subscribe
        CROSSWALKS            subscribe  spent  network  subscribe
        CODE_EDITS            subscribe  spent  network  subscribe
        COVERAGE_AND_PAYMENT  subscribe  spent  network  subscribe
        HISTORY               subscribe  spent  network  subscribe
    """,
    "a subscriber's of all but one": """
        section               granted    spent  network  preview
        OFFICIAL_DESCRIPTION  open       spent  network  preview
        COMMON_LANGUAGE       open       spent  network  preview
        GUIDELINES            open       spent  network  preview
        MODIFIERS             open       spent  network  preview
        CROSSWALKS            open       spent  network  preview
        CODE_EDITS            subscribe  spent  network  subscribe
        COVERAGE_AND_PAYMENT  open       spent  network  preview
        HISTORY               open       spent  network  preview
    """,
    "a partner's of all but one": """
        section               granted    spent  network  preview
        OFFICIAL_DESCRIPTION  open       spent  network  preview
        COMMON_LANGUAGE       open       spent  network  preview
        GUIDELINES            open       spent  network  preview
        MODIFIERS             open       spent  network  preview
        CROSSWALKS            open       spent  network  preview
        CODE_EDITS            subscribe  spent  network  subscribe
        COVERAGE_AND_PAYMENT  open       spent  network  preview
        HISTORY               open       spent  network  preview
    """,
}
"""By plan: every section of a page that has all eight, however the page was asked for."""

WITHHELD = "OFFICIAL_DESCRIPTION  licence"
"""The row of a code whose official text its licence keeps back, whoever asks and however."""

UNFILLED = {
    "OFFICIAL_DESCRIPTION": None,
    "COMMON_LANGUAGE": "NOT_WRITTEN",
    "GUIDELINES": "NONE",
    "MODIFIERS": "NOT_APPLICABLE",
    "CROSSWALKS": "NOT_LOADED",
    "CODE_EDITS": "NOT_LOADED",
    "COVERAGE_AND_PAYMENT": "NOT_LOADED",
    "HISTORY": None,
}
"""Of an ICD-10-CM code of which nothing is known but its title and history: empty for everybody.
None is a section that has something, and is as in the table of a full page."""

OFFERED = """
    plan                                     register  subscribe      spent          network
    guest                                    REGISTER  -              REGISTER       REGISTER
    registered                               -         -              SUBSCRIBE      SUBSCRIBE
    subscriber                               -         -              nothing        nothing
    partner                                  -         -              CONTACT_SALES  CONTACT_SALES
    staff                                    -         -              nothing        nothing
    returned                                 -         -              SUBSCRIBE      SUBSCRIBE
    a guest's of two other sections          REGISTER  -              REGISTER       REGISTER
    a registered reader's of three sections  -         SUBSCRIBE      SUBSCRIBE      SUBSCRIBE
    a subscriber's of all but one            -         nothing        nothing        nothing
    a partner's of all but one               -         CONTACT_SALES  CONTACT_SALES  CONTACT_SALES
"""
"""By plan: what would open a section that is locked for that reason; a dash where none is. Nothing
the reader can do lifts a preview's lock, or a licence's."""

REASONS = {
    "register": "REGISTRATION_REQUIRED",
    "subscribe": "SUBSCRIPTION_REQUIRED",
    "spent": "VIEW_LIMIT_REACHED",
    "network": "NETWORK_LIMIT_REACHED",
    "preview": "PREVIEW",
    "licence": "LICENSE_RESTRICTED",
}
GRANTS = {
    "granted": Grant.OPEN,
    "spent": Grant.VIEWER_LIMIT,
    "network": Grant.NETWORK_LIMIT,
    "preview": Grant.PREVIEW,
}
CANARY = "a text that may be locked"


def cells(table: str) -> dict[tuple[str, str], str]:
    """(name of the row, name of the column) to what stands there."""
    split = [[c.strip() for c in line.split("  ") if c.strip()] for line in table.splitlines()]
    heading, *rows = [line for line in split if line]
    return {
        (row[0], column): cell
        for row in rows
        for column, cell in zip(heading[1:], row[1:], strict=True)
    }


def code_of(system: CodeSystemKey, title: str | None) -> Code:
    """A code of a system that has one release."""
    release = Release(
        id=1,
        system=system,
        label="R1",
        publisher="nobody",
        source="generated",
        sha256="",
        effective_from=date(2026, 1, 1),
        effective_to=None,
        loaded_at=datetime(2026, 1, 1, tzinfo=UTC),
        code_count=1,
        notes_of="R1",
        stale_reason=None,
    )
    return Code(
        id=1,
        key=CodeKey(system, "X10"),
        kind=CodeKind.CODE,
        title=title,
        short_title=None,
        status=CodeStatus.ACTIVE,
        is_billable=True,
        why_not_billable=None,
        effective_from=None,
        effective_to=None,
        release=release,
        parent_id=None,
    )


def told_by_a_map() -> Translation:
    """That a map has rows of the code, of which one is counted."""
    return Translation(
        requested="X10",
        source=None,
        status=TranslationStatus.UNKNOWN_CODE,
        reason=CANARY,
        crosswalks=(),
        total_count=1,
        map_release=MapRelease(
            id=1,
            kind="M",
            label="M1",
            source="generated",
            sha256="",
            source_system=CodeSystemKey.DEMO,
            target_system=CodeSystemKey.ICD10CM,
            effective_from=date(2026, 1, 1),
            effective_to=None,
            stale_reason=None,
        ),
    )


HISTORY = HistoryEntry(
    change=HistoryChange.FIRST_LOADED,
    release_label="R1",
    effective_from=date(2026, 1, 1),
    effective_to=None,
    title=CANARY,
    is_billable=True,
)

LIMIT = UnitLimit(units_per_day=1, setting=None, adjudication=None, rationale=CANARY)


def page(system: CodeSystemKey, *, title: str | None, is_filled: bool) -> Page:
    """A page with every section but the official one filled, or with its history alone."""
    plain = PageText(kind=SectionKind.COMMON_LANGUAGE, markdown=CANARY, copyright=None)
    return Page(
        code=code_of(system, title),
        on=TODAY,
        texts=(plain,) if is_filled else (),
        notes=(Note(kind=NoteKind.NOTE, text=CANARY, inherited_from=None),) * is_filled,
        modifiers=(ModifierUse(modifier=code_of(system, None), guidance=CANARY),) * is_filled,
        translations=(told_by_a_map(),) * is_filled,
        edits=(),
        edit_count=0,
        add_ons=(),
        add_on_count=0,
        unit_limits=(LIMIT,) * is_filled,
        payment=(PaymentFact(name="fee", value=CANARY, source="nobody"),) * is_filled,
        groupings=(),
        relative_values=(),
        history=(HISTORY,),
        sources=(),
    )


@pytest.fixture(scope="module")
async def plans(template_url: str) -> Mapping[str, Plan]:
    """The plans of a fresh install, and some of a deployment's own."""
    async with open_database(template_url) as database:
        return await _plans(database)


async def _plans(database: Database) -> Mapping[str, Plan]:
    book = PlanBook(database)
    await book.read()
    every, seeds = frozenset(SectionKind), book.newest
    own = {
        "a guest's of two other sections": (
            "guest",
            {SectionKind.COMMON_LANGUAGE, SectionKind.HISTORY},
        ),
        "a registered reader's of three sections": ("registered", set(list(SectionKind)[:3])),
        "a subscriber's of all but one": ("subscriber", every - {SectionKind.CODE_EDITS}),
        "a partner's of all but one": ("partner", every - {SectionKind.CODE_EDITS}),
    }
    made = {
        name: seeds[seed].model_copy(update={"key": "own", "open_sections": frozenset(opened)})
        for name, (seed, opened) in own.items()
    }
    return {**seeds, **made}


def shown(of: Page, grant: str, plan: Plan, plans: Mapping[str, Plan]) -> list[PageSection]:
    """The sections as a reader on the plan meets them."""
    reader = Reader(plan=plan, plans=plans, more=offers.offer(plan.viewer_kind, plans))
    return sections_of(of, GRANTS[grant], reader, Day(TODAY))


def told(section: PageSection) -> str:
    """What stands in the table for a section."""
    match section:
        case OpenSection():
            return "open"
        case LockedSection(reason=reason):
            return next(word for word, name in REASONS.items() if name == reason)
        case EmptySection(state=state):
            return state.value
    raise AssertionError(section)


def expected(plan: str, grant: str) -> dict[str, str]:
    """The column of the table of a full page."""
    table = cells(FULL[plan])
    return {kind.value: table[kind.value, grant] for kind in SectionKind}


def as_told(sections: list[PageSection]) -> dict[str, str]:
    return {section.kind.value: told(section) for section in sections}


def test_the_table_has_every_plan_of_a_fresh_install(plans: Mapping[str, Plan]) -> None:
    assert sorted(FULL) == sorted(plans)
    assert {row for row, _ in cells(OFFERED)} == set(plans)


@pytest.mark.parametrize("grant", GRANTS)
@pytest.mark.parametrize("plan", FULL)
def test_a_full_page(plan: str, grant: str, plans: Mapping[str, Plan]) -> None:
    full = page(CodeSystemKey.DEMO, title="Title", is_filled=True)

    sections = shown(full, grant, plans[plan], plans)

    assert as_told(sections) == expected(plan, grant)
    leaks = [s for s in sections if not isinstance(s, OpenSection) and CANARY in repr(s)]
    assert leaks == []


@pytest.mark.parametrize("grant", GRANTS)
@pytest.mark.parametrize("plan", FULL)
def test_a_page_whose_licence_keeps_the_official_text_back(
    plan: str, grant: str, plans: Mapping[str, Plan]
) -> None:
    withheld = page(CodeSystemKey.CPT, title=None, is_filled=True)

    sections = shown(withheld, grant, plans[plan], plans)

    row, cell = WITHHELD.split()
    assert as_told(sections) == {**expected(plan, grant), row: cell}


@pytest.mark.parametrize("grant", GRANTS)
@pytest.mark.parametrize("plan", FULL)
def test_a_page_of_which_little_is_loaded(plan: str, grant: str, plans: Mapping[str, Plan]) -> None:
    """What is empty is empty for everybody: nobody registers or pays to find nothing."""
    unfilled = page(CodeSystemKey.ICD10CM, title="Title", is_filled=False)

    sections = shown(unfilled, grant, plans[plan], plans)

    full = expected(plan, grant)
    assert as_told(sections) == {kind: state or full[kind] for kind, state in UNFILLED.items()}


@pytest.mark.parametrize("plan", FULL)
def test_what_would_open_it(plan: str, plans: Mapping[str, Plan]) -> None:
    full = page(CodeSystemKey.DEMO, title="Title", is_filled=True)
    table = cells(OFFERED)

    offered: dict[str, set[str]] = {}
    for grant in GRANTS:
        for section in shown(full, grant, plans[plan], plans):
            if isinstance(section, LockedSection):
                action = section.upgrade.action.value if section.upgrade else "nothing"
                offered.setdefault(told(section), set()).add(action)

    assert offered.pop("preview") == {"nothing"}
    assert offered == {
        reason: {cell} for (row, reason), cell in table.items() if row == plan and cell != "-"
    }


@pytest.mark.parametrize("plan", ["guest", "a registered reader's of three sections"])
def test_nobody_is_sent_to_subscribe_for_what_subscribers_do_not_read(
    plan: str, plans: Mapping[str, Plan]
) -> None:
    without = {"open_sections": frozenset(SectionKind) - {SectionKind.HISTORY}}
    fewer = {
        name: found.model_copy(update=without) if name in ("registered", "subscriber") else found
        for name, found in plans.items()
    }
    full = page(CodeSystemKey.DEMO, title="Title", is_filled=True)

    *_, history = shown(full, "granted", fewer[plan], fewer)

    assert isinstance(history, LockedSection)
    assert (told(history), history.upgrade) == ("subscribe", None)


def test_a_text_that_the_operator_was_licensed_to_load_is_read(plans: Mapping[str, Plan]) -> None:
    loaded: dict[str, Any] = {
        "texts": (PageText(kind=SectionKind.OFFICIAL_DESCRIPTION, markdown="Full.", copyright="©"),)
    }
    licensed = page(CodeSystemKey.CPT, title=None, is_filled=False).model_copy(update=loaded)

    official, *_ = shown(licensed, "granted", plans["guest"], plans)

    assert isinstance(official, OpenSection)
    assert (official.content.text, official.copyright) == ("Full.", "©")  # type: ignore[union-attr]
