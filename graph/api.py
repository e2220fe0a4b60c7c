"""The one schema object of the process, built from the types and described by their docstrings."""

from decimal import Decimal
from functools import cache

import strawberry
from strawberry.schema.config import StrawberryConfig

from graph.describe import describe
from graph.mutation import Mutation
from graph.query import Query
from graph.types.codes import CodeSystemRelease
from graph.types.crosswalks import MapRelease
from graph.types.fees import DECIMAL
from graph.types.sections import EmptySection, LockedSection, OpenSection
from graph.weights import publish_weights


@cache
def api() -> strawberry.Schema:
    """The schema; a second one cannot be built over the same types."""
    schema = describe(
        strawberry.Schema(
            Query,
            Mutation,
            types=[CodeSystemRelease, MapRelease, OpenSection, LockedSection, EmptySection],
            config=StrawberryConfig(auto_camel_case=True, scalar_map={Decimal: DECIMAL}),
        )
    )
    return publish_weights(schema)
