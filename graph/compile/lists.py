"""Lists: each item in a slot of its own, an error of one leaving the others alone."""

from collections.abc import AsyncIterable, Awaitable
from contextlib import suppress
from types import CoroutineType
from typing import Any

from graphql import GraphQLError
from graphql.execution.executor import collect_iterator_awaitables
from graphql.pyutils import Path, gather_with_cancel, is_iterable
from graphql.pyutils.is_awaitable import is_async_iterable
from strawberry.execution import optimized_is_awaitable as is_awaitable

from graph.compile.places import Complete, Place, Slot
from graph.compile.running import Run


def list_of(slot: Slot, place: Place) -> Complete:
    """What completes a list whose items go to that slot."""

    def completed(run: Run, path: Path, value: Any) -> Any:
        if type(value) is not list:
            if is_async_iterable(value):
                return _awaited(run, path, value, slot)
            if not is_iterable(value):
                message = f"Expected Iterable, but did not find one for field '{place.title}'."
                raise GraphQLError(message)
        items = _Items(run, path, slot)
        rest = iter(value)
        try:
            for item in rest:
                items.add(item)
        except Exception:
            # What the rest still holds must end as well.
            items.forsake(collect_iterator_awaitables(rest, is_awaitable))
            raise
        return items.all() if items.waiting else items.done

    return completed


async def _awaited(run: Run, path: Path, value: AsyncIterable[Any], slot: Slot) -> list[Any]:
    """The same of a list that comes item by item."""
    items = _Items(run, path, slot)
    rest = aiter(value)
    try:
        async for item in rest:
            items.add(item)
    except Exception:
        with suppress(Exception):
            await rest.aclose()  # type: ignore[attr-defined]  # of generators, suppressed elsewhere
        items.forsake([])
        raise
    return await items.all() if items.waiting else items.done


class _Items:
    """The items of one list as they are completed."""

    __slots__ = ("_path", "_run", "_slot", "done", "waiting")

    def __init__(self, run: Run, path: Path, slot: Slot) -> None:
        self._run = run
        self._path = path
        self._slot = slot
        self.done: list[Any] = []
        self.waiting: list[int] = []
        """Which of them are still to be awaited."""

    def add(self, item: Any) -> None:
        number = len(self.done)
        answered = self._slot.answer(self._run, Path(self._path, number, None), item)
        self.done.append(answered)
        if type(answered) is CoroutineType:
            self.waiting.append(number)

    def forsake(self, unseen: list[Awaitable[Any]]) -> None:
        self._run.forsake([*(self.done[number] for number in self.waiting), *unseen])

    async def all(self) -> list[Any]:
        if len(self.waiting) == 1:
            (number,) = self.waiting
            self.done[number] = await self.done[number]
            return self.done
        ready = await gather_with_cancel(*(self.done[number] for number in self.waiting))
        for number, value in zip(self.waiting, ready, strict=True):
            self.done[number] = value
        return self.done
