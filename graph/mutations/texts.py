"""What the site's editors write: common language descriptions, never made from a licensed text."""

from typing import Annotated

import strawberry

from db.texts import NewText, TextStands, write_text
from graph.access import staff_of
from graph.context import Context, Info
from graph.lookup import CodeKeyInput
from graph.people.staffing import Order, away, faults_of_reason, invalid
from graph.people.wording import faults_of_text, tidied
from graph.text_query import code_with_page
from graph.types.codes import Code
from graph.types.problems import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    ProblemCode,
    ServiceUnavailable,
    Unauthenticated,
)
from graph.types.texts import CommonLanguageVersion
from schema import codes as shapes
from schema.accounts import Account
from schema.errors import StoreUnavailable
from schema.pages import SectionKind


@strawberry.input
class WithdrawCommonLanguageInput:
    """Which text, and why."""

    code: CodeKeyInput
    """The code whose page it stands on."""
    expected_version: int
    """The version that was read before; 0 when there was none. When another one stands by now the
    answer is a Conflict, so that nobody writes over what they have not read."""
    reason: str
    """Why, in one line that names nobody."""


@strawberry.input
class WriteCommonLanguageInput(WithdrawCommonLanguageInput):
    """A text, where it stands, and why it was written."""

    markdown: str
    """The text as CommonMark without HTML, 1 to 10,000 characters; links lead to https:, http:,
    mailto:, a path or a heading."""


@strawberry.type
class CommonLanguageSuccess:
    """The version stands, and the page of the code shows it from today on."""

    code: Code
    """The code."""
    text: CommonLanguageVersion
    """The version."""
    was_replayed: bool
    """Whether the same request had written it before."""


CommonLanguageResult = Annotated[
    CommonLanguageSuccess
    | NotFound
    | InvalidInput
    | Conflict
    | Unauthenticated
    | Forbidden
    | ServiceUnavailable,
    strawberry.union(
        "CommonLanguageResult", description="The version that was written, or why none was."
    ),
]


@strawberry.type
class TextMutations:
    """What staff does with texts."""

    @strawberry.mutation
    async def write_common_language(
        self,
        info: Info,
        input: Annotated[
            WriteCommonLanguageInput, strawberry.argument(description="The text, and where.")
        ],
    ) -> CommonLanguageResult:
        """Write the next version of the common language description of a code. For staff."""
        markdown = tidied(input.markdown)
        return await _written(info.context, "writeCommonLanguage", input, markdown)

    @strawberry.mutation
    async def withdraw_common_language(
        self,
        info: Info,
        input: Annotated[
            WithdrawCommonLanguageInput, strawberry.argument(description="Which text.")
        ],
    ) -> CommonLanguageResult:
        """Take the common language description of a code off its page; its versions stay. For
        staff."""
        return await _written(info.context, "withdrawCommonLanguage", input, None)


async def _written(
    context: Context,
    operation: str,
    given: WithdrawCommonLanguageInput,
    markdown: str | None,
) -> CommonLanguageResult:
    staff = staff_of(context)
    if not isinstance(staff, Account):
        return staff
    of_text = [] if markdown is None else list(faults_of_text(markdown))
    if faults := [*of_text, *faults_of_reason(given.reason)]:
        return invalid(faults)
    try:
        code = await code_with_page(context, given.code, ["input", "code"])
        if not isinstance(code, shapes.Code):
            return code
        return await _write(context, Order(staff, operation, given.reason), code, given, markdown)
    except StoreUnavailable as lost:
        return away(lost)


async def _write(
    context: Context,
    order: Order,
    code: shapes.Code,
    given: WithdrawCommonLanguageInput,
    markdown: str | None,
) -> CommonLanguageResult:
    wanted = {
        "code": str(code.key),
        "markdown": markdown,
        "expected": given.expected_version,
        "reason": order.reason,
    }
    request = await order.request_id(context, wanted)
    if isinstance(request, Conflict):
        return request
    today = context.today.date
    notice = f"© {today.year} {context.services.office.site_name}"
    written = await write_text(
        context.services.database,
        NewText(
            code_id=code.id,
            section=SectionKind.COMMON_LANGUAGE,
            markdown=markdown,
            expected_version=given.expected_version,
            written_on=today,
            copyright=None if markdown is None else notice,
            author=order.staff.id,
            reason=order.reason,
            request=request,
        ),
    )
    if isinstance(written, TextStands):
        return _conflict(code, written, given.expected_version)
    return CommonLanguageSuccess(
        code=Code.of(code, context.today),
        text=CommonLanguageVersion.of(written.text),
        was_replayed=written.is_replayed,
    )


def _conflict(code: shapes.Code, stands: TextStands, expected: int) -> Conflict:
    newest = stands.newest_version
    if newest != expected:
        found = f"version {newest} is the newest" if newest else "there is no version yet"
        message = f"Of the text of {code.display} {found}, not {expected}: read it, then write."
    else:
        message = f"There is no text of {code.display} to withdraw."
    return Conflict(problem_code=ProblemCode.CONFLICT, message=message)
