"""Sessions: how long they last, how they begin, and what the browser or app is handed."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from db.sessions import NewSession
from graph.context import Context
from graph.people.plans import in_force
from graph.people.tokens import new_token, token_digest
from graph.viewer import SessionStarted, Viewer
from metering.shards import shard_of
from schema.accounts import Account
from schema.errors import StoreUnavailable
from schema.people import ViewerKind
from schema.usage import ClientClass

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Life:
    """How long a session lasts."""

    idle: timedelta
    """Unused."""
    whole: timedelta
    """At the latest."""


LIFE = Life(idle=timedelta(days=14), whole=timedelta(days=90))
STAFF_LIFE = Life(idle=timedelta(hours=1), whole=timedelta(hours=12))


def new_session(
    account_id: str, kind: ViewerKind, at: datetime, *, as_token: bool
) -> tuple[NewSession, str]:
    """A session that begins now, and its token, which is kept nowhere."""
    token, life = new_token(), STAFF_LIFE if kind is ViewerKind.STAFF else LIFE
    session = NewSession(
        id=secrets.token_urlsafe(12),
        digest=token_digest(token),
        account_id=account_id,
        client=ClientClass.APP if as_token else ClientClass.BROWSER,
        at=at,
        idle=life.idle,
        expires_at=at + life.whole,
    )
    return session, token


async def enter(
    context: Context, account: Account, session: NewSession, token: str
) -> SessionStarted:
    """From here on the account asks: its guests are taken over, as far as the ledger answers, and
    the token is handed out, in a cookie or, to an app, in the answer."""
    people, visit = context.services.people, context.visit
    account = await in_force(context.services.database, account, context.now)
    viewer = account.viewer(shard_of(account.id))
    try:
        await people.carry_over.finish(viewer)
    except StoreUnavailable as away:
        _log.warning("carry_over_waits", store=away.store, reason=str(away))
    visit.enter(viewer, account, session.session())
    is_app = session.client is ClientClass.APP
    if not is_app:
        seconds = int((session.expires_at - session.at).total_seconds())
        visit.headers += [people.cookie.holding(token, seconds), people.no_guest]
    return SessionStarted(
        viewer=Viewer.of(context),
        access_token=token if is_app else None,
        expires_at=session.expires_at,
    )
