"""A ledger starts only on a store that keeps what it acknowledged."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from metering.safety import StoreWatch, check_store
from metering.store import Store, open_store
from schema.errors import StoreUnavailable, UnsafeStore

UNSAFE = [
    (
        *("appendfsync", "everysec"),
        "The store runs with appendfsync everysec: a power cut loses acknowledged events. "
        "Set appendfsync to always.",
    ),
    (
        *("appendonly", "no"),
        "The store runs with appendonly no: events live only in memory. Set appendonly to yes.",
    ),
    (
        *("no-appendfsync-on-rewrite", "yes"),
        "The store runs with no-appendfsync-on-rewrite yes: a power cut during a rewrite loses "
        "acknowledged events. Set no-appendfsync-on-rewrite to no.",
    ),
    (
        *("maxmemory-policy", "allkeys-lru"),
        "The store runs with maxmemory-policy allkeys-lru: balances vanish when memory is short. "
        "Set maxmemory-policy to noeviction.",
    ),
]


async def test_a_safe_store_has_no_problems(store: Store) -> None:
    assert await check_store(store) == []


@pytest.fixture
async def options(client: Redis) -> AsyncIterator[Redis]:
    """The store, whose options are put back afterwards."""
    names = [name for name, _, _ in UNSAFE]
    before = await client.config_get(*names)
    yield client
    for name in names:
        await client.config_set(name, before[name])


@pytest.mark.parametrize(("name", "value", "sentence"), UNSAFE)
async def test_an_unsafe_option_is_refused_with_what_to_set(
    store: Store, options: Redis, name: str, value: str, sentence: str
) -> None:
    await options.config_set(name, value)

    with pytest.raises(UnsafeStore) as refused:
        await check_store(store)

    assert str(refused.value) == sentence
    assert await check_store(store, on_unsafe="warn") == [sentence]


async def test_an_option_changed_while_the_store_runs_is_noticed_within_30_seconds(
    store: Store, options: Redis
) -> None:
    name, value, sentence = UNSAFE[0]
    now = 1000.0
    watch = StoreWatch(store, clock=lambda: now)
    before = await watch.problems()
    await options.config_set(name, value)

    now += 29.9
    kept = await watch.problems()
    now += 0.1
    after = await watch.problems()

    assert (before, kept, after) == ([], [], [sentence])


@pytest.fixture
async def managed_url(client: Redis, redis_url: str) -> AsyncIterator[str]:
    """The store as a user sees it that may neither read options nor run scripts."""
    await client.acl_setuser(
        "managed", enabled=True, passwords=["+word"], categories=["+@all"], keys=["*"],
        commands=["-config", "-eval"], reset=True,
    )  # fmt: skip
    yield redis_url.replace("unix://", "unix://managed:word@")
    await client.acl_deluser("managed")


async def test_a_store_that_hides_its_options_is_refused_unless_told_to_warn(
    managed_url: str,
) -> None:
    async with open_store(managed_url) as managed:
        with pytest.raises(UnsafeStore):
            await check_store(managed)
        hidden, scripts = await check_store(managed, on_unsafe="warn")

    assert hidden.startswith("The store does not let its options be read (")
    assert (
        "appendonly yes, appendfsync always, no-appendfsync-on-rewrite no, "
        "maxmemory-policy noeviction"
    ) in hidden
    assert scripts.startswith("The store runs no Lua scripts (")


async def test_an_old_store_is_refused(client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    async def info(section: str) -> dict[str, str]:
        return {"redis_version": "6.2.14"}

    monkeypatch.setattr(client, "info", info)

    with pytest.raises(UnsafeStore, match=r"is redis 6\.2\.14: run Valkey 8 or Redis 7\.2"):
        await check_store(Store.on(client))


async def test_an_absent_store_is_unavailable_not_unsafe() -> None:
    async with open_store("unix:///nowhere/to/be/found") as absent:
        with pytest.raises(StoreUnavailable):
            await check_store(absent)
