"""The viewers of a shard for a fold of many events: changed in place, in the words of the wire.

Most viewers did nothing but view pages. Of any other, metering/fold.py says what an event does to
it; so it does of these, where an event is no plain view.
"""

from metering.fold import CHARGED, ShardState, ViewerState
from metering.live import viewer_fields
from metering.log import read_code, read_window


class Balance:
    """A viewer without grants, block, seal and rolling window; as ViewerState."""

    __slots__ = ("adopted", "assignment", "codes", "is_admitted", "used", "window")

    def __init__(self, window: str, used: int, codes: dict[str, str], assignment: int) -> None:
        """`window` is blank before the first; `codes` says of each how it came to be open."""
        self.window = window
        self.used = used
        self.codes = codes
        self.assignment = assignment
        self.is_admitted = False
        self.adopted: tuple[str, ...] = ()

    def fields(self) -> dict[str, str]:
        """As live.viewer_fields."""
        fields = dict(self.codes)
        if self.window:
            fields["window"] = self.window
        if self.used:
            fields["used"] = str(self.used)
        if self.assignment:
            fields["assignment"] = str(self.assignment)
        if self.is_admitted:
            fields["admitted"] = "1"
        if self.adopted:
            fields["adopted"] = " ".join(self.adopted)
        return fields

    def state(self) -> ViewerState:
        """The same for the rules."""
        return ViewerState(
            window=read_window(self.window) if self.window else None,
            used=self.used,
            codes={read_code(code): how for code, how in self.codes.items()},
            assignment=self.assignment,
            is_admitted=self.is_admitted,
            adopted=self.adopted,
        )


def balance_of(viewer: ViewerState) -> Balance | None:
    """The balance of a viewer; None when it is more than one can say."""
    if viewer.grants or viewer.is_blocked or viewer.moved_to or viewer.anchor_ms is not None:
        return None
    codes = {str(code): how for code, how in viewer.codes.items()}
    balance = Balance(str(viewer.window or ""), viewer.used, codes, viewer.assignment)
    balance.is_admitted, balance.adopted = viewer.is_admitted, viewer.adopted
    return balance


class Balances:
    """A shard being folded: a viewer is in `plain` or in `state`, all else is in `state`."""

    def __init__(self, shard: int) -> None:
        self.state = ShardState(shard)
        self.plain: dict[str, Balance] = {}
        """By viewer."""
        self.admitted_ms: dict[str, int] = {}
        """When each network last admitted a guest."""

    def take_out(self, viewer_id: str | None) -> None:
        """Put a viewer where metering/fold.py finds it."""
        balance = self.plain.pop(viewer_id or "", None)
        if viewer_id is not None and balance is not None:
            self.state.viewers[viewer_id] = balance.state()

    def put_back(self, viewer_id: str | None) -> None:
        """Have a viewer in `plain` again, if it can be."""
        viewer = self.state.viewers.get(viewer_id or "")
        balance = None if viewer is None else balance_of(viewer)
        if viewer_id is not None and balance is not None:
            del self.state.viewers[viewer_id]
            self.plain[viewer_id] = balance

    @property
    def viewers(self) -> set[str]:
        """Everybody of whom something is known."""
        return {*self.plain, *self.state.viewers}

    def fields(self, viewer_id: str) -> dict[str, str]:
        """The hash of a viewer; nothing for one who was not met."""
        balance = self.plain.get(viewer_id)
        return viewer_fields(self.state.viewer(viewer_id)) if balance is None else balance.fields()

    def assignment(self, viewer_id: str) -> int:
        """The highest assignment number seen of a viewer."""
        balance = self.plain.get(viewer_id)
        return (self.state.viewer(viewer_id) if balance is None else balance).assignment

    def charge(self, viewer_id: str, window: str, code: str, assignment: int) -> Balance:
        """Fold a view that charges a viewer who is not in `state`."""
        balance = self.plain.get(viewer_id)
        if balance is None:
            balance = self.plain[viewer_id] = Balance(window, 1, {code: CHARGED}, assignment)
            return balance
        if balance.window == window:
            balance.used += 1
            balance.codes[code] = CHARGED
        else:
            balance.window, balance.used, balance.codes = window, 1, {code: CHARGED}
        balance.assignment = max(balance.assignment, assignment)
        return balance

    def raise_assignment(self, viewer_id: str, assignment: int) -> None:
        """Fold a view of a viewer who is not in `state`, that shows a later assignment."""
        balance = self.plain.setdefault(viewer_id, Balance("", 0, {}, 0))
        balance.assignment = max(balance.assignment, assignment)

    def admit(self, network: str, at_ms: int) -> None:
        """Count one more guest of a network."""
        self.state.networks[network] = self.state.networks.get(network, 0) + 1
        self.admitted_ms[network] = at_ms
