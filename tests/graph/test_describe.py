"""The published schema says what everything means."""

from graphql import GraphQLEnumType, GraphQLInterfaceType, GraphQLUnionType

from graph.api import api


def test_everything_in_the_schema_is_described() -> None:
    silent = []
    for name, named in api()._schema.type_map.items():
        if name.startswith("__"):
            continue
        silent += [] if named.description else [name]
        for field, found in getattr(named, "fields", {}).items():
            silent += [] if found.description else [f"{name}.{field}"]
            arguments = getattr(found, "args", {})
            silent += [f"{name}.{field}({a})" for a in arguments if not arguments[a].description]
        if isinstance(named, GraphQLEnumType):
            silent += [f"{name}.{v}" for v, value in named.values.items() if not value.description]

    assert silent == []


def test_fields_of_one_name_have_one_type_in_all_members_of_a_union_or_interface() -> None:
    """Where they differ, a client that selects the field of two members is refused its query."""
    schema = api()._schema
    different = {}
    for name, named in schema.type_map.items():
        if not isinstance(named, GraphQLUnionType | GraphQLInterfaceType):
            continue
        types: dict[str, set[str]] = {}
        for member in schema.get_possible_types(named):
            for field, found in member.fields.items():
                types.setdefault(field, set()).add(str(found.type))
        clashes = {field: sorted(found) for field, found in types.items() if len(found) > 1}
        if clashes:
            different[name] = clashes

    assert different == {}
