"""Instants as the ledger counts them: whole milliseconds since 1970, UTC."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def instant(at_ms: int) -> datetime:
    """Milliseconds as an aware datetime, exact."""
    return EPOCH + at_ms * _MILLISECOND


def milliseconds(at: datetime) -> int:
    """An aware datetime as milliseconds, rounded down."""
    return (at - EPOCH) // _MILLISECOND
