"""What coders ask about edits and fees: pairs of codes, units, add-on codes, what is paid."""

import re
from collections.abc import Sequence
from datetime import date
from itertools import combinations
from typing import Annotated

import strawberry

from db import edits as edit_reads
from db import fees as fee_reads
from graph.access import may_not_ask_catalogue
from graph.context import Info
from graph.day import Day
from graph.lookup import CodeKeyInput, day_of, unavailable
from graph.types.edits import (
    AddOnCheck,
    AddOnChecks,
    PairCheck,
    PairChecks,
    UnitCheck,
    UnitChecks,
)
from graph.types.facts import FactRelease
from graph.types.fees import FeeAnswers, FeeLocalities, ServiceFees
from graph.types.problems import Forbidden, InvalidInput, ServiceUnavailable
from schema.codes import CodeKey, CodeSystemKey, normalize
from schema.edits import EditSetting, UnitSetting
from schema.errors import StoreUnavailable
from schema.fees import FeeSetting, FeeWanted, LocalityWanted

MOST_OF_PAIRS = 25
"""Most codes of one list of pairs: 300 pairs. A claim of a practitioner has 50 lines at most, and
most have fewer than ten."""
MOST_LOCALITIES = 10
"""Most localities of one question about fees."""

PairEditsResult = Annotated[
    PairChecks | Forbidden | InvalidInput | ServiceUnavailable,
    strawberry.union("PairEditsResult", description="The answers, or why there are none."),
]
UnitLimitsResult = Annotated[
    UnitChecks | Forbidden | InvalidInput | ServiceUnavailable,
    strawberry.union("UnitLimitsResult", description="The answers, or why there are none."),
]
AddOnsResult = Annotated[
    AddOnChecks | Forbidden | InvalidInput | ServiceUnavailable,
    strawberry.union("AddOnsResult", description="The answers, or why there are none."),
]
FeesResult = Annotated[
    FeeAnswers | Forbidden | InvalidInput | ServiceUnavailable,
    strawberry.union("FeesResult", description="The fees, or why there are none."),
]
FeeLocalitiesResult = Annotated[
    FeeLocalities | Forbidden | InvalidInput | ServiceUnavailable,
    strawberry.union("FeeLocalitiesResult", description="The localities, or why there are none."),
]


@strawberry.input
class ServiceInput:
    """A service: a procedure code, with a modifier where its values depend on one."""

    system: CodeSystemKey
    """The system of the code."""
    value: str
    """The code as printed or as stored: dots, blanks and case do not matter."""
    modifier: str | None = None
    """26 the professional part, TC the technical one, 53 discontinued; null for the code alone."""


@strawberry.input
class LocalityInput:
    """A locality of the fee schedule, as CMS numbers it."""

    mac: str
    """The Medicare administrative contractor, five digits."""
    number: str
    """The contractor's locality, two digits."""


Codes = Annotated[
    list[CodeKeyInput],
    strawberry.argument(description="The codes, as many as `codes` of the root takes."),
]
PairCodes = Annotated[
    list[CodeKeyInput],
    strawberry.argument(
        description=f"The codes, at most {MOST_OF_PAIRS}; one that comes again counts once."
    ),
]
ServiceDate = Annotated[
    date | None,
    strawberry.argument(description="The day of the service; null for today, UTC."),
]
PairSetting = Annotated[
    EditSetting, strawberry.argument(description="Whose claims the rules are for.")
]
LimitSetting = Annotated[
    UnitSetting, strawberry.argument(description="Whose claims the limits are for.")
]
PlaceSetting = Annotated[FeeSetting, strawberry.argument(description="Where the service is given.")]
Services = Annotated[
    list[ServiceInput],
    strawberry.argument(description="The services, as many as `codes` of the root takes."),
]
Localities = Annotated[
    list[LocalityInput] | None,
    strawberry.argument(
        description=f"Where, at most {MOST_LOCALITIES}; null for the nation's average."
    ),
]
State = Annotated[str | None, strawberry.argument(description="Two letters; null for every state.")]


