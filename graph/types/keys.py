"""Partners' keys as GraphQL types: everything but their secrets."""

from datetime import datetime

import strawberry

from graph import ids
from graph.people.keys import prefix_of
from schema import accounts as shapes
from schema.accounts import ApiScope

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
