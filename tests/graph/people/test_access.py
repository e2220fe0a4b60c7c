"""Who may ask what: docs/access.md, cell by cell, against a whole application.

Every field of every type of the schema has to be named there, so a field that is added is refused
here until somebody says whose it is.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType, GraphQLUnionType

from graph.api import api
from tests.graph.accounts import account_on, logged_in
from tests.graph.people.conftest import Browser, Site, new_email

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs/access.md").read_text()
CODE = '{system: ICD10CM, value: "I10"}'
VIEWER = "gAAAAAAAAAAAAAAAAAAAAAA"
NOBODY_LOGGED_IN = "Log in to do this."
PAGED = "{ pageInfo { hasNextPage } }"

ASKED = {
    "Query.node": 'node(id: "x") { id }',
    "Query.nodes": 'nodes(ids: ["x"]) { id }',
    "Query.viewer": "viewer { kind }",
    "Query.rateLimit": "rateLimit { cost }",
    "Query.codeSystems": "codeSystems { key }",
    "Query.holdings": "holdings { subject }",
    "Query.code": f"code(ref: {{key: {CODE}}}) {{ __typename }}",
    "Query.codes": f"codes(refs: [{{key: {CODE}}}]) {{ requested }}",
    "Query.crosswalks": f"crosswalks(sources: [{CODE}]) {{ %s }}",
    "Query.crosswalkPaths": "crosswalkPaths(sources: [], via: [ICD9CM_DX]) { %s }",
    "Query.groupings": f"groupings(codes: [{CODE}]) {{ %s }}",
    "Query.groupMembers": f"groupMembers(group: {CODE}, kind: HCC_DX) {{ %s }}",
    "Query.hccs": 'hccs(diagnoses: ["I10"]) { %s }',
    "Query.drgCandidates": 'drgCandidates(principalDiagnosis: "I10") { %s }',
    "Query.excludesConflicts": f"excludesConflicts(codes: [{CODE}]) {{ %s }}",
    "Query.seventhCharacters": f"seventhCharacters(ref: {{key: {CODE}}}) {{ %s }}",
    "Query.changes": 'changes(system: DEMO, from: "2025-01-01") { %s }',
    "Query.pairEdits": f"pairEdits(codes: [{CODE}]) {{ %s }}",
    "Query.unitLimits": f"unitLimits(codes: [{CODE}]) {{ %s }}",
    "Query.addOns": f"addOns(codes: [{CODE}]) {{ %s }}",
    "Query.fees": f"fees(services: [{CODE}]) {{ %s }}",
    "Query.feeLocalities": "feeLocalities { %s }",
    "Query.codePage": f"codePage(ref: {{key: {CODE}}}) {{ %s }}",
    "Query.plans": "plans { %s }",
    "Query.account": 'account(ref: {email: "nobody@codes.example"}) { %s }',
    "Query.commonLanguageVersions": f"commonLanguageVersions(code: {CODE}) {{ %s }}",
    "Viewer.kind": "viewer { kind }",
    "Viewer.user": "viewer { user { email } }",
    "Viewer.allowance": "viewer { allowance { used } }",
    "Viewer.allowances": "viewer { allowances { used } }",
    "Viewer.recentViews": f"viewer {{ recentViews {PAGED} }}",
    "Viewer.sessions": "viewer { sessions { id } }",
    "Viewer.apiKeys": f"viewer {{ apiKeys {PAGED} }}",
    "ApiKey.usage": "viewer { apiKeys { edges { node { "
    'usage(from: "2026-11-01", to: "2026-11-02") { %s } } } } }',
    "ApiKey.deprecatedFieldUse": "viewer { apiKeys { edges { node { deprecatedFieldUse "
    "{ %s } } } } }",
    "Mutation.register": 'register(input: {email: "%(email)s", password: "a long passphrase"}) '
    "{ __typename }",
    "Mutation.verifyEmail": 'verifyEmail(input: {proof: {token: "x"}}) { __typename }',
    "Mutation.logIn": 'logIn(input: {email: "%(email)s", password: "x"}) { __typename }',
    "Mutation.logOut": "logOut { %s }",
    "Mutation.changePassword": 'changePassword(input: {password: "x", newPassword: "y"}) { %s }',
    "Mutation.requestPasswordReset": 'requestPasswordReset(email: "%(email)s") { __typename }',
    "Mutation.resetPassword": 'resetPassword(input: {token: "x", newPassword: "y"}) { __typename }',
    "Mutation.deleteAccount": 'deleteAccount(password: "x") { %s }',
    "Mutation.revokeSession": 'revokeSession(id: "x") { %s }',
    "Mutation.revokeOtherSessions": "revokeOtherSessions { %s }",
    "Mutation.createApiKey": 'createApiKey(name: "one", scopes: [PAGES_READ]) { %s }',
    "Mutation.rotateApiKey": 'rotateApiKey(id: "x") { %s }',
    "Mutation.revokeApiKey": 'revokeApiKey(id: "x") { %s }',
    "Mutation.createPlanVersion": 'createPlanVersion(input: {key: "", viewerKind: SUBSCRIBER, '
    'window: LIFETIME, openSections: [], reason: "r"}) { %s }',
    "Mutation.assignPlan": 'assignPlan(input: {account: "x", planKey: "x", reason: "r"}) { %s }',
    "Mutation.giveViewBack": f'giveViewBack(input: {{viewer: "{VIEWER}", reason: "r", '
    f'code: {CODE}, cause: "error"}}) {{ %s }}',
    "Mutation.grantViews": f'grantViews(input: {{viewer: "{VIEWER}", reason: "r", views: 1}}) '
    "{ %s }",
    "Mutation.voidGrant": f'voidGrant(input: {{viewer: "{VIEWER}", reason: "r", grantNumber: 1}}) '
    "{ %s }",
    "Mutation.blockViewer": f'blockViewer(input: {{viewer: "{VIEWER}", reason: "r"}}) {{ %s }}',
    "Mutation.unblockViewer": f'unblockViewer(input: {{viewer: "{VIEWER}", reason: "r"}}) {{ %s }}',
    "Mutation.resetViewer": f'resetViewer(input: {{viewer: "{VIEWER}", reason: "r"}}) {{ %s }}',
    "Mutation.writeCommonLanguage": f"writeCommonLanguage(input: {{code: {CODE}, "
    'markdown: "", expectedVersion: 0, reason: "r"}) { %s }',
    "Mutation.withdrawCommonLanguage": f"withdrawCommonLanguage(input: {{code: {CODE}, "
    'expectedVersion: 9, reason: "r"}) { %s }',
}
"""What asks each field, so that nothing else can refuse it; `%s` stands where a union answers."""
UNION = "__typename ... on Problem { message } ... on Forbidden { requiredScope }"


def table() -> dict[str, dict[str, str]]:
    """The matrix of the document: field, kind of viewer, what happens."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in DOCUMENT.splitlines()
        if line.startswith("|")
    ]
    roles = rows[0][1:]
    return {row[0].strip("`"): dict(zip(roles, row[1:], strict=True)) for row in rows[2:]}