@strawberry.type
class EditQueries:
    """What coders ask about edits and fees. For partners, subscribers and staff; a key needs the
    scope CROSSWALKS_READ."""

    @strawberry.field
    async def pair_edits(
        self,
        info: Info,
        codes: PairCodes,
        setting: PairSetting = EditSetting.PRACTITIONER,
        date_of_service: ServiceDate = None,
    ) -> PairEditsResult:
        """Whether any two of a list of procedure codes are ruled out together on a day, by the NCCI
        procedure-to-procedure edits (CMS, NCCI Policy Manual, chapter I). For partners, subscribers
        and staff; the rules of one code stand in the sections of its page. A key needs the scope
        CROSSWALKS_READ."""
        on = await _allowed(info, date_of_service, codes=(len(codes), MOST_OF_PAIRS))
        if not isinstance(on, Day):
            return on
        asked = _different(codes)
        try:
            found = await edit_reads.pair_checks(
                info.context.services.database, list(asked), setting, on.date
            )
        except StoreUnavailable as away:
            return unavailable(away)
        pairs = combinations(asked.values(), 2)
        return PairChecks(
            all_pairs=[
                PairCheck.of(check, first, second, on)
                for check, (first, second) in zip(found, pairs, strict=True)
            ]
        )

    @strawberry.field
    async def unit_limits(
        self,
        info: Info,
        codes: Codes,
        setting: LimitSetting = UnitSetting.PRACTITIONER,
        date_of_service: ServiceDate = None,
    ) -> UnitLimitsResult:
        """The most units of each procedure code that are paid for one patient on one day, by the
        NCCI medically unlikely edits. For partners, subscribers and staff; the limits of one code
        stand in the sections of its page. A key needs the scope CROSSWALKS_READ."""
        on = await _allowed(info, date_of_service, codes=(len(codes), None))
        if not isinstance(on, Day):
            return on
        keys = [_key(code.system, code.value) for code in codes]
        try:
            found = await edit_reads.unit_checks(
                info.context.services.database, keys, setting, on.date
            )
        except StoreUnavailable as away:
            return unavailable(away)
        return UnitChecks(
            items=[
                UnitCheck.of(check, code.value, on)
                for check, code in zip(found, codes, strict=True)
            ]
        )

    @strawberry.field
    async def add_ons(
        self, info: Info, codes: Codes, date_of_service: ServiceDate = None
    ) -> AddOnsResult:
        """Beside which codes each procedure code must stand, and which may stand beside it, by the
        NCCI add-on code edits. For partners, subscribers and staff; the rules of one code stand in
        the sections of its page. A key needs the scope CROSSWALKS_READ."""
        on = await _allowed(info, date_of_service, codes=(len(codes), None))
        if not isinstance(on, Day):
            return on
        keys = [_key(code.system, code.value) for code in codes]
        try:
            found = await edit_reads.add_on_checks(info.context.services.database, keys, on.date)
        except StoreUnavailable as away:
            return unavailable(away)
        return AddOnChecks(
            items=[
                AddOnCheck.of(check, code.value, on)
                for check, code in zip(found, codes, strict=True)
            ]
        )

    @strawberry.field
    async def fees(
        self,
        info: Info,
        services: Services,
        localities: Localities = None,
        setting: PlaceSetting = FeeSetting.NON_FACILITY,
        date_of_service: ServiceDate = None,
    ) -> FeesResult:
        """What Medicare's physician fee schedule pays for each service, with the formula, or why it
        names no fee. For partners, subscribers and staff; the nation's fees of one code stand in
        the sections of its page. A key needs the scope CROSSWALKS_READ."""
        places = localities or ()
        on = await _allowed(
            info,
            date_of_service,
            services=(len(services), None),
            localities=(len(places), MOST_LOCALITIES),
        )
        if not isinstance(on, Day):
            return on
        wanted = [FeeWanted(_key(s.system, s.value), _modifier(s.modifier)) for s in services]
        at = None if localities is None else [_locality(place) for place in places]
        try:
            found = await fee_reads.service_fees(
                info.context.services.database, wanted, at, setting, on.date
            )
        except StoreUnavailable as away:
            return unavailable(away)
        return FeeAnswers(
            items=[
                ServiceFees.of(fees, service.value, service.modifier, on)
                for fees, service in zip(found, services, strict=True)
            ]
        )

    @strawberry.field
    async def fee_localities(
        self, info: Info, state: State = None, date_of_service: ServiceDate = None
    ) -> FeeLocalitiesResult:
        """Where the physician fee schedule pays fees of its own. For partners, subscribers and
        staff. A key needs the scope CROSSWALKS_READ."""
        on = await _allowed(info, date_of_service)
        if not isinstance(on, Day):
            return on
        wanted = _known(state.strip().upper(), r"[A-Z]{2}") if state else None
        try:
            release, found = await fee_reads.fee_localities(
                info.context.services.database, wanted, on.date
            )
        except StoreUnavailable as away:
            return unavailable(away)
        told = FactRelease.of(release) if release else None
        return FeeLocalities(release=told, items=list(found))


async def _allowed(
    info: Info, day: date | None, **lists: tuple[int, int | None]
) -> Day | Forbidden | InvalidInput:
    """The day to answer as of, or why this viewer is not answered. `lists` gives the length of each
    list by its argument, and its own limit where it has one."""
    context = info.context
    if refused := await may_not_ask_catalogue(context):
        return refused
    for name, (count, own) in lists.items():
        most = min(own or context.limits.list_items, context.limits.list_items)
        if count > most:
            message = f"{name} has {count} items; at most {most} are answered at once."
            return InvalidInput.at([name], "TOO_MANY", message)
    return day_of(day, context.today, "dateOfService")


def _key(system: CodeSystemKey, value: str) -> CodeKey:
    """The key of a code; a text that is none is looked up as one that no system has."""
    return CodeKey(system, normalize(value) or "?")


def _different(codes: Sequence[CodeKeyInput]) -> dict[CodeKey, str]:
    """The codes without repetition, each with the text that asked for it first."""
    asked: dict[CodeKey, str] = {}
    for code in codes:
        asked.setdefault(_key(code.system, code.value), code.value)
    return asked


def _modifier(text: str | None) -> str | None:
    return _known(text.strip().upper(), r"[0-9A-Z]{2}") if text and text.strip() else None


def _locality(place: LocalityInput) -> LocalityWanted:
    return LocalityWanted(
        _known(place.mac.strip(), r"\d{5}"), _known(place.number.strip(), r"\d{2}")
    )


def _known(text: str, form: str) -> str:
    """A text of a form; one of another is looked up as what nothing has, and its answer says so."""
    return text if re.fullmatch(form, text, re.ASCII) else "?"
