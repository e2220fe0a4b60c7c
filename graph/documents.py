"""Documents, read once: parsed, measured, validated, and kept for whoever sends the same text, with
the programs that execute them.

Validation is most of the cost of a small query (2.5 of 3 ms), and Strawberry's own cache of it
never hits, because the rule classes in its key are made anew for each request.
"""

import sys
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import strawberry
from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule

from graph.compile import Program
from graph.deprecation import NOTHING, deprecated_in
from graph.estimate import Estimate, Estimator, fields_asked
from graph.limits import VALIDATION_ERRORS_SHOWN, Limits, Measure, exceeded, measure
from graph.masking import ErrorCode, coded
from graph.trials import Trial

# Built once. Introspection's own depth is bounded by a rule among the specified ones.
_RULES: tuple[type[ASTValidationRule], ...] = (*specified_rules, MaybeNullValidationRule)
_KEPT_BYTES = 40_000_000
"""Bound of the cache, in what its documents take in memory."""
_BYTES_A_TOKEN = 370
"""Of a parsed document; its text stays in memory besides, comments included."""
_BYTES_A_PROGRAM = 3_000
"""And of each of its variants."""
_BYTES_A_COMPILED_FIELD = 2_100


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document."""

    name: str | None
    kind: OperationType
    estimate: Estimate
    """What it costs and the lists it selects, with sizes that may depend on variables."""
    deprecated: frozenset[str] = NOTHING
    """Coordinates of what it asks for that will go away."""
    trial: Trial | None = None
    """What in it may ask only what it would cost."""
    program: Program | None = None
    """How to execute it; None where graphql-core executes everything."""


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document, ready to run any number of times."""

    node: DocumentNode
    measure: Measure
    operations: tuple[Operation, ...]

    def operation(self, name: str | None) -> Operation | GraphQLError:
        """The operation of that name, or the only one when the name is None."""
        if name is not None:
            found = [operation for operation in self.operations if operation.name == name]
        else:
            found = list(self.operations)
        if len(found) == 1:
            return found[0]
        message = (
            "operationName names no operation of the document."
            if name is not None
            else "operationName must say which operation of the document to run."
        )
        return coded(ErrorCode.BAD_USER_INPUT, message)

    def with_only(
        self, fields: Collection[FieldNode], operation: Operation
    ) -> tuple["Document", Operation]:
        """The document and that operation with nothing in it but those fields."""
        selections = SelectionSetNode(selections=tuple(fields))
        definitions = tuple(
            replace(definition, selection_set=selections)
            if isinstance(definition, OperationDefinitionNode)
            and _name_of(definition) == operation.name
            else definition
            for definition in self.node.definitions
        )
        document = replace(self, node=replace(self.node, definitions=definitions))
        return document, replace(operation, program=None)


