"""The published contract as text: schema/schema.graphql is this, kept in the tree."""

from graph.api import api


def printed() -> str:
    """The schema as the code has it."""
    return api().as_str() + "\n"
