"""What partners ask of several maps at once."""

from typing import Annotated

import strawberry

from db.crosswalk_paths import MOST_STEPS, routes
from graph.access import may_not_ask_catalogue
from graph.batches import MOST, bound
from graph.context import Info
from graph.day import Day
from graph.lookup import AsOf, CodeKeyInput, day_of, unavailable
from graph.rows_shown import rows_shown
from graph.types.codes import Code
from graph.types.crosswalk_paths import CrosswalkRoute, CrosswalkRoutes
from graph.types.problems import Forbidden, InvalidInput, RateLimited, ServiceUnavailable
from schema.codes import CodeKey, CodeSystemKey, normalize
from schema.errors import StoreUnavailable

MOST_SYSTEMS = 3
"""Systems that a way may go through, the last one among them."""

CrosswalkPathsResult = Annotated[
    CrosswalkRoutes | Forbidden | InvalidInput | RateLimited | ServiceUnavailable,
    strawberry.union("CrosswalkPathsResult", description="The ways, or why there are none."),
]


@strawberry.type
class CrosswalkQueries:
    """Questions that several maps answer together."""

    @strawberry.field
    async def crosswalk_paths(
        self,
        info: Info,
        sources: Annotated[
            list[CodeKeyInput], strawberry.argument(description=f"The codes to start from, {MOST}")
        ],
        via: Annotated[
            list[CodeSystemKey],
            strawberry.argument(
                description="The systems to go to, one after the other; the last is where the ways "
                f"lead. At most {MOST_SYSTEMS}, each once."
            ),
        ],
        as_of: AsOf = None,
    ) -> CrosswalkPathsResult:
        """The ways from codes of one system to another that no single map joins, through the maps
        between: each with its steps, so that it can be audited. For partners, subscribers and
        staff; a key needs the scope CROSSWALKS_READ."""
        context = info.context
        if refused := await may_not_ask_catalogue(context):
            return refused
        bound(info, "sources", len(sources))
        on = day_of(as_of, context.today)
        if isinstance(on, InvalidInput):
            return on
        if wrong := _no_way(sources, via):
            return wrong
        return await _routes(info, sources, tuple(via), on)


def _no_way(sources: list[CodeKeyInput], via: list[CodeSystemKey]) -> InvalidInput | None:
    """Why those systems are no way; None when they are one."""
    if not 1 <= len(via) <= MOST_SYSTEMS:
        message = f"via names {len(via)} systems; a way goes through 1 to {MOST_SYSTEMS}."
        return InvalidInput.at(["via"], "LENGTH", message)
    if len({*via}) < len(via) or any(source.system in via for source in sources):
        message = "A way goes to each system once, and never back to where it started."
        return InvalidInput.at(["via"], "TWICE", message)
    return None


async def _routes(
    info: Info, sources: list[CodeKeyInput], via: tuple[CodeSystemKey, ...], on: Day
) -> CrosswalkPathsResult:
    # A text that is no code is looked up as one that no system has: its answer says unknown.
    keys = [CodeKey(source.system, normalize(source.value) or "?") for source in sources]
    try:
        database = info.context.services.database
        found = await routes(database, keys, via, on.date, first=rows_shown(info))
    except StoreUnavailable as away:
        return unavailable(away)
    if found is None:
        message = f"The codes lead more than {MOST_STEPS:,} steps: ask for fewer at once."
        return InvalidInput.at(["sources"], "TOO_WIDE", message)
    return CrosswalkRoutes(
        items=[
            CrosswalkRoute(
                requested=source.value,
                source=Code.of(route.source, on) if route.source else None,
                status=route.status,
                reason=route.reason,
                shape=route,
                key=key,
                via=via,
                on=on,
            )
            for source, key, route in zip(sources, keys, found, strict=True)
        ]
    )
