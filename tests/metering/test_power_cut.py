"""A power cut in the middle of the load: what was acknowledged is still there.

The append-only file is cut to what a sync had brought to disk, as a library preloaded into the
store saw it. A store that syncs once a second shows that the test can fail.
"""

import asyncio
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from metering.meter import LedgerMeter, open_ledger
from metering.verify import VerifyReport, verify_live
from tests.faults.load import Load, logged_requests
from tests.faults.power import AppendOnlyFile, append_only_file, compile_shim, compiler
from tests.faults.valkey import valkey_in
from tests.metering.ledgers import Plans

pytestmark = pytest.mark.skipif(compiler() is None, reason="no C compiler to see syncs with")


@pytest.fixture(scope="module")
def shim() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ledger-") as folder:
        yield compile_shim(Path(folder))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="ledger-") as path:
        yield Path(path)


@asynccontextmanager
async def ledger_in(folder: Path, plans: Plans) -> AsyncIterator[LedgerMeter]:
    url = f"unix://{folder}/s"
    async with open_ledger(url, plans.plan_of, timeout_seconds=5.0, queue_seconds=30.0) as meter:
        yield meter


@dataclass(frozen=True, slots=True)
class Left:
    """What a store knows that was started again."""

    requests: dict[str, str]
    report: VerifyReport


async def killed_under_load(
    folder: Path, shim: Path, plans: Plans, rng: Random, fsync: str
) -> tuple[Load, AppendOnlyFile]:
    notes = folder / "notes"
    watched = {"LD_PRELOAD": str(shim), "SYNCED_NOTES": str(notes)}
    load = Load()
    async with (
        ledger_in(folder, plans) as meter,
        valkey_in(folder, fsync=fsync, environment=watched) as valkey,
    ):
        running = asyncio.create_task(load.run(meter, rng))
        await load.wait_for(rng.randint(200, 900))
        valkey.send_signal(signal.SIGKILL)
        valkey.wait()
        await running
    return load, append_only_file(folder, notes)


async def started_again(folder: Path, plans: Plans) -> Left:
    async with valkey_in(folder), ledger_in(folder, plans) as meter:
        client = await meter.store.of(0)
        requests = await logged_requests(client)
        return Left(requests, await verify_live(meter.store, plans.plan_of))


def lost(load: Load, left: Left) -> list[str | None]:
    """Events that were acknowledged and are not there."""
    told = (answer.event_id for _, answer in load.answered.values())
    return [event_id for event_id in told if event_id not in left.requests]


async def cut(folder: Path, shim: Path, plans: Plans, rng: Random) -> None:
    load, file = await killed_under_load(folder, shim, plans, rng, "always")
    assert file.synced_bytes > 0
    file.cut_at_sync()

    left = await started_again(folder, plans)

    assert lost(load, left) == []
    assert len(set(left.requests.values())) == len(left.requests)
    assert left.report.problems == ()


@pytest.mark.parametrize("seed", range(3))
async def test_a_power_cut_takes_nothing_that_was_acknowledged(
    seed: int, folder: Path, shim: Path, plans: Plans
) -> None:
    await cut(folder, shim, plans, Random(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
async def test_twenty_power_cuts_take_nothing_that_was_acknowledged(
    seed: int, folder: Path, shim: Path, plans: Plans
) -> None:
    await cut(folder, shim, plans, Random(seed))


async def test_a_store_that_syncs_once_a_second_loses_what_it_acknowledged(
    folder: Path, shim: Path, plans: Plans
) -> None:
    """Why the ledger refuses such a store, and what the tests above would show of it."""
    load, file = await killed_under_load(folder, shim, plans, Random(1), "everysec")
    assert file.size_bytes > file.synced_bytes
    file.cut_at_sync()

    left = await started_again(folder, plans)

    assert len(lost(load, left)) > 0
    assert left.report.problems == ()


@pytest.mark.parametrize("seed", range(2))
async def test_a_file_that_ends_in_the_middle_of_a_command_is_a_ledger_that_proves_itself(
    seed: int, folder: Path, shim: Path, plans: Plans
) -> None:
    rng = Random(seed)
    load, file = await killed_under_load(folder, shim, plans, rng, "everysec")
    whole = folder / "whole"
    shutil.copytree(file.path.parent, whole)
    before = await started_again(folder, plans)
    for path in whole.iterdir():
        shutil.copy(path, file.path.parent / path.name)
    file.cut_behind_sync(rng)

    left = await started_again(folder, plans)

    assert left.report.problems == ()
    assert left.requests.items() <= before.requests.items()
    assert lost(load, before) == []
