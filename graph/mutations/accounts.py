"""Registering, logging in, and what people do with their accounts."""

from typing import Annotated

import strawberry

from graph.access import person_of
from graph.context import Info
from graph.lookup import unavailable
from graph.types.problems import Forbidden, ServiceUnavailable, Unauthenticated
from graph.viewer import Viewer
from schema.accounts import Account
from schema.errors import StoreUnavailable


@strawberry.type
class LogOutSuccess:
    """The session has ended."""

    viewer: Viewer
    """Who is asking now: nobody, who becomes a new guest at the next page."""


LogOutResult = Annotated[
    LogOutSuccess | Unauthenticated | Forbidden | ServiceUnavailable,
    strawberry.union("LogOutResult", description="That the session ended, or why not."),
]


@strawberry.type
class AccountMutations:
    """What people do with their accounts."""

    @strawberry.mutation
    async def log_out(self, info: Info) -> LogOutResult:
        """End this session, here and on the server."""
        context = info.context
        person = person_of(context)
        if not isinstance(person, Account):
            return person
        try:
            await context.services.accounts.log_out(context.visit)
        except StoreUnavailable as away:
            return unavailable(away)
        return LogOutSuccess(viewer=Viewer.of(context))
