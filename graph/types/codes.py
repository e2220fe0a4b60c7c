"""Code systems, releases and codes as GraphQL types: free facts only."""

from datetime import date, datetime
from typing import Annotated, Self, cast

import strawberry

from graph import ids
from graph.context import Info
from graph.day import Day
from graph.licenses import is_withheld, text_of
from graph.types.holdings import MissingRelease
from graph.types.relay import (
    FIRST_DEFAULT,
    After,
    Connection,
    First,
    Node,
    page_size,
    position_after,
)
from graph.wanted import ChildrenAsked, CodeOnDate
from schema import codes as shapes
from schema.codes import CodeKind, CodeStatus, CodeSystemKey

_HERE = strawberry.lazy("graph.types.codes")

for published in (CodeSystemKey, CodeKind, CodeStatus):
    strawberry.enum(published)


@strawberry.type
class LicenseNotice:
    """What the licence of a code system's texts asks for."""

    text: str
    """The notice to show beside the texts."""
    full_descriptors_allowed: bool
    """Whether official texts of the system may be shown to everybody; else readers see them whose
    plan a licence covers."""


@strawberry.type
class CodeSystemRelease(Node):
    """One published edition of a code system, as loaded."""

    label: str
    """The publisher's name of the edition, for example `FY2026-APR`."""
    effective_from: date | None
    """First day in force."""
    effective_to: date | None
    """Last day in force; null until a successor is loaded or the system closed."""
    publisher: str
    """Who publishes the edition."""
    source: str
    """The package or file it was read from."""
    sha256: str
    """SHA-256 of the bytes it was read from, hexadecimal."""
    loaded_at: datetime
    """When it was loaded here, UTC."""
    code_count: int
    """Codes of every kind in the edition, chapters and headers included."""
    notes_of: str | None
    """The edition whose notes stand in it: its own, or an older one where its files have no notes;
    null where no notes are loaded."""

    @classmethod
    def of(cls, release: shapes.Release) -> Self:
        """The published form of a release."""
        return cls(
            id=ids.encode("release", f"{release.system}:{release.label}"),
            label=release.label,
            effective_from=release.effective_from,
            effective_to=release.effective_to,
            publisher=release.publisher,
            source=release.source,
            sha256=release.sha256,
            loaded_at=release.loaded_at,
            code_count=release.code_count,
            notes_of=release.notes_of,
        )


@strawberry.type
class CodeSystem(Node):
    """A code system and what of it is loaded here."""

    key: CodeSystemKey
    """The system's key, the same word everywhere."""
    name: str
    """The system's full name."""
    publisher: str
    """Who maintains the system."""
    uri: str | None
    """The identifier of the system in HL7 terminology; null where HL7 has none."""
    license: LicenseNotice | None
    """The licence notice; null for works of the US government and for our own."""
    closed_on: date | None
    """Last day the system itself was in force; null while it is maintained."""
    is_stale: bool
    """Whether the newest loaded edition should have been superseded by today."""
    stale_reason: str | None
    """Which edition is missing and since when; null when nothing is."""
    missing_release: MissingRelease | None
    """The edition that should be in force today and is not loaded, also where none is loaded at
    all; null where none is known to be."""
    source_page: str | None
    """The page of its publisher that offers its editions; null where there is none."""
    shape: strawberry.Private[shapes.CodeSystem]

    @strawberry.field
    def releases(
        self, first: First = FIRST_DEFAULT, after: After = None
    ) -> Connection[CodeSystemRelease]:
        """The loaded editions, newest first; empty when none is loaded."""
        releases = [CodeSystemRelease.of(release) for release in self.shape.releases]
        return Connection.part(releases, first, after)

    @classmethod
    def of(cls, system: shapes.CodeSystem) -> Self:
        """The published form of a system."""
        newest = system.releases[0] if system.releases else None
        return cls(
            id=ids.encode("system", system.key),
            key=system.key,
            name=system.name,
            publisher=system.publisher,
            uri=system.uri,
            license=None
            if system.license_notice is None
            else LicenseNotice(
                text=system.license_notice,
                full_descriptors_allowed=system.full_descriptors_allowed,
            ),
            closed_on=system.closed_on,
            is_stale=newest is not None and newest.stale_reason is not None,
            stale_reason=newest.stale_reason if newest else None,
            missing_release=MissingRelease.of(system.missing),
            source_page=system.origin.page if system.origin else None,
            shape=system,
        )


