"""The root of every question."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated

import strawberry

from db import crosswalks as crosswalk_reads
from graph import nodes
from graph.access import lacks, may_not_ask_catalogue
from graph.batches import MOST, bound
from graph.context import Info
from graph.crosswalk_query import CrosswalkQueries
from graph.day import Day
from graph.edits_query import EditQueries
from graph.grouping_query import GroupingQueries
from graph.lookup import (
    NO_CODE,
    AsOf,
    CodeKeyInput,
    CodeLookupItem,
    CodeLookupResult,
    CodeRef,
    answer,
    asked_of,
    day_of,
    text_of,
    unavailable,
)
from graph.opening import open_page
from graph.release_query import ReleaseQueries
from graph.rows_shown import rows_shown
from graph.staff_query import StaffQueries
from graph.text_query import TextQueries
from graph.types.codes import CodeSystem
from graph.types.crosswalks import Translation, Translations
from graph.types.pages import CodePageResult
from graph.types.problems import (
    Forbidden,
    InvalidInput,
    RateLimited,
    ServiceUnavailable,
)
from graph.types.rate_limit import RateLimit
from graph.types.relay import Node
from graph.viewer import Viewer
from schema.accounts import ApiScope
from schema.codes import CodeKey, CodeSystemKey, normalize
from schema.crosswalks import TranslationDirection
from schema.errors import StoreUnavailable

CrosswalksResult = Annotated[
    Translations | Forbidden | InvalidInput | RateLimited | ServiceUnavailable,
    strawberry.union("CrosswalksResult", description="The translations, or why there are none."),
]


@strawberry.type
class Query(
    CrosswalkQueries, GroupingQueries, EditQueries, ReleaseQueries, StaffQueries, TextQueries
):
    """Everything that can be asked. Only `codePage` charges; nothing else ever does."""

    @strawberry.field
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> Node | None:
        """Anything with an id; null when the id stands for nothing."""
        return (await nodes.nodes_by_id(info.context, [id]))[0]

    @strawberry.field
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description=f"Their ids, {MOST}")],
    ) -> list[Node | None] | None:
        """Several things by their ids, in the order of the ids; null for an id of nothing.
        Null as a whole, with an error, while the catalogue does not answer."""
        bound(info, "ids", len(ids))
        return await nodes.nodes_by_id(info.context, ids)

    @strawberry.field
    async def viewer(self, info: Info) -> Viewer:
        """Who is asking. Asking makes nobody a guest and charges nothing."""
        return Viewer.of(info.context)

    @strawberry.field
    def rate_limit(
        self,
        info: Info,
        dry_run: Annotated[  # noqa: ARG002  # graph/http.py leaves out the rest of the operation
            bool,
            strawberry.argument(
                description="Tell only what the operation would cost: nothing is taken, and "
                "nothing else of it is answered."
            ),
        ] = False,
    ) -> RateLimit:
        """What this operation costs, and the points that are left. Asking costs what the rest of
        the operation does."""
        return RateLimit.of(info.context.paid, info.context.now)

    @strawberry.field
    async def code_systems(self, info: Info) -> list[CodeSystem] | None:
        """Every code system, with the releases loaded here and whether they are stale today;
        null, with an error, while the catalogue does not answer."""
        systems = await info.context.loaders.systems.load(info.context.today)
        return [CodeSystem.of(system) for system in systems]

    @strawberry.field
    async def code(
        self,
        info: Info,
        ref: Annotated[CodeRef, strawberry.argument(description="Which code.")],
        as_of: AsOf = None,
    ) -> CodeLookupResult:
        """The free facts of one code. Charges nothing."""
        (item,) = await _look_up(info, {("ref",): ref}, as_of)
        return item

    @strawberry.field
    async def codes(
        self,
        info: Info,
        refs: Annotated[list[CodeRef], strawberry.argument(description=f"Which codes, {MOST}")],
        as_of: AsOf = None,
    ) -> list[CodeLookupItem]:
        """The free facts of several codes, one answer for each, in the order asked."""
        bound(info, "refs", len(refs))
        found = await _look_up(info, {("refs", str(n)): ref for n, ref in enumerate(refs)}, as_of)
        return [
            CodeLookupItem(requested=text_of(ref), result=result)
            for ref, result in zip(refs, found, strict=True)
        ]

    @strawberry.field
    async def crosswalks(
        self,
        info: Info,
        sources: Annotated[
            list[CodeKeyInput], strawberry.argument(description=f"The codes to translate, {MOST}")
        ],
        to: Annotated[
            list[CodeSystemKey] | None,
            strawberry.argument(description="Systems to translate to; null for every map."),
        ] = None,
        direction: Annotated[
            TranslationDirection,
            strawberry.argument(description="Which way the maps are read."),
        ] = TranslationDirection.FORWARD,
        as_of: AsOf = None,
    ) -> CrosswalksResult:
        """What the loaded maps say about a batch of codes. For partners, subscribers and staff;
        other readers find the crosswalks of one code in the sections of its page. A key needs the
        scope CROSSWALKS_READ."""
        context = info.context
        if refused := await may_not_ask_catalogue(context):
            return refused
        bound(info, "sources", len(sources))
        on = day_of(as_of, context.today)
        if isinstance(on, InvalidInput):
            return on
        if to is not None and not to:
            return InvalidInput.at(
                ["to"], "EMPTY", "to names no system; leave it out for every map."
            )
        return await _translate(info, sources, to, direction, on)

    @strawberry.field
    async def code_page(
        self,
        info: Info,
        ref: Annotated[CodeRef, strawberry.argument(description="Which code.")],
        as_of: AsOf = None,
        preview: Annotated[
            bool,
            strawberry.argument(description="Show the page with every section locked, uncharged."),
        ] = False,
    ) -> CodePageResult:
        """The page of one code. Opening a page that this viewer has not opened in this window
        takes one page view; opening it again, retrying and reloading take none. A guest may select
        one page in one operation, a registered reader or subscriber 5, a partner 20. A key needs
        the scope PAGES_READ, also for a preview."""
        if refused := lacks(info.context, ApiScope.PAGES_READ):
            return refused
        asked = asked_of(ref, as_of, info.context.today, ["ref"])
        if isinstance(asked, InvalidInput):
            return asked
        path = ".".join(str(part) for part in info.path.as_list())
        return await open_page(info.context, asked, path, preview=preview)


async def _look_up(
    info: Info, refs: Mapping[tuple[str, ...], CodeRef], as_of: date | None
) -> list[CodeLookupResult]:
    """The answer to each reference, by the path that it was given at."""
    context = info.context
    asked = {at: asked_of(ref, as_of, context.today, list(at)) for at, ref in refs.items()}
    try:
        wanted = [item for item in asked.values() if not isinstance(item, InvalidInput)]
        found = iter(await context.loaders.codes.load_many(wanted))
    except StoreUnavailable as away:
        return [unavailable(away)] * len(refs)
    return [
        item if isinstance(item, InvalidInput) else answer(next(found), item.on, list(at))
        for at, item in asked.items()
    ]


def _no_code(source: CodeKeyInput) -> str | None:
    return None if normalize(source.value) else NO_CODE


async def _translate(
    info: Info,
    sources: list[CodeKeyInput],
    to: list[CodeSystemKey] | None,
    direction: TranslationDirection,
    on: Day,
) -> CrosswalksResult:
    # A text that is no code is looked up as one that no system has: its answer says unknown.
    keys = [CodeKey(source.system, normalize(source.value) or "?") for source in sources]
    database = info.context.services.database
    try:
        found = await crosswalk_reads.translations(
            database, keys, to, direction, on.date, first=rows_shown(info)
        )
    except StoreUnavailable as away:
        return unavailable(away)
    return Translations(
        items=[
            Translation.of(translation, direction, on, source.value, _no_code(source))
            for source, of_source in zip(sources, found, strict=True)
            for translation in of_source
        ]
    )
