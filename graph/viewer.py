"""The viewer: who is asking, and what they have and left behind."""

from datetime import datetime
from typing import Annotated

import strawberry

from db.sessions import sessions_of
from graph import offers
from graph.access import lacks
from graph.context import Context, Info
from graph.keys import keys_known_to
from graph.masking import ErrorCode, coded
from graph.opening import allowance_of
from graph.recent import RecentView, recent_views
from graph.types.keys import ApiKey
from graph.types.people import Session, User
from graph.types.relay import FIRST_DEFAULT, After, Connection, First
from graph.types.viewer import Allowance, Meter
from schema.accounts import ApiScope
from schema.people import ViewerKind


@strawberry.type
class Viewer:
    """Who is asking, and what they have left."""

    kind: ViewerKind
    """What kind of viewer."""

    @classmethod
    def of(cls, context: Context) -> "Viewer":
        """Whoever asks, as things stand now: a log-in of the same operation is heeded."""
        return cls(kind=context.viewer_kind)

    @strawberry.field
    async def user(self, info: Info) -> User | None:
        """The viewer's account; null for guests, and for keys, which stand in programs of many
        people."""
        visit = info.context.visit
        return User.of(visit.account) if visit.account and visit.key is None else None

    @strawberry.field
    async def allowance(
        self,
        info: Info,
        meter: Annotated[
            Meter, strawberry.argument(description="What is counted.")
        ] = Meter.CODE_PAGE_VIEW,
    ) -> Allowance | None:
        """What this viewer has left when asked; a page opened by the same operation tells what is
        left after it. Null, with an error, while the ledger does not answer."""
        del meter  # one meter so far
        context = info.context
        found = await allowance_of(context)
        return offers.allowance(found, context.viewer_kind, context.services.plans.newest)

    @strawberry.field
    async def allowances(self, info: Info) -> list[Allowance] | None:
        """What this viewer has left of everything that is counted, one entry for each meter. Null,
        with an error, while the ledger does not answer."""
        context = info.context
        found = await allowance_of(context)
        return [offers.allowance(found, context.viewer_kind, context.services.plans.newest)]

    @strawberry.field
    async def recent_views(
        self, info: Info, first: First = FIRST_DEFAULT, after: After = None
    ) -> Connection[RecentView] | None:
        """What this viewer opened, newest first; a view is here some seconds after it was recorded.
        Null, with an error, for a key without the scope USAGE_READ, and while the archive does not
        answer."""
        if (refused := lacks(info.context, ApiScope.USAGE_READ)) is not None:
            raise coded(ErrorCode.FORBIDDEN, refused.message)
        return await recent_views(info.context, first, after)

    @strawberry.field
    async def sessions(self, info: Info) -> list[Session] | None:
        """Where this viewer is logged in, the last used first, at most 50; empty for guests. Null,
        with an error, for a key."""
        visit = info.context.visit
        if visit.key is not None:
            raise coded(ErrorCode.FORBIDDEN, "A key cannot read sessions: log in.")
        if visit.account is None:
            return []
        found = await sessions_of(
            info.context.services.database, visit.account.id, info.context.now
        )
        return [Session.of(session, visit.session) for session in found]

    @strawberry.field
    async def api_keys(
        self, info: Info, first: First = FIRST_DEFAULT, after: After = None
    ) -> Connection[ApiKey] | None:
        """The partner's keys, newest first, revoked and expired ones included; null for whoever is
        no partner. A key without the scope USAGE_READ finds itself and no other. Null, with an
        error, while the accounts do not answer."""
        return await keys_known_to(info.context, first, after)


@strawberry.type
class SessionStarted:
    """Somebody is logged in."""

    viewer: Viewer
    """Who is asking now."""
    access_token: str | None
    """The token to send as `Authorization: Bearer …`, shown this once; null for browsers, which
    got a cookie."""
    expires_at: datetime
    """When the session ends at the latest, UTC."""
