"""The keys that a viewer may know of, newest first."""

import re
from datetime import UTC, datetime, timedelta

from db.keys import keys_of
from graph import ids
from graph.context import Context
from graph.masking import ErrorCode, coded
from graph.types.keys import ApiKey
from graph.types.relay import Connection, page_size
from schema import accounts as shapes
from schema.accounts import ApiScope
from schema.people import ViewerKind

_PLACE = "keyplace"
_PLACE_TEXT = re.compile(r"([1-9]\d{0,16}):([0-9A-Za-z]{12})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


async def keys_known_to(
    context: Context, first: int, after: str | None
) -> Connection[ApiKey] | None:
    """A part of the account's keys; None for whoever is no partner.

    A key that may not read usage knows of itself alone: who finds one learns nothing of the others.
    """
    size, place = page_size(first), None if after is None else _place(after)
    visit = context.visit
    if visit.account is None or visit.account.kind is not ViewerKind.PARTNER:
        return None
    is_alone = visit.key is not None and ApiScope.USAGE_READ not in visit.key.scopes
    only = visit.key.id if visit.key and is_alone else None
    part = await keys_of(context.services.database, visit.account.id, size, place, only)
    return Connection.placed(
        [(_cursor(key), ApiKey.of(key)) for key in part.keys],
        after=after,
        has_more=part.has_more,
        total=part.total,
    )


def _cursor(key: shapes.ApiKey) -> str:
    return ids.encode(_PLACE, f"{(key.created_at - _EPOCH) // _MICROSECOND}:{key.id}")


def _place(cursor: str) -> tuple[datetime, str]:
    """When the key at a cursor was made, and its id; raises BAD_USER_INPUT on one not ours."""
    match ids.decode(cursor):
        case ("keyplace", text) if found := _PLACE_TEXT.fullmatch(text):
            try:
                return _EPOCH + int(found[1]) * _MICROSECOND, found[2]
            except OverflowError:
                pass
    raise coded(ErrorCode.BAD_USER_INPUT, "after is not a cursor of this list.")
