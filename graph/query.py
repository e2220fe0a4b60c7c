"""The root of every question."""

from datetime import date
from typing import Annotated

import strawberry

from db import crosswalks as crosswalk_reads
from graph import nodes, offers
from graph.context import Info
from graph.limits import LIMITS
from graph.lookup import (
    AsOf,
    CodeKeyInput,
    CodeLookupItem,
    CodeLookupResult,
    CodeRef,
    answer,
    asked_of,
    text_of,
    unavailable,
)
from graph.opening import allowance_of, open_page
from graph.types.codes import CodeSystem
from graph.types.crosswalks import Translation, Translations
from graph.types.pages import CodePageResult
from graph.types.problems import (
    Forbidden,
    InvalidInput,
    ProblemCode,
    RateLimited,
    ServiceUnavailable,
)
from graph.types.relay import FIRST_MAX, Node, bad_input
from graph.types.viewer import Allowance, Meter
from schema.codes import CodeKey, CodeSystemKey, normalize
from schema.crosswalks import TranslationDirection
from schema.errors import StoreUnavailable
from schema.people import ViewerKind

CrosswalksResult = Annotated[
    Translations | Forbidden | InvalidInput | RateLimited | ServiceUnavailable,
    strawberry.union("CrosswalksResult", description="The translations, or why there are none."),
]


@strawberry.type
class Viewer:
    """Who is asking, and what they have left."""

    kind: ViewerKind
    """What kind of viewer."""

    @strawberry.field
    async def allowance(
        self,
        info: Info,
        meter: Annotated[
            Meter, strawberry.argument(description="What is counted.")
        ] = Meter.CODE_PAGE_VIEW,
    ) -> Allowance | None:
        """What this viewer has left; null, with an error, while the ledger does not answer."""
        del meter  # one meter so far
        context = info.context
        found = await allowance_of(context)
        return offers.allowance(found, context.viewer_kind, context.services.plans.newest)


@strawberry.type
class Query:
    """Everything that can be asked. Only `codePage` charges; nothing else ever does."""

    @strawberry.field
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> Node | None:
        """Anything with an id, as of today; null when the id stands for nothing."""
        return (await nodes.nodes_by_id(info.context, [id]))[0]

    @strawberry.field
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Their ids.")],
    ) -> list[Node | None]:
        """Several things by their ids, in the order of the ids; null for an id of nothing."""
        _bounded(info, "ids", len(ids))
        return await nodes.nodes_by_id(info.context, ids)

    @strawberry.field
    async def viewer(self, info: Info) -> Viewer:
        """Who is asking. Asking makes nobody a guest and charges nothing."""
        return Viewer(kind=info.context.viewer_kind)

    @strawberry.field
    async def code_systems(self, info: Info) -> list[CodeSystem]:
        """Every code system, with the releases loaded here and whether they are stale."""
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
        (item,) = await _look_up(info, [ref], as_of)
        return item

    @strawberry.field
    async def codes(
        self,
        info: Info,
        refs: Annotated[list[CodeRef], strawberry.argument(description="Which codes.")],
        as_of: AsOf = None,
    ) -> list[CodeLookupItem]:
        """The free facts of several codes, one answer for each, in the order asked."""
        _bounded(info, "refs", len(refs))
        found = await _look_up(info, refs, as_of)
        return [
            CodeLookupItem(requested=text_of(ref), result=result)
            for ref, result in zip(refs, found, strict=True)
        ]

    @strawberry.field
    async def crosswalks(
        self,
        info: Info,
        sources: Annotated[
            list[CodeKeyInput], strawberry.argument(description="The codes to translate.")
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
        other readers find the crosswalks of one code in the sections of its page."""
        context = info.context
        if not context.plan.can_list_crosswalks:
            return Forbidden(
                problem_code=ProblemCode.FORBIDDEN,
                message="Crosswalks in batches are for partners, subscribers and staff. "
                "The crosswalks of one code are a section of its page.",
                upgrade=offers.batch_offer(),
            )
        _bounded(info, "sources", len(sources))
        return await _translate(info, sources, to, direction, as_of or context.today)

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
        takes one page view; opening it again, retrying and reloading take none."""
        asked = asked_of(ref, as_of or info.context.today)
        if isinstance(asked, InvalidInput):
            return asked
        path = ".".join(str(part) for part in info.path.as_list())
        return await open_page(info.context, asked, path, preview=preview)


def _bounded(info: Info, name: str, count: int) -> None:
    most = LIMITS[info.context.viewer_kind].list_items
    if count > most:
        raise bad_input(f"{name} has {count} items; at most {most} are answered at once.")


async def _look_up(info: Info, refs: list[CodeRef], as_of: date | None) -> list[CodeLookupResult]:
    on = as_of or info.context.today
    asked = [asked_of(ref, on) for ref in refs]
    try:
        found = iter(
            await info.context.loaders.codes.load_many(
                [item for item in asked if not isinstance(item, InvalidInput)]
            )
        )
    except StoreUnavailable as away:
        return [unavailable(away)] * len(refs)
    return [item if isinstance(item, InvalidInput) else answer(next(found), on) for item in asked]


async def _translate(
    info: Info,
    sources: list[CodeKeyInput],
    to: list[CodeSystemKey] | None,
    direction: TranslationDirection,
    on: date,
) -> CrosswalksResult:
    # A text that is no code is looked up as one that no system has: its answer says unknown.
    keys = [CodeKey(source.system, normalize(source.value) or "?") for source in sources]
    try:
        found = await crosswalk_reads.translations(
            info.context.services.database, keys, to, direction, on, FIRST_MAX, 0
        )
    except StoreUnavailable as away:
        return unavailable(away)
    return Translations(
        items=[
            Translation.of(translation, direction, on, requested=source.value)
            for source, of_source in zip(sources, found, strict=True)
            for translation in of_source
        ]
    )
