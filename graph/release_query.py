"""What is asked about the releases of the catalogue: what is loaded, and what they changed."""

from datetime import date
from typing import Annotated

import strawberry

from db.changes import changes
from db.holdings import holdings
from graph.access import may_not_ask_catalogue
from graph.context import Context, Info
from graph.day import EARLIEST, LATEST, Day
from graph.lookup import AsOf, day_of, unavailable
from graph.masking import ErrorCode, coded
from graph.types.changes import CodeChanges, place_of
from graph.types.holdings import Holding
from graph.types.problems import (
    FieldProblem,
    Forbidden,
    InvalidInput,
    ProblemCode,
    RateLimited,
    ServiceUnavailable,
)
from graph.types.relay import FIRST_DEFAULT, After, First, page_size
from schema.codes import CodeSystemKey
from schema.errors import StoreUnavailable

ChangesResult = Annotated[
    CodeChanges | Forbidden | InvalidInput | RateLimited | ServiceUnavailable,
    strawberry.union("ChangesResult", description="What changed, or why it is not told."),
]


@strawberry.type
class ReleaseQueries:
    """What is asked about releases."""

    @strawberry.field
    async def holdings(self, info: Info, as_of: AsOf = None) -> list[Holding] | None:
        """Every code system, map and kind of facts: the newest edition loaded here, which one is
        missing, and where it is published. As of a named day, what had begun and what was missing
        by then; else editions that are loaded ahead of their day are told too. Null, with an
        error, while the catalogue does not answer."""
        on = day_of(as_of, info.context.today)
        if isinstance(on, InvalidInput):
            raise coded(ErrorCode.BAD_USER_INPUT, on.message)
        begun_by = on.date if on.is_named else None
        found = await holdings(info.context.services.database, on.date, begun_by)
        return [Holding.of(held) for held in found]

    @strawberry.field
    async def changes(
        self,
        info: Info,
        system: Annotated[CodeSystemKey, strawberry.argument(description="Of which system.")],
        since: Annotated[
            date,
            strawberry.argument(
                name="from", description="The day to compare with: what it says changed later."
            ),
        ],
        until: Annotated[
            date | None,
            strawberry.argument(
                name="to", description="The last day of the changes; null for today, UTC."
            ),
        ] = None,
        first: First = FIRST_DEFAULT,
        after: After = None,
    ) -> ChangesResult:
        """What the loaded releases of a system added, ended and revised after the day `from` until
        the day `to`. For partners, subscribers and staff; other readers find the history of one
        code in the sections of its page. A key needs the scope CROSSWALKS_READ."""
        if refused := await may_not_ask_catalogue(info.context):
            return refused
        span = _span(since, until, info.context.today)
        if isinstance(span, InvalidInput):
            return span
        return await _changes(info.context, system, *span, page_size(first), after)


def _span(since: date, until: date | None, today: Day) -> tuple[date, Day] | InvalidInput:
    """The two days, or what is wrong with them."""
    last = today if until is None else Day(until, is_named=True)
    faults = [
        FieldProblem(
            path=[name],
            message=f"{name} must be from {EARLIEST} to {LATEST}, not {on}.",
            rule="DATE_RANGE",
        )
        for name, on in (("from", since), ("to", last.date))
        if not EARLIEST <= on <= LATEST
    ]
    if faults:
        return InvalidInput.of(faults)
    if since > last.date:
        message = f"from, {since}, is after to, {last.date}."
        return InvalidInput.at(["from"], "DATE_ORDER", message)
    return since, last


async def _changes(
    context: Context,
    system: CodeSystemKey,
    since: date,
    until: Day,
    first: int,
    after: str | None,
) -> ChangesResult:
    place = None if after is None else place_of(after)
    if after is not None and place is None:
        raise coded(ErrorCode.BAD_USER_INPUT, "after is not a cursor of this list.")
    database = context.services.database
    try:
        found = await changes(database, system, since, until.date, first, place)
    except StoreUnavailable as away:
        return unavailable(away)
    if found is None:
        message = f"No release of {system.short_name} that had begun by {since} is loaded."
        return InvalidInput.at(["from"], "NOT_LOADED", message, ProblemCode.NOT_LOADED)
    return CodeChanges.of(found, until, after)
