"""The root of every change; an operation makes one."""

import strawberry

from graph.mutations.accounts import AccountMutations
from graph.mutations.keys import KeyMutations


@strawberry.type
class Mutation(AccountMutations, KeyMutations):
    """Everything that can be changed. An operation makes one change, by POST; every change answers
    with a union, whose other members say why nothing was changed."""