TABLE = table()
ROLES = next(iter(TABLE.values())).keys()


def test_every_change_answers_with_a_union() -> None:
    """Whatever is refused is then data, and no client is surprised by an error."""
    mutation = api()._schema.mutation_type
    assert mutation is not None

    others = [
        name
        for name, field in mutation.fields.items()
        if not isinstance(getattr(field.type, "of_type", None), GraphQLUnionType)
    ]

    assert others == []


def test_every_field_of_the_schema_is_named() -> None:
    types = {
        name: set(found.fields)
        for name, found in api()._schema.type_map.items()
        if isinstance(found, GraphQLObjectType) and not name.startswith("__")
    }
    guarded = {name.partition(".")[0] for name in TABLE}
    free = set(re.findall(r"^- `(\w+)`$", DOCUMENT, re.MULTILINE))

    assert free & guarded == {"ApiKey"}
    assert sorted(types.keys() - free - guarded) == []
    assert sorted(free - types.keys()) == []
    for name in guarded - free:
        assert {f"{name}.{field}" for field in types[name]} == {
            field for field in TABLE if field.startswith(f"{name}.")
        }
    assert ASKED.keys() == TABLE.keys()


async def somebody(site: Site, role: str) -> tuple[Browser, dict[str, str]]:
    """A browser or app of that role, and the headers that it sends."""
    browser = await site.browser()
    if role == "nobody":
        return browser, {}
    if role == "guest":
        await browser.open("A00")
        return browser, {}
    plan = "partner" if "key" in role else role
    token = await logged_in(site.database, await account_on(site.database, plan))
    headers = {"Authorization": f"Bearer {token}"}
    if "key" in role:
        scopes = re.findall(r"[A-Z_]{4,}", role) or ["PAGES_READ", "CROSSWALKS_READ", "USAGE_READ"]
        made = await browser.change(
            f'createApiKey(name: "k", scopes: [{", ".join(scopes)}]) '
            "{ ... on CreateApiKeySuccess { secret } }",
            **headers,
        )
        headers = {"Authorization": f"Bearer {made['secret']}"}
    elif role == "partner":
        await browser.change(
            'createApiKey(name: "k", scopes: [PAGES_READ]) { __typename }', **headers
        )
    return browser, headers


def answer(field: str, response: dict[str, Any]) -> str:
    """What happened: yes, log in, no, or the scope that is wanted."""
    if "errors" in response:
        [error] = response["errors"]
        return "no" if error["extensions"]["code"] == "FORBIDDEN" else json.dumps(error)
    told = json.dumps(response["data"])
    if NOBODY_LOGGED_IN in told:
        return "log in"
    if '"Forbidden"' in told:
        scope = re.search(r'"requiredScope": "(\w+)"', told)
        return scope[1] if scope else "no"
    *_, name = field.split(".")
    found: Any = response["data"]
    for part in ("viewer", "apiKeys") if field.startswith("ApiKey.") else ():
        found = found[part] if found else found
    if field.startswith("Viewer."):
        found = found["viewer"][name]
    return "null" if found is None else "yes"


@pytest.mark.parametrize("field", ASKED)
async def test_the_matrix_holds(site: Site, field: str) -> None:
    happened = {}
    for role in ROLES:
        browser, headers = await somebody(site, role)
        text = ASKED[field]
        if "%(email)s" in text:
            text = text % {"email": new_email()}
        text = text.replace("%s", UNION)
        operation = f"mutation {{ {text} }}" if field.startswith("Mutation") else f"{{ {text} }}"
        response = await browser.post(operation, **headers)
        happened[role] = answer(field, response.json())

    assert happened == TABLE[field]
