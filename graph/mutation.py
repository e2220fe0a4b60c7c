"""The root of every change; an operation makes one."""

import strawberry

from graph.mutations.accounts import AccountMutations
from graph.mutations.keys import KeyMutations
from graph.mutations.ledger import LedgerMutations
from graph.mutations.plans import PlanMutations
from graph.mutations.texts import TextMutations


@strawberry.type
class Mutation(AccountMutations, KeyMutations, PlanMutations, LedgerMutations, TextMutations):
    """Everything that can be changed. An operation makes one change, by POST; every change answers
    with a union, whose other members say why nothing was changed."""
