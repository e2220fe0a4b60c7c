"""Whether a store is one that keeps what it acknowledged."""

import time
from collections.abc import Callable
from typing import Literal

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from metering.store import Store, store_errors
from schema.errors import UnsafeStore

# What the scripts need came with Redis 7.0; below these versions nobody mends a server any more.
_OLDEST = {"valkey_version": (8, 0), "redis_version": (7, 2)}

_WANTED = {
    "appendonly": ("yes", "events live only in memory"),
    "appendfsync": ("always", "a power cut loses acknowledged events"),
    # With `yes` nothing is fsynced while the file is rewritten, which takes minutes.
    "no-appendfsync-on-rewrite": ("no", "a power cut during a rewrite loses acknowledged events"),
    "maxmemory-policy": ("noeviction", "balances vanish when memory is short"),
}

_SLOTS = 16384
"""Of every Cluster."""

_WATCH_SECONDS = 30.0


async def check_store(store: Store, on_unsafe: Literal["refuse", "warn"] = "refuse") -> list[str]:
    """What makes the store unsafe for a ledger, one sentence each that says what to set.

    Empty when nothing does; what is true of several servers is said once. With `refuse` raises
    UnsafeStore instead of answering sentences; with `warn` the caller logs them. Raises
    StoreUnavailable when a server does not answer.
    """
    problems: dict[str, None] = {}
    with store_errors():
        primaries = await store.primaries()
        for client in primaries:
            problems |= dict.fromkeys(await _cluster_problems(client, len(primaries)))
            problems |= dict.fromkeys(await _version_problems(client))
            problems |= dict.fromkeys(await _option_problems(client))
            problems |= dict.fromkeys(await _script_problems(client))
    if problems and on_unsafe == "refuse":
        raise UnsafeStore(" ".join(problems))
    return list(problems)


class StoreWatch:
    """check_store again and again: options can be changed while a store runs."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds from anywhere."""
        self._store = store
        self._clock = clock
        self._asked: tuple[float, list[str]] | None = None

    async def problems(self) -> list[str]:
        """As check_store with `warn`, at most 30 seconds old; raises StoreUnavailable."""
        now = self._clock()
        if self._asked is None or now - self._asked[0] >= _WATCH_SECONDS:
            self._asked = (now, await check_store(self._store, "warn"))
        return self._asked[1]


async def _version_problems(client: Redis) -> list[str]:
    server = await client.info("server")
    # Valkey calls itself Redis 7.2.4 as well, for old clients: its own field comes first.
    field = next(name for name in _OLDEST if name in server)
    found = str(server[field])
    if tuple(int(part) for part in found.split(".")[:2]) >= _OLDEST[field]:
        return []
    return [f"The store is {field.split('_')[0]} {found}: run Valkey 8 or Redis 7.2, or later."]


async def _option_problems(client: Redis) -> list[str]:
    try:
        options = await client.config_get(*_WANTED)
    except ResponseError as refused:
        named = ", ".join(f"{name} {wanted}" for name, (wanted, _) in _WANTED.items())
        return [
            f"The store does not let its options be read ({refused}): make sure that it runs "
            f"with {named}, then set the server to warn instead of refusing."
        ]
    return [
        f"The store runs with {name} {options.get(name, 'unknown')}: {danger}. "
        f"Set {name} to {wanted}."
        for name, (wanted, danger) in _WANTED.items()
        if options.get(name) != wanted
    ]


async def _cluster_problems(client: Redis, primaries: int) -> list[str]:
    if not (await client.info("cluster")).get("cluster_enabled"):
        return []
    state = await client.cluster("info")
    if int(state["cluster_size"]) > primaries == 1:
        return [
            f"The store is one node of a Cluster of {state['cluster_size']}: name it by a URL of "
            "redis+cluster:// instead."
        ]
    if int(state["cluster_slots_ok"]) < _SLOTS:
        return [
            f"The Cluster serves {state['cluster_slots_ok']} of its {_SLOTS} slots: bring back "
            "the node that is lost, or give its slots to another."
        ]
    return []


async def _script_problems(client: Redis) -> list[str]:
    try:
        await client.eval("#!lua\nreturn 1", 0)
    except ResponseError as refused:
        return [f"The store runs no Lua scripts ({refused}): allow EVAL, EVALSHA and SCRIPT LOAD."]
    return []
