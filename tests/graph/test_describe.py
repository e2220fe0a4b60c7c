"""The published schema says what everything means."""

from graphql import GraphQLEnumType

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
