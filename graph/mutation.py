"""The root of every change; an operation makes one."""

import strawberry

from graph.mutations.accounts import AccountMutations


@strawberry.type
class Mutation(AccountMutations):
    """Everything that can be changed. An operation makes one change, by POST; every change answers
    with a union, whose other members say why nothing was changed."""
