"""What coders ask of a list of codes: groupings, excludes notes, seventh characters."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Annotated, TypeVar

import strawberry

from db.drgs import drg_candidates
from db.excludes import FINDINGS_A_CODE, excludes_between
from db.groupings import groupings_by_code, members_of
from db.hccs import hccs_of
from db.seventh import seventh_characters
from graph.access import may_not_ask_catalogue
from graph.batches import MOST, bound
from graph.context import Info
from graph.day import Day
from graph.lookup import AsOf, CodeKeyInput, CodeRef, asked_of, day_of, missing, unavailable
from graph.types.codes import Code
from graph.types.drgs import DrgCandidates
from graph.types.excludes import CheckedCode, ExcludesCheck, ExcludesFinding
from graph.types.groupings import CodeGroupings, GroupingsOfCodes, GroupMembers
from graph.types.hccs import HccList
from graph.types.problems import (
    CodeCandidates,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    ServiceUnavailable,
)
from graph.types.seventh import SeventhCharacters
from schema.codes import VALUE_MAX_LENGTH, CodeKey, CodeMissing, CodeSystemKey, normalize
from schema.errors import StoreUnavailable
from schema.groupings import GroupingKind
from schema.hccs import HccModel

GroupingsResult = Annotated[
    GroupingsOfCodes | Forbidden | InvalidInput | RateLimited | ServiceUnavailable,
    strawberry.union("GroupingsResult", description="The groupings, or why there are none."),
]
GroupMembersResult = Annotated[
    GroupMembers | Forbidden | InvalidInput | RateLimited | ServiceUnavailable,
    strawberry.union("GroupMembersResult", description="The members, or why there are none."),
]
HccsResult = Annotated[
    HccList | Forbidden | InvalidInput | RateLimited | ServiceUnavailable,
    strawberry.union("HccsResult", description="The categories, or why there are none."),
]
DrgCandidatesResult = Annotated[
    DrgCandidates | Forbidden | InvalidInput | RateLimited | ServiceUnavailable,
    strawberry.union("DrgCandidatesResult", description="The candidates, or why there are none."),
]
ExcludesResult = Annotated[
    ExcludesCheck | Forbidden | InvalidInput | RateLimited | ServiceUnavailable,
    strawberry.union("ExcludesResult", description="What was found, or why nothing was read."),
]
SeventhCharactersResult = Annotated[
    SeventhCharacters
    | CodeCandidates
    | NotFound
    | Forbidden
    | InvalidInput
    | RateLimited
    | ServiceUnavailable,
    strawberry.union(
        "SeventhCharactersResult", description="The characters, or why there are none."
    ),
]
Diagnoses = Annotated[
    list[str], strawberry.argument(description=f"ICD-10-CM diagnoses of one record, {MOST}")
]


@strawberry.type
class GroupingQueries:
    """What coders ask of a list of codes."""

    @strawberry.field
    async def groupings(
        self,
        info: Info,
        codes: Annotated[
            list[CodeKeyInput], strawberry.argument(description=f"The codes to group, {MOST}")
        ],
        kinds: Annotated[
            list[GroupingKind] | None,
            strawberry.argument(description="Which groupings; null for all of a code's system."),
        ] = None,
        as_of: AsOf = None,
    ) -> GroupingsResult:
        """The groups that loaded editions put a batch of codes under, and what they weigh. For
        partners, subscribers and staff; other readers find the groupings of one code in the
        sections of its page. A key needs the scope CROSSWALKS_READ."""
        if kinds is not None and not kinds:
            message = "kinds names no grouping; leave it out for all."
            return InvalidInput.at(["kinds"], "EMPTY", message)
        keys = [_key(code.system, code.value) for code in codes]

        async def read(on: Day) -> GroupingsOfCodes:
            database = info.context.services.database
            found = await groupings_by_code(database, keys, kinds, on.date)
            pairs = zip(codes, found, strict=True)
            items = [CodeGroupings.of(item, on, code.value) for code, item in pairs]
            return GroupingsOfCodes(items=items)

        return await _answered(info, {"codes": codes}, as_of, read)

    @strawberry.field
    async def group_members(
        self,
        info: Info,
        group: Annotated[CodeKeyInput, strawberry.argument(description="The group.")],
        kind: Annotated[GroupingKind, strawberry.argument(description="Which grouping.")],
        as_of: AsOf = None,
    ) -> GroupMembersResult:
        """The codes that one grouping puts under a group: the diagnoses of a risk adjustment
        category, the procedures of an MS-DRG. For partners, subscribers and staff; a key needs the
        scope CROSSWALKS_READ."""
        key = _key(group.system, group.value)

        async def read(on: Day) -> GroupMembers:
            # No members yet: the answer's own field says how many are wanted.
            found = await members_of(info.context.services.database, key, kind, on.date, first=0)
            return GroupMembers.of(found, key, kind, on, group.value)

        return await _answered(info, {}, as_of, read)

    @strawberry.field
    async def hccs(
        self,
        info: Info,
        diagnoses: Diagnoses,
        model: Annotated[HccModel, strawberry.argument(description="Which model.")] = HccModel.V28,
        as_of: AsOf = None,
    ) -> HccsResult:
        """The risk adjustment categories that diagnoses of one patient lead to, and which of them
        do not count because one above them is there as well. For partners, subscribers and staff;
        a key needs the scope CROSSWALKS_READ."""

        async def read(on: Day) -> HccList:
            database = info.context.services.database
            return HccList.of(await hccs_of(database, _dx(diagnoses), model, on.date), on)

        return await _answered(info, {"diagnoses": diagnoses}, as_of, read)

    @strawberry.field
    async def drg_candidates(
        self,
        info: Info,
        principal_diagnosis: Annotated[
            str, strawberry.argument(description="The ICD-10-CM principal diagnosis.")
        ],
        secondary_diagnoses: Diagnoses = [],  # noqa: B006
        procedures: Annotated[
            list[str], strawberry.argument(description=f"ICD-10-PCS procedures, {MOST}")
        ] = [],  # noqa: B006
        as_of: AsOf = None,
    ) -> DrgCandidatesResult:
        """The groups of MS-DRGs that name the principal diagnosis or the procedures of a stay in
        its diagnostic category, and what each secondary diagnosis weighs beside it. A list of
        candidates, no grouper. For partners, subscribers and staff; a key needs the scope
        CROSSWALKS_READ."""

        async def read(on: Day) -> DrgCandidates:
            (principal,) = _dx([principal_diagnosis])
            done = [_key(CodeSystemKey.ICD10PCS, text) for text in procedures]
            database, beside = info.context.services.database, _dx(secondary_diagnoses)
            found = await drg_candidates(database, principal, beside, done, on.date)
            return DrgCandidates.of(found, on)

        lists = {"secondaryDiagnoses": secondary_diagnoses, "procedures": procedures}
        return await _answered(info, lists, as_of, read)

    @strawberry.field
    async def excludes_conflicts(
        self,
        info: Info,
        codes: Annotated[
            list[CodeKeyInput], strawberry.argument(description=f"Codes of one record, {MOST}")
        ],
        as_of: AsOf = None,
    ) -> ExcludesResult:
        """The excludes notes between the codes of one record: those that forbid a pair and those
        that allow it, at the codes themselves or above them, in both directions. For partners,
        subscribers and staff; a key needs the scope CROSSWALKS_READ."""
        keys = [_key(code.system, code.value) for code in codes]

        async def read(on: Day) -> ExcludesCheck | InvalidInput:
            found = await excludes_between(info.context.services.database, keys, on.date)
            if found is None:
                message = f"There are more than {FINDINGS_A_CODE} notes a code: ask for fewer."
                return InvalidInput.at(["codes"], "TOO_WIDE", message)
            pairs = zip(codes, found.codes, strict=True)
            return ExcludesCheck(
                codes=[CheckedCode.of(item, on, code.value) for code, item in pairs],
                findings=[ExcludesFinding.of(finding, on) for finding in found.findings],
            )

        return await _answered(info, {"codes": codes}, as_of, read)

    @strawberry.field
    async def seventh_characters(
        self,
        info: Info,
        ref: Annotated[CodeRef, strawberry.argument(description="Which code.")],
        as_of: AsOf = None,
    ) -> SeventhCharactersResult:
        """The characters that a code takes in the seventh place, with the codes that they make. For
        partners, subscribers and staff; other readers find the characters in the guidelines of the
        code's page. A key needs the scope CROSSWALKS_READ."""
        context = info.context
        if refused := await may_not_ask_catalogue(context):
            return refused
        asked = asked_of(ref, as_of, context.today, ["ref"])
        if isinstance(asked, InvalidInput):
            return asked
        database, on = context.services.database, asked.on
        try:
            found = await seventh_characters(database, (asked.system, asked.text), on.date)
        except StoreUnavailable as away:
            return unavailable(away)
        if isinstance(found, CodeMissing):
            return missing(found, ["ref"])
        if isinstance(found, tuple):
            return CodeCandidates(candidates=[Code.of(code, on) for code in found])
        return SeventhCharacters.of(found, on)


Answer = TypeVar("Answer")


async def _answered(
    info: Info,
    lists: Mapping[str, Sequence[object]],
    as_of: date | None,
    read: Callable[[Day], Awaitable[Answer]],
) -> Answer | Forbidden | InvalidInput | ServiceUnavailable:
    """The answer that `read` gives as of a day, to whoever may ask with lists of that size."""
    context = info.context
    if refused := await may_not_ask_catalogue(context):
        return refused
    for name, items in lists.items():
        bound(info, name, len(items))
    on = day_of(as_of, context.today)
    if isinstance(on, InvalidInput):
        return on
    try:
        return await read(on)
    except StoreUnavailable as away:
        return unavailable(away)


def _key(system: CodeSystemKey, text: str) -> CodeKey:
    """The code that a text names; what is no code is looked up as it is, and no system has it."""
    shown = "".join(character for character in text if character.isprintable())
    return CodeKey(system, normalize(text) or shown[: 2 * VALUE_MAX_LENGTH] or "?")


def _dx(texts: Sequence[str]) -> list[CodeKey]:
    return [_key(CodeSystemKey.ICD10CM, text) for text in texts]
