"""What things cost, in points, and how the published schema says so.

A field that answers an object weighs 1, any other 0, unless it is listed here. The SDL carries the
directives of the GraphQL cost specification (ibm.github.io/graphql-specs/cost-spec.html), so that a
client can count before it asks.
"""

from collections.abc import Iterator

import strawberry
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    is_required_argument,
)
from strawberry.schema_directive import Location
from strawberry.types.base import StrawberryObjectDefinition

PAGE_MAX = 100
"""Largest `first` of any connection; resolvers refuse more, so more is not counted."""
ASSUMED_LIST_LENGTH = 5
"""Items of a list that need not be given a size or a list, as a breadcrumb or the sections of a
page: few, and not the caller's choice."""

ASSUMED_LENGTHS = {
    "Translation.scenarios": 2,
    "Scenario.choiceLists": 2,
    "ExcludesCheck.findings": 20,
    "DrgCandidates.secondaryDiagnoses": 100,
}
"""The same of lists that something else bounds. Official files: of the 4,900 diagnoses and 215
procedures that have combinations in General Equivalence Mappings, nine in ten have one scenario of
two lists. Findings of excludes notes are refused above 20 a code (db/excludes.py), and diagnoses of
a stay above the longest list that anybody may give."""

ROWS = frozenset(
    {
        *("AddOnRule", "CategoryFound", "CheckedCode", "ChoiceList", "CodeChange", "CodePairEdit"),
        *("Crosswalk", "CrosswalkHop", "CrosswalkPath", "DrgCandidate", "ExcludesFinding"),
        *("FeeLocality", "GroupMember", "Grouping", "GroupingAnswer", "HistoryEntry", "Holding"),
        *("LocalityFee", "ModifierUse", "Note", "NoteReference", "PairCheck", "PaymentFact"),
        *("Scenario", "SecondaryDiagnosis", "ServiceValue", "SeventhCharacter", "UnitLimit"),
    }
)
"""Objects of which the statement that answers a question brings as many as there are: each weighs a
twentieth, and what stands in one nothing, but for what has to be read by itself."""
ROW_WEIGHT = 0.05
UNSIZED = frozenset({"Query.pairEdits", "Mutation.createApiKey"})
"""Fields that are given a list and answer something else: that list is no size."""

FIELD_WEIGHTS = {
    "Query.codePage": 10.0,
    # Read together with what they stand in.
    "CodeGroupings.code": 0.0,
    "ChoiceList.options": 0.0,
    "OpenSection.content": 0.0,
    "OpenSection.introduction": 0.0,
}
"""Weights of fields, by coordinate."""
TYPE_WEIGHTS = {
    **dict.fromkeys(sorted(ROWS), ROW_WEIGHT),
    # Told with whatever names them.
    **dict.fromkeys(("CodeSystemRelease", "FactRelease", "GroupingRelease", "MapRelease"), 0.0),
    **dict.fromkeys(("FieldProblem", "GroupCondition", "LicenseNotice", "PageInfo"), 0.0),
    **dict.fromkeys(("MissingRelease", "RateLimit", "UpgradeOffer"), 0.0),
}
"""Weights of the objects that any field answers."""
MUTATION_WEIGHT = 10.0
"""Weight of each field of a mutation."""


def weight_of(owner: str, field: str, answered: GraphQLNamedType) -> float:
    """What one field costs, once or for each item that it answers.

    `owner` and `field` are names, `answered` the type below lists and non-null.
    """
    own = _own_weight(owner, field, answered)
    if own is not None:
        return own
    if not is_composite_type(answered) or answered.name.endswith("Edge"):
        return 0.0
    return TYPE_WEIGHTS.get(answered.name, 1.0)


