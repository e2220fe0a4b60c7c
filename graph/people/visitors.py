"""Who is asking: the bearer of a key or a session, else a guest.

| Authorization             | session cookie | viewer                                           |
|---------------------------|----------------|--------------------------------------------------|
| Bearer csk_live_…, good   | not read       | the account of the key                           |
| Bearer css_…, good        | not read       | the account of the session                       |
| anything else             | not read       | nobody: 401                                      |
| absent                    | good           | the account of the session                       |
| absent                    | over, forged   | a guest, and the cookie is taken away            |
| absent                    | absent         | a guest                                          |

A header is what programs send on purpose, so a wrong one is told; a cookie is what browsers carry
along, and its end is how sessions end.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import unquote_to_bytes

from starlette.exceptions import HTTPException
from starlette.requests import Request

from db.accounts import account_by_id, account_by_session
from db.pool import Database
from graph.cookies import Cookie
from graph.identity import Guests, Visit
from graph.people.plans import in_force
from graph.people.tokens import is_token, token_digest
from metering.shards import shard_of
from schema.accounts import KEY_PREFIX, Account, ApiKey, Session
from schema.people import Viewer
from schema.usage import ClientClass

KeyHolder = Callable[[str], Awaitable[tuple[Account, ApiKey] | None]]
"""Whose key that text is, and notes that it was used; None for any text that is no good key."""


async def no_keys(_text: str) -> tuple[Account, ApiKey] | None:
    """A site without keys."""
    return None


@dataclass(frozen=True)
class Visitors:
    """Identifies everybody."""

    guests: Guests
    database: Database
    cookie: Cookie
    now: Callable[[], datetime]
    """The clock, UTC."""
    key_holder: KeyHolder = no_keys

    async def __call__(self, request: Request) -> Visit:
        """The visit of this request; raises HTTPException 400 for a key in the address, 401 for
        an Authorization that proves nothing, and StoreUnavailable."""
        _refuse_key_in_address(request)
        guest = await self.guests(request)
        authorization = request.headers.get("authorization")
        if authorization is not None:
            return await self._bearer(guest, authorization)
        token = request.cookies.get(self.cookie.name)
        if token is None:
            return guest
        found = await self._session(token)
        if found is None:
            guest.headers.append(self.cookie.cleared())
            return guest
        return await self._known(guest, *found)

    async def _bearer(self, guest: Visit, authorization: str) -> Visit:
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() == "bearer" and text.startswith(KEY_PREFIX):
            held = await self.key_holder(text)
            if held is not None:
                account, key = held
                known = await self._known(guest, account)
                return replace(known, key=key, client=ClientClass.PARTNER, guest=None)
        elif scheme.lower() == "bearer":
            found = await self._session(text)
            if found is not None:
                return await self._known(guest, *found)
        raise HTTPException(
            401,
            "The Authorization header proves nobody: the token is unknown, revoked or over.",
            headers={"WWW-Authenticate": "Bearer"},
        )

    async def _session(self, token: str) -> tuple[Account, Session] | None:
        if not is_token(token):
            return None
        return await account_by_session(self.database, token_digest(token), self.now())

    async def _known(self, guest: Visit, account: Account, session: Session | None = None) -> Visit:
        account = await self._in_force(account)
        return replace(
            guest,
            viewer=self.viewer_of(account),
            account=account,
            session=session,
            mint=None,
            reassign=self._reassigned,
        )

    def viewer_of(self, account: Account) -> Viewer:
        """The viewer that an account is."""
        return account.viewer(shard_of(account.id))

    async def _reassigned(self, viewer: Viewer) -> Viewer:
        account = await account_by_id(self.database, viewer.id)
        return viewer if account is None else self.viewer_of(await self._in_force(account))

    async def _in_force(self, account: Account) -> Account:
        return await in_force(self.database, account, self.now())


def _refuse_key_in_address(request: Request) -> None:
    """Addresses are written into logs and histories everywhere, so a key in one is lost."""
    if KEY_PREFIX.encode() in unquote_to_bytes(request.scope["query_string"]):
        raise HTTPException(
            400, "A key must never be part of an address: revoke it, and send another in a header."
        )
