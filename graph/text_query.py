"""What staff asks about the texts of the editors."""

from typing import Annotated

import strawberry

from db.texts import text_versions
from graph.access import staff_of
from graph.context import Context, Info
from graph.lookup import CodeKeyInput, missing, unavailable
from graph.types.codes import Code
from graph.types.problems import (
    Forbidden,
    InvalidInput,
    NotFound,
    ProblemCode,
    ServiceUnavailable,
    Unauthenticated,
)
from graph.types.texts import CommonLanguageVersion, CommonLanguageVersions
from graph.wanted import CodeAsked
from schema import codes as shapes
from schema.accounts import Account
from schema.errors import StoreUnavailable
from schema.pages import SectionKind

MOST_VERSIONS = 100

CommonLanguageVersionsResult = Annotated[
    CommonLanguageVersions
    | NotFound
    | InvalidInput
    | Unauthenticated
    | Forbidden
    | ServiceUnavailable,
    strawberry.union(
        "CommonLanguageVersionsResult", description="The versions, or why they are not told."
    ),
]


@strawberry.type
class TextQueries:
    """What staff asks about texts."""

    @strawberry.field
    async def common_language_versions(
        self,
        info: Info,
        code: Annotated[CodeKeyInput, strawberry.argument(description="Which code.")],
    ) -> CommonLanguageVersionsResult:
        """Every wording of the common language description of a code. For staff."""
        context = info.context
        staff = staff_of(context)
        if not isinstance(staff, Account):
            return staff
        try:
            found = await code_with_page(context, code, ["code"])
            if not isinstance(found, shapes.Code):
                return found
            database, kind = context.services.database, SectionKind.COMMON_LANGUAGE
            versions = await text_versions(database, found.id, kind, MOST_VERSIONS)
        except StoreUnavailable as lost:
            return unavailable(lost)
        return CommonLanguageVersions(
            code=Code.of(found, context.today),
            items=[CommonLanguageVersion.of(text) for text in versions],
        )


async def code_with_page(
    context: Context, key: CodeKeyInput, path: list[str]
) -> shapes.Code | NotFound | InvalidInput:
    """The code of today that a key at `path` names, if it has a page for a text to stand on."""
    found = await context.loaders.codes.load(CodeAsked(key.system, key.value, context.today))
    if isinstance(found, shapes.CodeMissing):
        return missing(found, path)
    assert isinstance(found, shapes.Code), "a key names its system"
    if found.release is None:
        message = f"{found.display} has no page: no release that describes it is loaded."
        return InvalidInput.at(path, "NOT_LOADED", message, ProblemCode.NOT_LOADED)
    return found
