"""Whom a text means: an account or a viewer, by id or by address."""

import re

from db.accounts import account_by_address, account_by_id
from db.pool import Database
from graph import ids
from graph.people.addresses import read_address
from schema.accounts import Account

_VIEWER = re.compile(r"[gu][A-Za-z0-9_-]{22}")


async def account_named(database: Database, text: str) -> Account | None:
    """The account of a user's id or of an e-mail address; None for any other text."""
    if (address := read_address(text)) is not None:
        return await account_by_address(database, address.key)
    match ids.decode(text):
        case ("user", account_id):
            return await account_by_id(database, account_id)
    return None


async def viewer_named(database: Database, text: str) -> str | None:
    """The pseudonym of a viewer that is named by it, or as an account is; None when no account
    is. A guest may be unknown all the same: only the ledger can tell."""
    if not _VIEWER.fullmatch(text):
        account = await account_named(database, text)
    elif text.startswith("g"):
        return text
    else:
        account = await account_by_id(database, text)
    return None if account is None else account.id
