"""The two ways to ask, GraphQL and FHIR, made of the same parts."""

import secrets
from functools import partial

from db.pool import Database
from db.trusted import trusted_document
from graph.api import api
from graph.context import Context, Services
from graph.fhir.view import FhirView
from graph.http import Call, GraphQLView, NoteDeprecated
from graph.identity import Identify
from graph.named import Named
from graph.points import Spending
from graph.settings import Settings
from graph.trusted import TrustedTexts
from graph.turns import Turns
from metering.remembered import RememberedDocuments
from metering.store import Store


def both_views(
    settings: Settings,
    services: Services,
    identify: Identify,
    note_deprecated: NoteDeprecated,
    spending: Spending,
    store: Store,
) -> tuple[GraphQLView, FhirView]:
    """What answers GraphQL and what answers FHIR, taking turns with each other."""
    turns, named = Turns(), named_documents(settings, services.database, store)
    return (
        graphql_view(settings, services, identify, note_deprecated, turns, spending, named),
        fhir_view(settings, services, identify, turns, spending),
    )


def graphql_view(
    settings: Settings,
    services: Services,
    identify: Identify,
    note_deprecated: NoteDeprecated | None = None,
    turns: Turns | None = None,
    spending: Spending | None = None,
    named: Named | None = None,
) -> GraphQLView:
    """What answers GraphQL; without `spending` nothing is paid for, without `named` no document has
    a name."""
    return GraphQLView(
        api(),
        identify=identify,
        make_context=partial(_context, services),
        allowed_origins=settings.allowed_origins,
        is_introspectable=settings.introspection,
        compiles=settings.compile_documents,
        note_deprecated=note_deprecated,
        turns=turns,
        spending=spending,
        named=named,
    )


def named_documents(settings: Settings, database: Database, store: Store) -> Named:
    """Where documents that are sent by name come from."""
    return Named(
        trusted=TrustedTexts(partial(trusted_document, database)),
        remembered=RememberedDocuments(store),
        takes_any=settings.documents == "any",
    )


def fhir_view(
    settings: Settings,
    services: Services,
    identify: Identify,
    turns: Turns,
    spending: Spending | None = None,
) -> FhirView:
    """What answers FHIR, in the same turns."""
    return FhirView(
        identify=identify,
        make_context=partial(_context, services),
        site=settings.public_url or settings.address,
        turns=turns,
        spending=spending,
        allowed_origins=settings.allowed_origins,
    )


def _context(services: Services, call: Call) -> Context:
    return Context(
        services=services,
        visit=call.visit,
        request_key=call.idempotency_key or secrets.token_urlsafe(16),
        now=services.now(),
        limits=call.limits,
        paid=call.paid,
        has_own_key=call.idempotency_key is not None,
    )
