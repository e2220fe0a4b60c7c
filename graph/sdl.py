"""The published contract as text: schema/schema.graphql is this, kept in the tree."""

from importlib.resources import files

from graph.api import api


def printed() -> str:
    """The schema as the code has it."""
    return api().as_str() + "\n"


def published() -> str:
    """The schema as it was last published."""
    return (files("schema") / "schema.graphql").read_text(encoding="utf-8")
