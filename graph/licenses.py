"""What a licence lets a viewer read: the one place that gives out texts that are not free.

The catalogue itself reads them as None (`code_on` in db/sql/migrations), so whoever forgets to ask
here shows nothing.
"""

from graph.context import Context
from graph.wanted import TextsAsked
from schema.codes import Code
from schema.licenses import LicensedText
from schema.pages import HistoryChange, Page


def is_withheld(code: Code) -> bool:
    """Whether the code has a title that not everybody may read: every described code has one."""
    return code.title is None and code.effective_from is not None


async def text_of(context: Context, code: Code) -> LicensedText | None:
    """What a code that is withheld is called, if a licence covers the plan of whoever asks."""
    texts = await _texts_of(context, code)
    return next((text for text in texts if text.starts == code.effective_from), None)


async def as_licensed(context: Context, page: Page) -> Page:
    """The page with the titles that a licence lets whoever asks read, and the notice beside them;
    any other page as it is."""
    if not is_withheld(page.code):
        return page
    texts = {text.starts: text for text in await _texts_of(context, page.code)}
    own = texts.get(page.code.effective_from) if page.code.effective_from else None
    if own is None:
        return page
    named = {"title": own.title, "short_title": own.short_title}
    history = tuple(
        entry.model_copy(update={"title": texts[entry.effective_from].title})
        if entry.effective_from in texts and entry.change is not HistoryChange.ENDED
        else entry
        for entry in page.history
    )
    return page.model_copy(
        update={
            "code": page.code.model_copy(update=named),
            "history": history,
            "title_copyright": own.copyright,
        }
    )


async def _texts_of(context: Context, code: Code) -> tuple[LicensedText, ...]:
    plan = await context.plan()
    asked = TextsAsked(code.id, plan.key, context.today.date)
    return await context.loaders.licensed_texts.load(asked)
