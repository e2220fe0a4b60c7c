"""Partners' keys as GraphQL types: everything but their secrets."""

from datetime import datetime, timedelta

import strawberry

from graph import ids
from graph.access import lacks
from graph.context import Info
from graph.deprecation import deprecations
from graph.lookup import unavailable
from graph.people.keys import prefix_of
from graph.types.key_usage import (
    USUAL_DAYS,
    ApiKeyUsage,
    ApiKeyUsageResult,
    DeprecatedFieldUseList,
    DeprecatedFieldUseResult,
    From,
    To,
    days_of,
    deprecated_use,
)
from graph.types.problems import InvalidInput
from graph.wanted import DeprecatedAsked, KeyDaysAsked
from metering.shards import shard_of
from schema import accounts as shapes
from schema.accounts import ApiScope
from schema.errors import StoreUnavailable

_ID = "apikey"


@strawberry.type
class ApiKey:
    """A key with which a partner's application asks. Its secret was shown once, when it was made;
    nobody can read it again."""

    id: strawberry.ID
    """Names it, to rotate or revoke it."""
    prefix: str
    """The part of the key before its secret; by it a key is known again."""
    name: str
    """What the partner calls it."""
    scopes: list[ApiScope]
    """What it may be used for, in the order of the scopes."""
    created_at: datetime
    """When it was made, UTC."""
    expires_at: datetime | None
    """From when it is refused, UTC; null for never."""
    last_used_at: datetime | None
    """When it was last used, UTC, to a minute; null for never."""
    revoked_at: datetime | None
    """When it was taken back, UTC; null for one that was not."""
    replaces: strawberry.ID | None
    """The key that it took the place of; null for a first one."""
    shape: strawberry.Private[shapes.ApiKey]

    @strawberry.field
    async def usage(self, info: Info, since: From = None, to: To = None) -> ApiKeyUsageResult:
        """What the key viewed day by day, for 92 days at most. A key needs the scope USAGE_READ."""
        context = info.context
        if refused := lacks(context, ApiScope.USAGE_READ):
            return refused
        span = days_of(since, to, context.today.date)
        if isinstance(span, InvalidInput):
            return span
        try:
            # How far first: what is archived meanwhile may then be counted and not said to be.
            archived = await context.loaders.archived_until.load(shard_of(self.shape.account_id))
            days = await context.loaders.key_days.load(KeyDaysAsked(self.shape.id, *span))
        except StoreUnavailable as away:
            return unavailable(away)
        return ApiKeyUsage.of(*span, days, archived)

    @strawberry.field
    async def deprecated_field_use(self, info: Info) -> DeprecatedFieldUseResult:
        """What the key asked for in the last 30 days that will go away. A key needs the scope
        USAGE_READ."""
        context = info.context
        if refused := lacks(context, ApiScope.USAGE_READ):
            return refused
        since = context.today.date - timedelta(days=USUAL_DAYS - 1)
        try:
            asked = DeprecatedAsked(self.shape.id, since)
            found = await context.loaders.deprecated_uses.load(asked)
        except StoreUnavailable as away:
            return unavailable(away)
        reasons = deprecations(info.schema._schema)
        items = [deprecated_use(use, reasons.get(use.field)) for use in found]
        return DeprecatedFieldUseList(since=since, items=items)

    @classmethod
    def of(cls, key: shapes.ApiKey) -> "ApiKey":
        """The published form of a key, for its owner."""
        return cls(
            id=ids.encode(_ID, key.id),
            prefix=prefix_of(key.id),
            name=key.name,
            scopes=[scope for scope in ApiScope if scope in key.scopes],
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
            revoked_at=key.revoked_at,
            replaces=None if key.replaces is None else ids.encode(_ID, key.replaces),
            shape=key,
        )


def key_id_of(text: str) -> str | None:
    """The key's own id in a published one; None for any other text."""
    match ids.decode(text):
        case ("apikey", key_id):
            return key_id
    return None
