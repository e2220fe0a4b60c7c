"""Calls of the atomic scripts: many in one round trip, each applied at most once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as ReplyTimeout

from metering.store import store_errors


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


_INCLUDE = re.compile(r"^-- include (\w+)$", re.MULTILINE)


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


async def answers(client: Redis, calls: Sequence[Call]) -> list[Any]:
    """The answer of every call, in order; the store runs them in that order, in one round trip.

    A lost reply is asked for once more, so a script must know a call that it has met before.
    Raises StoreUnavailable; ValueError when a script refuses an argument, which is our mistake.
    """
    with store_errors():
        replies = await _send_twice(client, calls)
        first_unknown = _first_unknown(replies)
        if first_unknown is not None:
            await _load(client, {call.script for call in calls})
            # Everything from there on again: what did run meanwhile answers from its receipt.
            replies[first_unknown:] = await _send_twice(client, calls[first_unknown:])
        _raise_refusal(replies)
        return replies


async def _send_twice(client: Redis, calls: Sequence[Call]) -> list[Any]:
    try:
        return await _send(client, calls)
    except ReplyTimeout:
        return await _send(client, calls)
    except (ConnectionLost, OSError):
        # The other idle connections went the same way: the second try needs a new one.
        await client.connection_pool.disconnect(inuse_connections=False)
        return await _send(client, calls)


async def _send(client: Redis, calls: Sequence[Call]) -> list[Any]:
    async with client.pipeline(transaction=False) as pipeline:
        for call in calls:
            pipeline.execute_command(*call.command)
        return await pipeline.execute(raise_on_error=False)


async def _load(client: Redis, scripts: set[Script]) -> None:
    for each in scripts:
        await client.script_load(each.text)


def _first_unknown(replies: Sequence[Any]) -> int | None:
    unknown = (at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError))
    return next(unknown, None)


def _raise_refusal(replies: Sequence[Any]) -> None:
    for reply in replies:
        if isinstance(reply, ResponseError) and str(reply).startswith("ARGUMENT"):
            raise ValueError(f"a script refused its argument: {reply}")
        if isinstance(reply, Exception):
            raise reply
