"""No path through the schema yields what a section locks: every field is asked, none is listed.

A field that is added later is asked by being in the schema.
"""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from db.pages import pages_by_ref
from graph import ids
from graph.api import api
from schema.codes import CodeSystemKey
from schema.pages import Page, SectionKind

LOCKED_CODE = "DM-4120"
TIMES_ON_A_PATH = 2
"""How often one type may stand on a path: a code in a code is asked, a code in that is not."""


class Asking:
    """Builds the selection of every field there is, arguments filled with `LOCKED_CODE`."""

    def __init__(self) -> None:
        self.schema = api()._schema

    def operation(self, name: str) -> str:
        """An operation that asks one root field for everything."""
        field = self.schema.query_type.fields[name]  # type: ignore[union-attr]
        named = get_named_type(field.type)
        return f"{{ {name}{self._arguments(field.args)} {self._selection(named, ())} }}"

    def _selection(self, named: GraphQLNamedType, above: tuple[str, ...]) -> str:
        if is_leaf_type(named):
            return ""
        members = self._members(named)
        parts = [f"... on {m.name} {{ {self._fields(m, above)} }}" for m in members]
        return f"{{ __typename {' '.join(parts)} }}"

    def _members(self, named: GraphQLNamedType) -> list[GraphQLObjectType]:
        if isinstance(named, GraphQLUnionType | GraphQLInterfaceType):
            return list(self.schema.get_possible_types(named))
        assert isinstance(named, GraphQLObjectType)
        return [named]

    def _fields(self, owner: GraphQLObjectType, above: tuple[str, ...]) -> str:
        path = (*above, owner.name)
        asked = []
        for name, field in owner.fields.items():
            named = get_named_type(field.type)
            inner = [] if is_leaf_type(named) else self._members(named)
            if any(path.count(member.name) >= TIMES_ON_A_PATH for member in inner):
                continue
            # Fields of one name and different types cannot meet in one selection.
            alias = f"{owner.name}_{name}"
            arguments = self._arguments(field.args)
            asked.append(f"{alias}: {name}{arguments} {self._selection(named, path)}")
        return "__typename " + " ".join(asked)

    def _arguments(self, arguments: dict[str, GraphQLArgument]) -> str:
        given = [f"{n}: {_value(a.type)}" for n, a in arguments.items() if is_required_argument(a)]
        return f"({', '.join(given)})" if given else ""


def _value(wanted: Any) -> str:
    if isinstance(wanted, GraphQLNonNull):
        return _value(wanted.of_type)
    if isinstance(wanted, GraphQLList):
        return f"[{_value(wanted.of_type)}]"
    if isinstance(wanted, GraphQLInputObjectType):
        if wanted.name == "CodeRef":
            return f"{{key: {_value_of_key()}}}"
        if wanted.name == "AccountRef":
            return '{email: "reader@codes.example"}'
        assert wanted.name == "CodeKeyInput", f"say how to fill {wanted.name}"
        return _value_of_key()
    assert wanted.name == "ID", f"say how to fill {wanted.name}"
    return json.dumps(ids.encode("code", f"DEMO:{LOCKED_CODE}"))


def _value_of_key() -> str:
    return f'{{system: DEMO, value: "{LOCKED_CODE}"}}'


def canaries(page: Page, kinds: frozenset[SectionKind]) -> Iterator[str]:
    """Texts that only the sections of those kinds may yield."""
    yield from (text.markdown for text in page.texts if text.kind in kinds)
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


def as_json(text: str) -> str:
    """The text as it stands inside a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


ALL = frozenset(SectionKind)
OPEN_TO_GUESTS = frozenset({SectionKind.OFFICIAL_DESCRIPTION, SectionKind.COMMON_LANGUAGE})


@pytest.fixture
async def page(catalogue: Any) -> Page:
    """The page whose texts are looked for, every section filled."""
    (found,) = await pages_by_ref(
        catalogue, [(CodeSystemKey.DEMO, LOCKED_CODE)], date(2026, 11, 23)
    )
    assert isinstance(found, Page)
    return found


def roots() -> list[str]:
    """Every root field of the schema."""
    return list(api()._schema.query_type.fields)  # type: ignore[union-attr]


@pytest.mark.parametrize("root", roots())
async def test_guest_whose_allowance_is_spent_reads_no_locked_text(
    root: str, page: Page, ask_as: Any
) -> None:
    guest = ask_as("GUEST")
    await guest('{codePage(ref: {key: {system: ICD10CM, value: "I10"}}) {__typename}}')

    answer = json.dumps(await guest(Asking().operation(root)), ensure_ascii=False)

    # The official title is a free fact of the code; every other text is locked.
    hidden = [text for text in canaries(page, ALL) if text != page.code.title]
    assert len(hidden) > 20
    assert [text for text in hidden if as_json(text) in answer] == []


async def test_guest_reads_only_the_two_open_sections_of_a_granted_page(
    page: Page, ask_as: Any
) -> None:
    guest = ask_as("GUEST")

    answer = json.dumps(await guest(Asking().operation("codePage")), ensure_ascii=False)

    hidden = list(canaries(page, ALL - OPEN_TO_GUESTS))
    assert [text for text in hidden if as_json(text) in answer] == []
    shown = [as_json(text) for text in canaries(page, OPEN_TO_GUESTS)]
    assert len(shown) == 2
    assert [text for text in shown if text not in answer] == []


async def test_registered_reader_of_a_granted_page_reads_everything(
    page: Page, ask_as: Any
) -> None:
    """Shows that the texts looked for above are really what the fields yield."""
    reader = ask_as("REGISTERED")

    answer = json.dumps(await reader(Asking().operation("codePage")), ensure_ascii=False)

    wanted = [as_json(text) for text in canaries(page, ALL)]
    assert [text for text in wanted if text not in answer] == []
