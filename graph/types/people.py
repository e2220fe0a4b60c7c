"""Accounts and sessions as GraphQL types: only what their owner may know."""

from datetime import datetime
from enum import StrEnum

import strawberry

from graph import ids
from graph.types.relay import Node
from schema import accounts as shapes
from schema.usage import ClientClass


@strawberry.type
class User(Node):
    """The account of whoever asks."""

    email: str
    """Where letters go."""
    created_at: datetime
    """When the address was proven, UTC."""
    plan_key: str
    """The plan it is on."""
    plan_ends_at: datetime | None
    """When the free plan takes its place, UTC; null for never."""

    @classmethod
    def of(cls, account: shapes.Account) -> "User":
        """The published form of an account, for its owner."""
        return cls(
            id=ids.encode("user", account.id),
            email=account.email,
            created_at=account.created_at,
            plan_key=account.assignment.plan_key,
            plan_ends_at=account.plan_ends_at,
        )


@strawberry.enum
class SessionClient(StrEnum):
    """Where somebody is logged in."""

    BROWSER = "BROWSER"
    """In a browser, by a cookie."""
    APP = "APP"
    """In an application, by a token."""


@strawberry.type
class Session:
    """One place where the viewer is logged in."""

    id: strawberry.ID
    """Names it, to end it; says nothing of its token."""
    client: SessionClient
    """Where that is."""
    created_at: datetime
    """When the viewer logged in there, UTC."""
    last_seen_at: datetime
    """When it was last used, UTC, to five minutes."""
    expires_at: datetime
    """When it ends at the latest, UTC; it ends sooner when it is not used for a while."""
    is_current: bool
    """Whether it is the one that asks."""

    @classmethod
    def of(cls, session: shapes.Session, current: shapes.Session | None) -> "Session":
        """The published form of a session."""
        is_app = session.client is ClientClass.APP
        return cls(
            id=ids.encode("session", session.id),
            client=SessionClient.APP if is_app else SessionClient.BROWSER,
            created_at=session.created_at,
            last_seen_at=session.last_seen_at,
            expires_at=session.expires_at,
            is_current=current is not None and current.id == session.id,
        )


@strawberry.type
class VerificationSent:
    """A letter is on its way, if it is of any use: whether the address has an account is told to
    its mailbox alone."""

    sent_to: str
    """The address as it was understood."""
    expires_at: datetime
    """Until when what the letter holds is good, UTC."""
