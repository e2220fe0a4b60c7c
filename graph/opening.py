"""Opening a code page: find it, ask the meter, answer with what may be read."""

import hashlib

import strawberry

from graph import offers
from graph.context import Context
from graph.day import Day
from graph.identity import Visit
from graph.licenses import as_licensed
from graph.lookup import missing, unavailable
from graph.sections import Grant, Reader, sections_of
from graph.types.codes import Code
from graph.types.pages import CodePage, CodePageResult, PageView, ViewLimitReached, locked_count
from graph.types.problems import CodeCandidates, Forbidden, ProblemCode
from graph.types.viewer import LimitKind
from graph.wanted import CodeAsked
from metering.digests import url_text
from schema.codes import CodeKey, CodeMissing
from schema.errors import StoreUnavailable
from schema.pages import Page
from schema.people import Viewer
from schema.usage import (
    Allowance,
    Decision,
    Outcome,
    Redirect,
    ViewContext,
    ViewRequest,
)

_GRANTS = {
    Outcome.UNLOCKED: Grant.OPEN,
    Outcome.REPEATED: Grant.OPEN,
    Outcome.UNMETERED: Grant.OPEN,
    Outcome.LIMIT_REACHED: Grant.VIEWER_LIMIT,
    Outcome.NETWORK_LIMIT_REACHED: Grant.NETWORK_LIMIT,
}


async def open_page(
    context: Context, asked: CodeAsked, path: str, *, preview: bool
) -> CodePageResult:
    """The page as this viewer may read it, charged at most once; or why it is not shown.

    `path` is the place of the answer in the response, so that two selections of one operation
    are two requests. A page that does not exist is never charged: the meter is asked last.
    """
    try:
        found = await context.loaders.pages.load(asked)
        if isinstance(found, CodeMissing):
            return missing(found, ["ref"])
        if isinstance(found, tuple):
            return CodeCandidates(candidates=[Code.of(code, asked.on) for code in found])
        if preview or not context.visit.may_charge:
            left = await allowance_of(context)
            return await _page(context, found, asked.on, Grant.PREVIEW, left, None)
        return await _metered(context, found, asked.on, path)
    except StoreUnavailable as away:
        return unavailable(away)


async def allowance_of(context: Context) -> Allowance:
    """What whoever asks has left; a visitor without a token has a whole guest allowance."""
    viewer = context.visit.viewer
    if viewer is None:
        plan = await context.plan()
        return Allowance(limit=plan.page_view_limit, used=0, resets_at=None)
    return await context.services.meter.allowance(viewer)


async def _metered(context: Context, page: Page, on: Day, path: str) -> CodePageResult:
    decision = await _decide(context, page.code.key, path)
    if decision.outcome is Outcome.BLOCKED:
        return Forbidden(
            problem_code=ProblemCode.FORBIDDEN,
            message="Access to code pages has been closed for this viewer.",
            upgrade=None,
        )
    grant = _GRANTS[decision.outcome]
    shown = await _page(context, page, on, grant, decision.allowance, decision)
    return shown if grant is Grant.OPEN else _refused(shown, grant)


async def _decide(context: Context, code: CodeKey, path: str) -> Decision:
    """The meter's decision; a viewer whose token has been overtaken is renewed and asks again."""
    viewer = await context.visit.to_charge()
    for _ in range(3):
        request = ViewRequest(
            viewer=viewer,
            code=code,
            request_id=_request_id(context, viewer, code, path),
            context=_context_of(context.visit),
        )
        answer = await context.loaders.decisions.load(request)
        if isinstance(answer, Decision):
            return answer
        viewer = await _redirected(context, answer)
    raise StoreUnavailable("valkey", "the viewer changed faster than the meter could follow")


def _context_of(visit: Visit) -> ViewContext:
    return ViewContext(client=visit.client, key_id=visit.key.id if visit.key else None)


async def _redirected(context: Context, answer: Redirect) -> Viewer:
    """The viewer to ask as instead: on the newest plan, or a new guest in place of the old."""
    if answer is Redirect.STALE_ASSIGNMENT:
        await context.services.plans.read()
        return await context.visit.reassigned()
    return await context.visit.renew()


def _request_id(context: Context, viewer: Viewer, code: CodeKey, path: str) -> str:
    parts = "\0".join((viewer.id, context.request_key, path, str(code)))
    digest = hashlib.sha256(parts.encode()).digest()[:16]
    return url_text(digest)


async def _page(
    context: Context,
    page: Page,
    on: Day,
    grant: Grant,
    left: Allowance,
    decision: Decision | None,
) -> CodePage:
    plans = context.services.plans.newest
    allowance = offers.allowance(left, context.viewer_kind, plans)
    reader = Reader(plan=await context.plan(), plans=plans, more=allowance.upgrade)
    parts = sections_of(await as_licensed(context, page), grant, reader, on)
    return CodePage(
        code=Code.of(page.code, on),
        locked_section_count=locked_count(parts),
        view=PageView(
            was_charged=decision is not None and decision.is_charged,
            event_id=_event_id(context, decision),
            recorded_at=decision.recorded_at if decision else None,
            allowance=allowance,
        ),
        banner=allowance.banner,
        parts=parts,
    )


def _event_id(context: Context, decision: Decision | None) -> strawberry.ID | None:
    if decision is None or decision.event_id is None:
        return None
    return context.services.event_id(decision.event_id)


def _refused(page: CodePage, grant: Grant) -> ViewLimitReached:
    allowance = page.view.allowance
    is_network = grant is Grant.NETWORK_LIMIT
    why = (
        "Many readers of your network have used the guest pages."
        if is_network
        else allowance.banner or "No code page views remain."
    )
    offer = f" {allowance.upgrade.text}" if is_network and allowance.upgrade else ""
    return ViewLimitReached(
        problem_code=ProblemCode.VIEW_LIMIT_REACHED,
        message=why + offer,
        limit_kind=LimitKind.NETWORK if is_network else LimitKind.VIEWER,
        allowance=allowance,
        upgrade=allowance.upgrade,
        page=page,
    )
