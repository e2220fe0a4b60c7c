"""Other ways to write a document: what a generator of operations leaves out.

Arguments become variables, selections get conditions and fragments, fields are asked twice.
"""

import json
from dataclasses import replace
from random import Random
from typing import Any

from graphql import (
    ArgumentNode,
    BooleanValueNode,
    DefinitionNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInputObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    NameNode,
    NullValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    get_nullable_type,
    parse_type,
    print_ast,
    value_from_ast_untyped,
    visit,
)

BAD = (None, 5, "no such value", [[]], {"a": 1}, 1.5, True)


def varied(
    schema: GraphQLSchema, document: DocumentNode, rng: Random, *, bad: float = 0.05
) -> tuple[str, dict[str, Any]]:
    """A document of one operation rewritten, and its variables, one in so many of them bad."""
    types = TypeInfo(schema)
    rewriting = _Rewriting(types, rng, bad)
    rewritten = visit(document, TypeInfoVisitor(types, rewriting))
    (operation,) = rewritten.definitions
    assert isinstance(operation, OperationDefinitionNode)
    operation = replace(operation, variable_definitions=tuple(rewriting.definitions))
    definitions: list[DefinitionNode] = [operation, *rewriting.fragments]
    rng.shuffle(definitions)
    return print_ast(DocumentNode(definitions=tuple(definitions))), rewriting.variables


class _Rewriting(Visitor):
    def __init__(self, types: TypeInfo, rng: Random, bad: float) -> None:
        super().__init__()
        self._types = types
        self._rng = rng
        self._bad = bad
        self.definitions: list[VariableDefinitionNode] = []
        self.fragments: list[FragmentDefinitionNode] = []
        self.variables: dict[str, Any] = {}
        self._conditions: list[str] = []

    def enter_object_value(self, node: ObjectValueNode, *_: Any) -> Any:
        """An object of which exactly one field may be given gets one."""
        type_ = get_nullable_type(self._types.get_input_type())
        if not isinstance(type_, GraphQLInputObjectType) or not type_.is_one_of:
            return None
        given = [field for field in node.fields if not isinstance(field.value, NullValueNode)]
        text = ObjectFieldNode(name=_name("value"), value=StringValueNode(value="text"))
        chosen = self._rng.choice(given or [text if "value" in type_.fields else node.fields[0]])
        return replace(node, fields=(chosen,))

    def leave_argument(self, node: ArgumentNode, *_: Any) -> Any:
        type_ = self._types.get_input_type()
        if type_ is None or self._rng.random() > 0.4 or "$" in print_ast(node.value):
            return None
        variable = self._variable(str(type_), node.value)
        return replace(node, value=variable)

    def leave_object_field(self, node: ObjectFieldNode, *_: Any) -> Any:
        type_ = self._types.get_input_type()
        if type_ is None or self._rng.random() > 0.2 or "$" in print_ast(node.value):
            return None
        parent = get_nullable_type(self._types.get_parent_input_type())
        is_one_of = isinstance(parent, GraphQLInputObjectType) and parent.is_one_of
        demanded = f"{type_}!" if is_one_of and not str(type_).endswith("!") else str(type_)
        return replace(node, value=self._variable(demanded, node.value))

    def _variable(self, type_: str, value: ValueNode) -> VariableNode:
        name = f"v{len(self.definitions)}"
        way = self._rng.random()
        is_default = way < 0.2 and not isinstance(value, NullValueNode)
        given = value_from_ast_untyped(value)
        if self._rng.random() < self._bad:
            given = self._rng.choice(BAD)
        if not is_default and not (way > 0.9 and not type_.endswith("!")):
            self.variables[name] = json.loads(json.dumps(given))
        return self._define(name, type_, value if is_default else None)

    def _define(self, name: str, type_: str, default: Any = None) -> VariableNode:
        variable = VariableNode(name=_name(name))
        self.definitions.append(
            VariableDefinitionNode(
                variable=variable, type=parse_type(type_), default_value=default, directives=()
            )
        )
        return variable

    def leave_inline_fragment(self, node: InlineFragmentNode, *_: Any) -> Any:
        node = replace(node, directives=self._directives())
        if node.type_condition is None or self._rng.random() > 0.4:
            return node
        name = f"F{len(self.fragments)}"
        self.fragments.append(
            FragmentDefinitionNode(
                name=_name(name),
                type_condition=node.type_condition,
                selection_set=node.selection_set,
                directives=(),
            )
        )
        return FragmentSpreadNode(name=_name(name), directives=node.directives)

    def leave_field(self, node: FieldNode, *_: Any) -> Any:
        return replace(node, directives=self._directives())

    def leave_selection_set(self, node: SelectionSetNode, *_: Any) -> Any:
        selections = list(node.selections)
        if self._rng.random() < 0.3:
            selections.append(FieldNode(name=_name("__typename"), directives=(), arguments=()))
        if self._rng.random() < 0.2:
            selections.append(self._rng.choice(selections))
        if self._rng.random() < 0.15:
            inner = SelectionSetNode(selections=tuple(selections[1:] or selections))
            wrapped = InlineFragmentNode(selection_set=inner, directives=self._directives())
            selections = [selections[0], wrapped]
        return replace(node, selections=tuple(selections))

    def _directives(self) -> tuple[DirectiveNode, ...]:
        if self._rng.random() > 0.1:
            return ()
        argument = ArgumentNode(name=_name("if"), value=self._condition())
        name = _name(self._rng.choice(["include", "skip"]))
        return (DirectiveNode(name=name, arguments=(argument,)),)

    def _condition(self) -> ValueNode:
        if self._rng.random() < 0.3:
            return BooleanValueNode(value=self._rng.random() < 0.5)
        if len(self._conditions) < 3:
            name = f"v{len(self.definitions)}"
            self._conditions.append(name)
            variable = VariableNode(name=_name(name))
            is_nullable = self._rng.random() < 0.1
            if is_nullable:
                self._define(name, "Boolean", BooleanValueNode(value=True))
            else:
                self._define(name, "Boolean!")
            self.variables[name] = self._rng.choice([True, False] + [None] * is_nullable)
            return variable
        return VariableNode(name=_name(self._rng.choice(self._conditions)))


def _name(text: str) -> NameNode:
    return NameNode(value=text)