class Documents:
    """The documents of one schema, those used longest ago forgotten first."""

    def __init__(
        self,
        schema: strawberry.Schema,
        *,
        is_introspectable: bool = True,
        compiles: bool = True,
        kept_bytes: int = _KEPT_BYTES,
    ) -> None:
        """Where introspection is off, errors suggest no names either."""
        self.schema = core_schema(schema)
        self._executor_class = schema.execution_context_class
        self._compiles = compiles
        self._rules = _RULES if is_introspectable else (*_RULES, NoSchemaIntrospectionCustomRule)
        self._hides_names = not is_introspectable
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._kept_bytes = kept_bytes
        self._bytes = 0
        _mark_one_of(self.schema)

    def read(self, text: str, limits: Limits) -> Document | list[GraphQLError]:
        """The document, or why it is refused.

        What is kept was measured, not judged: a document that one viewer may send is refused to
        another with smaller limits.
        """
        document = self._kept.get(text)
        if document is not None:
            self._keep(text, document)
            refused = exceeded(document.measure, limits)
            return [coded(ErrorCode.OPERATION_LIMIT_EXCEEDED, refused)] if refused else document
        read = self._read(text, limits)
        if isinstance(read, Document):
            self._keep(text, read)
        return read

    def _read(self, text: str, limits: Limits) -> Document | list[GraphQLError]:
        node = _parsed(text, limits.tokens)
        if isinstance(node, GraphQLError):
            return [node]
        size = measure(node)
        if size is None:
            message = "Fragments of the document spread each other in a circle."
            return [coded(ErrorCode.GRAPHQL_VALIDATION_FAILED, message)]
        if refused := exceeded(size, limits):
            return [coded(ErrorCode.OPERATION_LIMIT_EXCEEDED, refused)]
        if errors := self._errors(node):
            return [_invalid(error) for error in errors]
        return Document(node, size, self._operations(node))

    def _errors(self, node: DocumentNode) -> list[GraphQLError]:
        most = VALIDATION_ERRORS_SHOWN
        errors = validate(self.schema, node, self._rules, most, hide_suggestions=self._hides_names)
        return errors[:most]  # the one after them only says that there were more

    def _operations(self, node: DocumentNode) -> tuple[Operation, ...]:
        fragments = {
            definition.name.value: definition
            for definition in node.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        operations = [d for d in node.definitions if isinstance(d, OperationDefinitionNode)]
        return tuple(
            Operation(
                name=_name_of(definition),
                kind=definition.operation,
                estimate=Estimator(self.schema, fragments, definition).estimate(),
                deprecated=deprecated,
                trial=Trial(self.schema, fragments, definition),
                program=self._program(node, definition),
            )
            for definition, deprecated in zip(
                operations, deprecated_in(self.schema, node), strict=True
            )
        )

    def _program(self, node: DocumentNode, definition: OperationDefinitionNode) -> Program | None:
        if not self._compiles:
            return None
        return Program(
            self.schema, node, definition, self._executor_class, hides_names=self._hides_names
        )

    def _keep(self, text: str, document: Document) -> None:
        """Keep it as the one used last, and count it anew: its programs have grown since."""
        self._kept[text] = document
        self._kept.move_to_end(text)
        size = size_of(text, document)
        self._bytes += size - self._sizes.get(text, 0)
        self._sizes[text] = size
        while self._bytes > self._kept_bytes:
            oldest, _ = self._kept.popitem(last=False)
            self._bytes -= self._sizes.pop(oldest)


def size_of(text: str, document: Document) -> int:
    """About what a kept document takes, in bytes; text outside Latin-1 takes two or four each."""
    programs = [operation.program for operation in document.operations if operation.program]
    compiled = sum(
        _BYTES_A_PROGRAM * (1 + program.variants) + _BYTES_A_COMPILED_FIELD * program.fields
        for program in programs
    )
    return sys.getsizeof(text) + _BYTES_A_TOKEN * document.measure.tokens + compiled


def too_many_fields(
    operation: Operation, variables: Mapping[str, Any], limits: Limits
) -> GraphQLError | None:
    """Why the operation's lists are refused with those variables; None when they are not."""
    if fields_asked(operation.estimate, variables) <= limits.answer_fields:
        return None
    message = (
        f"The lists of the operation may answer more than {limits.answer_fields} fields. "
        "Ask for smaller pages with `first`, or for fewer fields."
    )
    return coded(ErrorCode.OPERATION_LIMIT_EXCEEDED, message)


def too_costly(cost: int, most: int) -> GraphQLError:
    """Why an operation that costs so many points is refused."""
    message = (
        f"The operation costs {cost} points; one may cost {most}. "
        "Ask for smaller pages with `first`, or for fewer objects."
    )
    return coded(ErrorCode.OPERATION_LIMIT_EXCEEDED, message, cost=cost)


def core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """graphql-core's schema below Strawberry's.

    Strawberry offers no other way to run a document that is parsed and validated already: its
    `execute` takes text, and building extensions to put the document back costs more than running
    a small query.
    """
    return schema._schema


def _mark_one_of(schema: GraphQLSchema) -> None:
    """Tell graphql-core which inputs are @oneOf, so that its own rules and coercion apply.

    Strawberry keeps that mark to itself and adds a rule of its own, which fails with a KeyError
    on an undefined variable and with an AttributeError on a fragment before its operation.
    """
    for named in schema.type_map.values():
        if isinstance(named, GraphQLInputObjectType):
            definition = named.extensions.get("strawberry-definition")
            named.is_one_of = bool(getattr(definition, "is_one_of", False))


def _parsed(text: str, most_tokens: int) -> DocumentNode | GraphQLError:
    try:
        return parse(text, max_lexical_tokens=most_tokens, max_comments=most_tokens)
    except GraphQLSyntaxError as error:
        code = ErrorCode.GRAPHQL_PARSE_FAILED
        if error.message.endswith("Parsing aborted."):
            code = ErrorCode.OPERATION_LIMIT_EXCEEDED
        error.extensions = {"code": code.value}
        return error


def _invalid(error: GraphQLError) -> GraphQLError:
    # graphql-core gives up on comparing very many fields of one name, or on very deep nesting.
    is_given_up = isinstance(error, ValidationAbortedError)
    code = (
        ErrorCode.OPERATION_LIMIT_EXCEEDED if is_given_up else ErrorCode.GRAPHQL_VALIDATION_FAILED
    )
    error.extensions = {"code": code.value}
    return error


def _name_of(operation: OperationDefinitionNode) -> str | None:
    return operation.name.value if operation.name else None
