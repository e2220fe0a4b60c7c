"""Who works for the site, as its commands say: the first member of the staff comes from here."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from db.staff import Reset, dismiss_staff, make_staff
from graph.desk import Desk
from graph.people.addresses import Address, read_address
from graph.people.plans import PlanChanges
from graph.people.tokens import token_digest
from schema.errors import OptionRefused

RESET_PREFIX = "cpr_"
"""The token of a link that sets a password begins with it."""
LINK_LIFE = timedelta(hours=24)
_REASON = "By the command codestile staff."


@dataclass(frozen=True, slots=True)
class Hired:
    """A member of the staff, and the way to a password."""

    account_id: str
    was_staff: bool
    link: str
    expires_at: datetime
    """When the link ends, UTC."""


async def hire(desk: Desk, email: str, site: str) -> Hired:
    """Make the account of an address one of the staff; `site` is where its pages are.

    Raises OptionRefused for what is no address, and StoreUnavailable.
    """
    address = _address(email)
    token = RESET_PREFIX + secrets.token_urlsafe(32)
    expires_at = datetime.now(UTC) + LINK_LIFE
    made = await make_staff(
        desk.database,
        f"u{secrets.token_urlsafe(16)}",
        address.email,
        address.key,
        _REASON,
        Reset(token_digest(token), expires_at),
    )
    await _tell(desk, made.account_id, made.number)
    # Behind a # it is sent to no server, so it is in no log.
    link = f"{site}/reset-password#token={token}"
    return Hired(made.account_id, made.number is None, link, expires_at)


async def dismiss(desk: Desk, email: str) -> str | None:
    """Make a member of the staff a reader like others: its viewer id; None when it is none.

    Raises as `hire`.
    """
    left = await dismiss_staff(desk.database, _address(email).key, _REASON)
    if left is None:
        return None
    await _tell(desk, left.account_id, left.number)
    return left.account_id


async def _tell(desk: Desk, account_id: str, number: int | None) -> None:
    """Tell the ledger, unless it knows; a server's next round does when it is away."""
    if number:
        changes = PlanChanges(desk.database, desk.meter, desk.plans, lambda: datetime.now(UTC))
        await changes.tell(account_id, number)


def _address(email: str) -> Address:
    address = read_address(email)
    if address is None:
        raise OptionRefused(f"{email!r} is no e-mail address")
    return address
