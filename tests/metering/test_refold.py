"""Folding rows fast says the same as folding their events one by one."""

import random
from datetime import UTC, datetime

from metering.entries import COLUMNS, Readings, read_id, read_into
from metering.fold import ShardState
from metering.refold import Refold
from schema.instants import instant
from tests.metering.archives import view as view_entry
from tests.metering.archives import viewer
from tests.metering.ledgers import SHARD

LATE = datetime(2100, 1, 1, tzinfo=UTC)


def refolded(entries: list[tuple[str, dict[str, str]]], recent: datetime = LATE) -> Refold:
    refold = Refold(SHARD, recent)
    rows = []
    for stream_id, fields in entries:
        at_ms, seq = read_id(stream_id)
        readings = Readings([], [], [])
        flat = [part for pair in fields.items() for part in pair]
        read_into(readings, SHARD, instant(at_ms), seq, flat)
        [row] = readings.rows
        rows.append(dict(zip(COLUMNS, row, strict=False)) | {"is_erased": False})
    refold.add_rows(rows)
    return refold


def folded(entries: list[tuple[str, dict[str, str]]]) -> ShardState:
    refold = Refold(SHARD, LATE)
    for stream_id, fields in entries:
        refold.add_entry(stream_id, fields)
    return refold.state


def some_entries(seed: int, count: int = 400) -> list[tuple[str, dict[str, str]]]:
    """Views of a few viewers in any order, in windows of every kind, under rising assignments."""
    rng = random.Random(seed)
    people = [viewer(rng.choice("gu")) for _ in range(8)]
    entries = []
    for seq in range(1, count + 1):
        who, outcome = rng.choice(people), rng.choice("UUURMLNB")
        window = rng.choice(["L.0", f"D.{seq // 50}", f"R30.{seq // 100}", "M.24300"])
        network = "n" * 12 + f"/{seq}/50" if who[0] == "g" and outcome in "UN" else ""
        fields = view_entry(
            *(who, outcome, f"ICD10CM:A{rng.randrange(9):02}"),
            network=network,
            window=window,
            assignment=str(seq // 100),
        )
        entries.append((f"{1_795_600_000_000 + seq}-{seq}", fields))
    return entries


def test_any_views_fold_alike_from_rows_and_from_entries() -> None:
    for seed in range(20):
        entries = some_entries(seed)

        assert refolded(entries).state == folded(entries), seed


def test_what_is_recent_is_known_by_the_end_of_its_answer() -> None:
    entries = some_entries(1, 10)
    at_ms, _ = read_id(entries[7][0])

    refold = refolded(entries, instant(at_ms))

    assert refold.answered == {stream_id for stream_id, _ in entries[7:]}
    assert refold.events == 10
