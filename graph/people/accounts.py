"""What people do with their accounts: the steps of each act, in order, on the real parts."""

from dataclasses import dataclass

from db.accounts import end_session
from db.pool import Database
from graph.identity import Visit
from graph.people.tokens import SessionCookie


@dataclass(frozen=True)
class Accounts:
    """The acts of people. All raise StoreUnavailable."""

    database: Database
    cookie: SessionCookie

    async def log_out(self, visit: Visit) -> None:
        """End the session of this visit, which is then nobody's."""
        if visit.account and visit.session:
            await end_session(self.database, visit.account.id, visit.session.id)
        visit.leave()
        visit.headers.append(self.cookie.cleared())
