"""A code page and the answers to asking for one."""

from datetime import datetime
from typing import Annotated

import strawberry

from graph.types.codes import Code
from graph.types.problems import (
    CodeCandidates,
    Forbidden,
    InvalidInput,
    NotFound,
    Problem,
    RateLimited,
    ServiceUnavailable,
)
from graph.types.sections import LockedSection, PageSection
from graph.types.upgrade import UpgradeOffer
from graph.types.viewer import Allowance, LimitKind
from schema.pages import SectionKind


@strawberry.type
class PageView:
    """What the meter recorded of this view."""

    was_charged: bool
    """Whether it took one of the viewer's page views."""
    event_id: strawberry.ID | None
    """The event in the usage ledger; null for a preview, which is not recorded, and for repeats and
    refusals that come so fast that they are counted and recorded together."""
    recorded_at: datetime | None
    """When the ledger recorded it, UTC; null for a preview."""
    allowance: Allowance
    """What the viewer has left after it."""


@strawberry.type
class CodePage:
    """Everything we say about one code, as far as this viewer may read it."""

    code: Code
    """The code itself."""
    locked_section_count: int
    """Sections closed to this viewer."""
    view: PageView
    """What the meter recorded."""
    banner: str | None
    """The sentence to show above the page; null for viewers without a limit."""
    parts: strawberry.Private[list[PageSection]]

    @strawberry.field
    def sections(
        self,
        kinds: Annotated[
            list[SectionKind] | None,
            strawberry.argument(description="Only these sections; null for the whole page."),
        ] = None,
    ) -> list[PageSection]:
        """The sections in the order of the page."""
        return [part for part in self.parts if kinds is None or part.kind in kinds]


@strawberry.type
class ViewLimitReached(Problem):
    """The page stays closed: an allowance is spent. Nothing was charged."""

    limit_kind: LimitKind
    """Whose allowance."""
    allowance: Allowance
    """What the viewer has left."""
    upgrade: UpgradeOffer | None
    """What would open the page."""
    page: CodePage
    """The page with every section locked."""


CodePageResult = Annotated[
    CodePage
    | ViewLimitReached
    | CodeCandidates
    | NotFound
    | InvalidInput
    | RateLimited
    | Forbidden
    | ServiceUnavailable,
    strawberry.union("CodePageResult", description="The page, or why it is not shown."),
]


def locked_count(parts: list[PageSection]) -> int:
    """How many of the sections are closed."""
    return sum(isinstance(part, LockedSection) for part in parts)