@strawberry.type
class Code(Node):
    """The free facts of one code on one date; everything else is in the sections of its page.
    Asked as of a named date it has another id than as of today."""

    value: str
    """Stored form: upper case, no dots, no blanks."""
    display_value: str
    """Printed form, with the system's dot."""
    kind: CodeKind
    """What the code is in its system's tree."""
    status: CodeStatus
    """Where the code stands on the date asked about."""
    is_billable: bool | None
    """Whether the code may be submitted on a claim; null when no release describes it."""
    why_not_billable: str | None
    """The reason, when it may not."""
    effective_from: date | None
    """First day of the first loaded release that says so; the code itself may be older."""
    effective_to: date | None
    """Last day it was in force; null while open."""
    release: CodeSystemRelease | None
    """The release that describes the code on the date asked about."""
    is_stale: bool
    """Whether a newer release of the system should be in force on the date asked about."""
    stale_reason: str | None
    """Which release that is and since when; null when the description is current."""
    shape: strawberry.Private[shapes.Code]
    on: strawberry.Private[Day]

    @strawberry.field
    def title(self, info: Info) -> str | None:
        """Official title; null when no loaded release describes the code, and when it is licensed
        and no licence covers the viewer's plan."""
        return _licensed(info, self.shape, "title") or self.shape.title

    @strawberry.field
    def short_title(self, info: Info) -> str | None:
        """Official short title, where the release has one; null as the title is."""
        return _licensed(info, self.shape, "short_title") or self.shape.short_title

    @strawberry.field
    def title_copyright(self, info: Info) -> str | None:
        """The notice to show beside the titles; null unless a licence asks for one."""
        return _licensed(info, self.shape, "copyright")

    @strawberry.field
    async def system(self, info: Info) -> CodeSystem:
        """The system the code belongs to; a code is never identified by its value alone."""
        systems = await info.context.loaders.systems.load(info.context.today)
        return CodeSystem.of(next(found for found in systems if found.key == self.shape.key.system))

    @strawberry.field
    async def parent(self, info: Info) -> Annotated["Code", _HERE] | None:
        """The code right above; null at the top of the system and for codes only a map names."""
        ancestors = await self._ancestors(info)
        return Code.of(ancestors[-1], self.on) if ancestors else None

    @strawberry.field
    async def breadcrumb(self, info: Info) -> list[Annotated["Code", _HERE]]:
        """The codes above, from the chapter down to the parent."""
        return [Code.of(ancestor, self.on) for ancestor in await self._ancestors(info)]

    @strawberry.field
    async def children(
        self, info: Info, first: First = FIRST_DEFAULT, after: After = None
    ) -> Connection[Annotated["Code", _HERE]]:
        """The codes right below, in the order of the official list."""
        asked = ChildrenAsked(self.shape.id, page_size(first), position_after(after), self.on)
        found = await info.context.loaders.children.load(asked)
        return Connection.of(
            [
                (position, Code.of(child, self.on))
                for position, child in zip(found.seqs, found.codes, strict=True)
            ],
            after=after,
            has_more=found.has_next_page,
            total=found.total_count,
        )

    async def _ancestors(self, info: Info) -> tuple[shapes.Code, ...]:
        return await info.context.loaders.ancestors.load(CodeOnDate(self.shape.id, self.on))

    @classmethod
    def of(cls, code: shapes.Code, on: Day) -> Self:
        """The published form of a code as of `on`."""
        release = code.release
        return cls(
            id=ids.encode_code(code.key, on),
            value=code.key.value,
            display_value=code.display,
            kind=code.kind,
            status=code.status,
            is_billable=code.is_billable,
            why_not_billable=code.why_not_billable,
            effective_from=code.effective_from,
            effective_to=code.effective_to,
            release=CodeSystemRelease.of(release) if release else None,
            is_stale=release is not None and release.stale_reason is not None,
            stale_reason=release.stale_reason if release else None,
            shape=code,
            on=on,
        )


def _licensed(info: Info, code: shapes.Code, name: str) -> str | None:
    """A part of the text of a code that is withheld; None at once for any other, so that a list of
    codes whose titles are free waits for nothing."""
    if not is_withheld(code):
        return None

    async def told() -> str | None:
        text = await text_of(info.context, code)
        return getattr(text, name) if text else None

    return cast("str | None", told())  # GraphQL awaits what a resolver gives
