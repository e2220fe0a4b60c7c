"""Refetching by id: codes, systems, releases and maps; never anything a section locks."""

from collections.abc import Sequence

from graph import ids
from graph.context import Context
from graph.types.codes import Code, CodeSystem, CodeSystemRelease
from graph.types.crosswalks import MapRelease
from graph.types.relay import Node
from graph.wanted import CodeAsked
from schema import codes as shapes


async def nodes_by_id(context: Context, wanted: Sequence[str]) -> list[Node | None]:
    """What each id stands for, in the order of the ids; None for nothing. A code is told as of
    the day that its id names, else as of today."""
    decoded = [ids.decode(text) for text in wanted]
    kinds = {item[0] for item in decoded if item}
    found: dict[tuple[str, str], Node] = {}
    if "code" in kinds:
        found |= await _codes(context, [item[1] for item in decoded if item and item[0] == "code"])
    if kinds & {"system", "release"}:
        found |= await _systems(context)
    if "map" in kinds:
        found |= await _maps(context)
    return [found.get(item) if item else None for item in decoded]


async def _codes(context: Context, texts: list[str]) -> dict[tuple[str, str], Node]:
    asked = {}
    for text in texts:
        named = ids.code_on(text)
        if named is not None:
            key, on = named
            asked[text] = CodeAsked(key.system, key.value, on or context.today)
    found = await context.loaders.codes.load_many(list(asked.values()))
    return {
        ("code", text): Code.of(code, asked[text].on)
        for text, code in zip(asked, found, strict=True)
        if isinstance(code, shapes.Code)
    }


async def _systems(context: Context) -> dict[tuple[str, str], Node]:
    found: dict[tuple[str, str], Node] = {}
    for system in await context.loaders.systems.load(context.today):
        found["system", system.key] = CodeSystem.of(system)
        for release in system.releases:
            found["release", f"{system.key}:{release.label}"] = CodeSystemRelease.of(release)
    return found


async def _maps(context: Context) -> dict[tuple[str, str], Node]:
    releases = await context.services.loaded.maps(context.today.date)
    return {("map", f"{item.kind}:{item.label}"): MapRelease.of(item) for item in releases}
