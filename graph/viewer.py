"""The viewer: who is asking, and what they have and left behind."""

from typing import Annotated

import strawberry

from graph import offers
from graph.context import Context, Info
from graph.keys import keys_known_to
from graph.opening import allowance_of
from graph.types.keys import ApiKey
from graph.types.people import User
from graph.types.relay import FIRST_DEFAULT, After, Connection, First
from graph.types.viewer import Allowance, Meter
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
        """The viewer's account; null for guests."""
        account = info.context.visit.account
        return None if account is None else User.of(account)

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
    async def api_keys(
        self, info: Info, first: First = FIRST_DEFAULT, after: After = None
    ) -> Connection[ApiKey] | None:
        """The partner's keys, newest first, revoked and expired ones included; null for whoever is
        no partner. A key without the scope USAGE_READ finds itself and no other. Null, with an
        error, while the accounts do not answer."""
        return await keys_known_to(info.context, first, after)
