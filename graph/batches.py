"""How many items a question may have."""

from graph.context import Info
from graph.limits import LIMITS
from graph.masking import ErrorCode, coded
from schema.people import ViewerKind

MOST = "at most {} for guests, {} for registered readers and subscribers, {} for partners.".format(
    *(
        LIMITS[kind].list_items
        for kind in (ViewerKind.GUEST, ViewerKind.REGISTERED, ViewerKind.PARTNER)
    )
)
"""The same in words, for descriptions."""


def bound(info: Info, name: str, count: int) -> None:
    """Refuse an argument with more items than this viewer may ask about at once."""
    most = info.context.limits.list_items
    if count > most:
        message = f"{name} has {count} items; at most {most} are answered at once."
        raise coded(ErrorCode.BAD_USER_INPUT, message)
