"""Viewers: who is asking."""

from enum import StrEnum

from schema.shape import Shape


class ViewerKind(StrEnum):
    """The kinds of viewer, from the least known to the most trusted."""

    GUEST = "GUEST"
    """Not registered."""
    REGISTERED = "REGISTERED"
    """Has an account."""
    SUBSCRIBER = "SUBSCRIBER"
    """Has an account with a paid plan."""
    PARTNER = "PARTNER"
    """An application with a contract."""
    STAFF = "STAFF"
    """Works for the site."""


class Assignment(Shape):
    """Which plan a viewer is on; the number fences off decisions made under an older one."""

    plan_key: str
    plan_version: int
    number: int
    """Counts up by one with every change of this viewer's plan, from 0."""


class Network(Shape):
    """The pseudonym of the network a guest was first seen in; the address itself is never kept."""

    digest: str
    """Keyed hash of the IPv4 address or IPv6 /64, 22 characters; its key lives one period."""
    period: int
    """Number of the admission period in which the digest was made."""


class Viewer(Shape):
    """Somebody whose page views are counted."""

    id: str
    """A pseudonym we made: `g` and 22 URL-safe characters for a guest, `u` and 22 for a user."""
    kind: ViewerKind
    shard: int
    """The shard, 0 to 63, that holds this viewer's ledger; fixed when the viewer was made."""
    assignment: Assignment
    network: Network | None
    """Where the guest counts against an admission budget; None when exempt or not a guest."""
