"""What one decision costs when calls are gathered, beside what people use instead."""

import asyncio
import json
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from redis.asyncio import Redis

from metering.calls import script
from tests.faults.cluster import cluster_in
from tests.faults.valkey import valkey_in

SECONDS = 3.0
ROUNDS = 3
Figures = dict[str, float]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="bench-") as path:
        yield Path(path)


async def best_of(
    ways: Sequence[str], url: str, callers: int, stores: list[Redis]
) -> list[Figures]:
    """The best round of each way, in turns and each on an empty store: neighbours on the machine
    only ever add."""
    rounds: dict[str, list[Figures]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way in ways:
            for store in stores:
                await store.flushall()
                await store.script_load(script("record_view").text)
            rounds[way].append(await measured(way, url, callers))
    return [max(rounds[way], key=lambda figures: figures["per_second"]) for way in ways]


async def measured(way: str, url: str, callers: int) -> Figures:
    """What a process of its own measured, which does nothing but ask."""
    module = "tests.bench.calling"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, way, url, str(callers), str(SECONDS)), stdout=PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    figures: Figures = json.loads(output)
    return figures


def show(title: str, ways: Sequence[str], best: list[Figures]) -> None:
    ours = best[0]["per_second"]
    print(f"\n{title:26} {'decisions/s':>11} {'p50 ms':>7} {'p99 ms':>7} {'CPU us':>7} {'ours':>6}")
    for way, figures in zip(ways, best, strict=True):
        waits = f"{figures['p50_ms']:7.1f} {figures['p99_ms']:7.1f} {figures['cpu_us']:7.1f}"
        ratio = ours / figures["per_second"]
        print(f"{way:26} {figures['per_second']:11,.0f} {waits} {ratio:5.1f}x")


@pytest.mark.bench
async def test_gathered_calls_against_one_server(folder: Path) -> None:
    ways = (
        *("coalesced", "one_connection_per_call", "watch_multi"),
        *("limits_moving_window", "limits_fixed_window"),
    )

    async with valkey_in(folder), Redis(unix_socket_path=f"{folder}/s") as store:
        best = await best_of(ways, f"unix://{folder}/s", 256, [store])

    show("256 callers, one server", ways, best)
    ours, single, watch, *_ = (figures["per_second"] for figures in best)
    assert ours >= 1.5 * single
    assert ours >= 8 * watch


@pytest.mark.bench
@pytest.mark.parametrize("callers", [32, 256])
async def test_gathered_calls_against_a_cluster_of_three(folder: Path, callers: int) -> None:
    ways = ("coalesced", "stock_cluster")

    async with cluster_in(folder) as cluster:
        best = await best_of(ways, cluster.url, callers, [node.client for node in cluster.nodes])

    show(f"{callers} callers, Cluster of 3", ways, best)
    ours, stock = (figures["per_second"] for figures in best)
    assert ours >= 1.5 * stock
