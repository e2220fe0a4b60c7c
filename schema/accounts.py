"""Accounts: people and firms that the site knows by an address, and what they carry to prove it."""

from datetime import datetime
from enum import StrEnum

from schema.people import Assignment, Viewer, ViewerKind
from schema.shape import Shape
from schema.usage import ClientClass

SESSION_PREFIX = "css_"
"""A session's token begins with it, so that whoever finds one knows what was lost."""
KEY_PREFIX = "csk_live_"
"""A partner's key begins with it."""


class Account(Shape):
    """Somebody whose address is proven."""

    id: str
    """`u` and 22 URL-safe characters; also the viewer's id."""
    email: str
    """The address as it was written at registration."""
    created_at: datetime
    """When the address was proven, UTC."""
    kind: ViewerKind
    """What kind of viewer the plan makes of it."""
    assignment: Assignment
    """The plan it is on."""
    plan_ends_at: datetime | None
    """When the free plan takes its place, UTC; None for never."""

    def viewer(self, shard: int) -> Viewer:
        """The viewer whose ledger is in that shard."""
        return Viewer(
            id=self.id, kind=self.kind, shard=shard, assignment=self.assignment, network=None
        )


class Session(Shape):
    """One place where somebody is logged in."""

    id: str
    """16 URL-safe characters; says nothing of the token."""
    account_id: str
    client: ClientClass
    """BROWSER, which has a cookie, or APP, which has the token."""
    created_at: datetime
    """When they logged in, UTC."""
    last_seen_at: datetime
    """When it was last used, UTC, to five minutes."""
    expires_at: datetime
    """When it ends whatever happens, UTC; it ends sooner when it is not used for a while."""


class ApiScope(StrEnum):
    """What a key may be used for; what every reader may ask needs none."""

    PAGES_READ = "PAGES_READ"
    """Open code pages, which counts against the quota."""
    CROSSWALKS_READ = "CROSSWALKS_READ"
    """Translate codes in batches, and ask the other questions to the catalogue in batches."""
    USAGE_READ = "USAGE_READ"
    """Read how much was used, by this key and by the account's others."""


class ApiKey(Shape):
    """A partner's key as it is known to us: without its secret."""

    id: str
    """12 letters and digits: the public part of the key."""
    account_id: str
    name: str
    """What the partner calls it."""
    scopes: frozenset[ApiScope]
    created_at: datetime
    """UTC."""
    expires_at: datetime | None
    """From when it is refused, UTC; None for never."""
    last_used_at: datetime | None
    """When it was last used, UTC, to a minute; None for never."""
    revoked_at: datetime | None
    """When it was taken back, UTC; None while it is good."""
    replaces: str | None
    """The id of the key that it took the place of; None for a first one."""
