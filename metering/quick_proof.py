"""The proof of plain views, fast: whether all is right with one, and what it does to its shard.

What is not right is only not proved here: metering/log_proof.py then asks the rules themselves,
and finds the words for it.
"""

from collections.abc import Mapping

from metering.balances import Balance, Balances
from metering.networks import KEPT_LENGTH
from metering.plain import PlainView
from metering.receipts import Receipts
from metering.terms import Terms


class QuickProof:
    """Proves and folds the plain views of one shard."""

    def __init__(self, balances: Balances, receipts: Receipts, terms: Mapping[str, Terms]) -> None:
        """`terms` by the plan's key and version, as events write them; more may come."""
        self._balances = balances
        self._receipts = receipts
        self._terms = terms

    def take(self, view: PlainView) -> bool:
        """Fold a view that the rules decide as it says, and whose receipt says so too.

        Of any other nothing is done, and the answer is False.
        """
        _, at_ms, _, epoch, (viewer, _, plan, assignment, *_) = view
        state, terms = self._balances.state, self._terms.get(plan)
        if terms is None or terms.is_rolling or epoch != state.epoch or viewer in state.viewers:
            return False
        if not terms.starts_ms <= at_ms < terms.ends_ms:
            terms.move_to(at_ms)
        balance, number = self._balances.plain.get(viewer), int(assignment)
        if balance is not None and number < balance.assignment:
            return False
        if not self._is_as_decided(view, balance, terms):
            return False
        if not self._receipts.settle(view, terms.resets):
            return False
        self._fold(view, balance, number)
        return True

    def _is_as_decided(self, view: PlainView, balance: Balance | None, terms: Terms) -> bool:
        """As policy.decide; what the event says of the network is taken from the event."""
        _, kind, _, _, window, code, outcome, used, limit, network, _, _ = view.fields
        if window != terms.window or limit != terms.limit_text:
            return False
        spent, is_open = 0, False
        if balance is not None and balance.window:
            is_open = balance.window == window
            if not is_open and not terms.is_after(balance.window):
                return False
            spent = balance.used if is_open else 0
            is_open = is_open and code in balance.codes
        if terms.limit is None or is_open or spent >= terms.limit:
            refused = "R" if is_open else "L"
            said = "M" if terms.limit is None else refused
            return outcome == said and used == str(spent) and not network
        if not network:
            return outcome == "U" and used == str(spent + 1)
        if kind != "G" or (balance is not None and balance.is_admitted):
            return False
        return used == str(spent + (outcome == "U")) and self._meets_budget(outcome, network)

    def _meets_budget(self, outcome: str, network: str) -> bool:
        name, told, budget = network.split("/")
        admitted = self._balances.state.networks.get(name, 0)
        if len(name) > KEPT_LENGTH:
            return False
        if admitted < int(budget):
            return outcome == "U" and told == str(admitted + 1)
        return outcome == "N" and told == str(admitted)

    def _fold(self, view: PlainView, balance: Balance | None, number: int) -> None:
        viewer, _, _, _, window, code, outcome, _, _, network, _, _ = view.fields
        balances = self._balances
        if outcome == "U":
            balance = balances.charge(viewer, window, code, number)
            if network:
                balance.is_admitted = True
                balances.admit(network.partition("/")[0], view.at_ms)
        elif number > (0 if balance is None else balance.assignment) and outcome != "N":
            balances.raise_assignment(viewer, number)
        balances.state.seq, balances.state.at_ms = view.seq, view.at_ms