def _own_weight(owner: str, field: str, answered: GraphQLNamedType) -> float | None:
    """The weight of a field whatever it answers; None where that decides."""
    if owner == "Mutation":
        return MUTATION_WEIGHT
    is_in_row = owner in ROWS and is_composite_type(answered)
    if is_in_row and not answered.name.endswith("Connection"):
        return 0.0
    return FIELD_WEIGHTS.get(f"{owner}.{field}")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION, Location.OBJECT],
    name="cost",
    description="What a field, or each object of a type, costs: `weight` points, a decimal number. "
    "Where this is not said, an object costs 1 and anything else nothing.",
)
class Cost:
    """What a field, or each object of a type, costs."""

    weight: str


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="listSize",
    description="How many items a field is counted with: as `slicingArguments` say, by their "
    "number or their length, else `assumedSize`. `sizedFields` of the answer hold the items where "
    "it is no list itself.",
)
class ListSize:
    """How many items a field is counted with."""

    assumed_size: int | None = strawberry.UNSET
    slicing_arguments: list[str] | None = strawberry.UNSET
    sized_fields: list[str] | None = strawberry.UNSET
    require_one_slicing_argument: bool | None = strawberry.UNSET


def publish_weights(api: strawberry.Schema) -> strawberry.Schema:
    """Write every weight and size into the schema as a directive."""
    for known in api.schema_converter.type_map.values():
        definition, published = known.definition, known.implementation
        if isinstance(definition, StrawberryObjectDefinition) and isinstance(
            published, GraphQLObjectType | GraphQLInterfaceType
        ):
            _publish(api, definition, published)
    return api


def _publish(
    api: strawberry.Schema,
    definition: StrawberryObjectDefinition,
    published: GraphQLObjectType | GraphQLInterfaceType,
) -> None:
    if (weight := _type_weight(published.name)) is not None:
        definition.directives = [*(definition.directives or ()), Cost(weight=f"{weight:g}")]
    for field in definition.fields:
        name = api.config.name_converter.get_graphql_name(field)
        told = list(_directives(published, name, published.fields[name]))
        field.directives = [*field.directives, *told]


def _type_weight(name: str) -> float | None:
    return 0.0 if name.endswith("Edge") else TYPE_WEIGHTS.get(name)


def _directives(
    owner: GraphQLObjectType | GraphQLInterfaceType, name: str, field: GraphQLField
) -> Iterator[object]:
    own = _own_weight(owner.name, name, get_named_type(field.type))
    if own is not None:
        yield Cost(weight=f"{own:g}")
    is_list = is_list_type(get_nullable_type(field.type))
    slicing = slicing_argument(f"{owner.name}.{name}", field)
    if slicing is not None:
        sized = ["edges"] if slicing == "first" else _lists_in(get_named_type(field.type))
        yield ListSize(
            slicing_arguments=[slicing],
            sized_fields=strawberry.UNSET if is_list else sized,
            require_one_slicing_argument=False,
        )
    elif (
        is_list and name not in ("edges", "items") and is_composite_type(get_named_type(field.type))
    ):
        yield ListSize(assumed_size=assumed_length(f"{owner.name}.{name}"))


def _lists_in(answered: GraphQLNamedType) -> list[str]:
    """The lists of objects that the answer to a batch holds, in order of name; refusals have
    none that counts."""
    members = answered.types if isinstance(answered, GraphQLUnionType) else (answered,)
    return sorted(
        {
            name
            for member in members
            if isinstance(member, GraphQLObjectType)
            and "Problem" not in {interface.name for interface in member.interfaces}
            for name, field in member.fields.items()
            if is_list_type(get_nullable_type(field.type))
            and is_composite_type(get_named_type(field.type))
        }
    )


def assumed_length(coordinate: str) -> int:
    """How many items are counted of a list whose size nobody says, given as `Type.field`."""
    return ASSUMED_LENGTHS.get(coordinate, ASSUMED_LIST_LENGTH)


def slicing_argument(coordinate: str, field: GraphQLField) -> str | None:
    """The argument that says how many items a field, `Type.field`, answers: `first`, or the list
    that it must be given; None where none does."""
    if "first" in field.args:
        return "first"
    if coordinate in UNSIZED:
        return None
    return next((name for name, arg in field.args.items() if _is_batch(arg)), None)


def _is_batch(argument: GraphQLArgument) -> bool:
    return is_required_argument(argument) and is_list_type(get_nullable_type(argument.type))
