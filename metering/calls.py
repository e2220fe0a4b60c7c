"""Calls of the atomic scripts, and how they go to one server: many in one round trip."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha1
from importlib.resources import files
from itertools import chain
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, ResponseError


@dataclass(frozen=True, slots=True)
class Script:
    """One Lua file and the digest the server knows it by."""

    text: str
    digest: str


@cache
def script(name: str) -> Script:
    """The script metering/lua/<name>.lua; each line `-- include <part>` in it stands for
    metering/lua/shared/<part>.lua, since a store's scripts cannot call each other."""
    text = _INCLUDE.sub(lambda line: _text(f"shared/{line[1]}.lua"), _text(f"{name}.lua"))
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


def _text(path: str) -> str:
    return (files("metering") / "lua" / path).read_text(encoding="utf-8")


_INCLUDE = re.compile(r"^ *-- include (\w+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Call:
    """One script with its keys and arguments."""

    script: Script
    keys: tuple[str, ...]
    arguments: tuple[str | int, ...]

    @property
    def command(self) -> tuple[str | int, ...]:
        """The command as it is sent."""
        return ("EVALSHA", self.script.digest, len(self.keys), *self.keys, *self.arguments)


async def replies_to(client: Redis, calls: Sequence[Call]) -> list[Any]:
    """The reply to every call, in order; they run in that order. A refusal stands in its place.

    What the server has forgotten is taught again. Raises what redis-py raises when a reply is
    lost.
    """
    replies = await _pipelined(client, calls)
    first_unknown = _first_unknown(replies)
    if first_unknown is not None:
        # Everything from there on again: what did run meanwhile answers from its receipt.
        rest = calls[first_unknown:]
        replies[first_unknown:] = await _pipelined(client, rest, {call.script for call in rest})
    return replies


async def reply_asking(client: Redis, call: Call) -> Any:
    """The reply of a server of a Cluster that is about to get the call's slot, as replies_to."""
    asking = ("ASKING",)
    _, reply = await _executed(client, [asking, call.command])
    if isinstance(reply, NoScriptError):
        taught = ("SCRIPT", "LOAD", call.script.text)
        *_, reply = await _executed(client, [taught, asking, call.command])
    return reply


async def _pipelined(
    client: Redis, calls: Sequence[Call], taught: Collection[Script] = ()
) -> list[Any]:
    lessons = [("SCRIPT", "LOAD", script.text) for script in taught]
    replies = await _executed(client, chain(lessons, (call.command for call in calls)))
    return replies[len(lessons) :]


async def _executed(client: Redis, commands: Any) -> list[Any]:
    async with client.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute(raise_on_error=False)


def _first_unknown(replies: Sequence[Any]) -> int | None:
    unknown = (at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError))
    return next(unknown, None)


def raise_refusal(replies: Sequence[Any]) -> None:
    """Raises ValueError when a script refused an argument, else the first error of a server."""
    for reply in replies:
        if isinstance(reply, ResponseError) and str(reply).startswith("ARGUMENT"):
            raise ValueError(f"a script refused its argument: {reply}")
        if isinstance(reply, Exception):
            raise reply
