"""Who may ask what: the one place where a kind of viewer is demanded.

Every answer is a value, a member of the field's result union. docs/access.md lists what each kind
of viewer may ask; tests/graph/people/test_access.py holds the same table against the schema.
"""

from graph import offers
from graph.context import Context
from graph.types.problems import Forbidden, ProblemCode, Unauthenticated
from schema.accounts import Account, ApiScope
from schema.people import ViewerKind


def account_of(context: Context) -> Account | Unauthenticated:
    """Whoever is logged in or holds a key."""
    return nobody() if context.visit.account is None else context.visit.account


def nobody() -> Unauthenticated:
    """The refusal of whoever has to be an account, and is none or none any more."""
    return Unauthenticated(problem_code=ProblemCode.UNAUTHENTICATED, message="Log in to do this.")


def person_of(context: Context) -> Account | Unauthenticated | Forbidden:
    """Whoever is logged in: a key manages neither its account nor other keys."""
    if context.visit.key is not None:
        return _forbidden("A key cannot do this: log in.")
    return account_of(context)


def partner_of(context: Context) -> Account | Unauthenticated | Forbidden:
    """The partner who is logged in."""
    person = person_of(context)
    if isinstance(person, Account) and person.kind is not ViewerKind.PARTNER:
        return _forbidden("Keys are for partners: ask us for a contract.")
    return person


def staff_of(context: Context) -> Account | Unauthenticated | Forbidden:
    """The member of the staff who is logged in."""
    person = person_of(context)
    if isinstance(person, Account) and person.kind is not ViewerKind.STAFF:
        return _forbidden("Only the site's staff may do this.")
    return person


def lacks(context: Context, scope: ApiScope) -> Forbidden | None:
    """The refusal of a key without that scope; people have all."""
    key = context.visit.key
    if key is None or scope in key.scopes:
        return None
    return Forbidden(
        problem_code=ProblemCode.FORBIDDEN,
        message=f"This key was not given the scope {scope}.",
        required_scope=scope,
    )


async def may_not_ask_catalogue(context: Context) -> Forbidden | None:
    """The refusal of whoever may not ask the catalogue in batches: that is for partners (a key
    needs the scope CROSSWALKS_READ), subscribers and staff."""
    if refused := lacks(context, ApiScope.CROSSWALKS_READ):
        return refused
    if (await context.plan()).can_list_crosswalks:
        return None
    return Forbidden(
        problem_code=ProblemCode.FORBIDDEN,
        message="Questions to the catalogue in batches are for partners, subscribers and staff. "
        "What is known of one code stands in the sections of its page.",
        upgrade=offers.batch_offer(),
    )


def _forbidden(message: str) -> Forbidden:
    return Forbidden(problem_code=ProblemCode.FORBIDDEN, message=message)
