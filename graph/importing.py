"""What an export tells of unlocks, entered into this ledger by the desk."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from graph.desk import AWAY, Desk, Told
from metering.entering import Entering, Tally
from metering.incoming import LONGEST_LINE_BYTES, Unlock, read_line
from schema.errors import FileRefused, OptionRefused, StoreUnavailable

UNLOCKS_AT_ONCE = 200
MOST_NOT_ARCHIVED = 100_000
"""Events behind the archive that are held in memory, to know what is here already."""
MOST_KINDS = 100
"""Of events that are not imported and are told apart."""
_OTHERS = "of other types"


async def import_file(desk: Desk, file: BinaryIO, name: str, *, is_dry: bool = False) -> Told:
    """Enter the unlocks of a file, once it was read to its end and every line of it is an event.

    Raises FileRefused for the first line that is none, before anything is entered; OptionRefused
    when the file cannot be read twice or the archive is too far behind; StoreUnavailable.
    """
    if not file.seekable():
        raise OptionRefused(f"{name} is read twice: give a file, not a stream")
    if desk.meter.episode is not None:
        return AWAY
    now_ms = await desk.meter.now_ms()
    others: Counter[str] = Counter()
    found = sum(1 for _ in _unlocks(file, name, now_ms, others))
    waiting = await desk.not_archived()
    if waiting > MOST_NOT_ARCHIVED:
        raise OptionRefused(f"{waiting} events are not archived yet: let the worker come near")
    entering = Entering(desk.store, desk.database, desk.plans.plan_of)
    await entering.begin()
    file.seek(0)
    # What was appended meanwhile was not looked at.
    unlocks = islice(_unlocks(file, name, now_ms, Counter()), found)
    is_whole = await _entered(desk, entering, unlocks, is_dry=is_dry)
    return _told(entering.tally, found, others, is_dry=is_dry, is_whole=is_whole)


def _unlocks(file: BinaryIO, name: str, now_ms: int, others: Counter[str]) -> Iterator[Unlock]:
    """The unlocks of the file; everything else is counted in `others`. Raises FileRefused."""
    number = 0
    while line := file.readline(LONGEST_LINE_BYTES + 1):
        number += 1
        if not line.strip():
            continue
        try:
            read = read_line(line, now_ms)
        except ValueError as wrong:
            raise FileRefused(name, str(wrong), line=number) from wrong
        if isinstance(read, Unlock):
            yield read
        else:
            others[read if read in others or len(others) < MOST_KINDS else _OTHERS] += 1


async def _entered(
    desk: Desk, entering: Entering, unlocks: Iterator[Unlock], *, is_dry: bool
) -> bool:
    """Whether all were seen to; False when PostgreSQL began to decide meanwhile."""
    try:
        while some := list(islice(unlocks, UNLOCKS_AT_ONCE)):
            await desk.meter.look()
            if desk.meter.episode is not None:
                return False
            await entering.enter(some, is_dry=is_dry)
    except StoreUnavailable as away:
        reason = str(away).rpartition(" is unavailable: ")[2]
        done = f"{entering.tally.entered} unlocks were entered: repeat the command for the rest"
        raise StoreUnavailable(away.store, f"{reason}; {done}") from away
    return True


def _told(tally: Tally, found: int, others: Counter[str], *, is_dry: bool, is_whole: bool) -> Told:
    lines = [_sentence(tally, found, is_dry=is_dry)]
    if not is_whole:
        lines.append("PostgreSQL decides now: repeat the command once the ledger's store is back")
    if tally.above:
        lines.append(f"above the viewer's limit: {tally.above}")
    lines += [f"left out: {count}, {why}" for why, count in sorted(tally.unfit.items())]
    lines += [f"not imported: {count} {kind}" for kind, count in sorted(others.items())]
    is_done = is_whole and (tally.entered > 0 or tally.known > 0)
    return Told("\n".join(lines), is_done=is_done)


def _sentence(tally: Tally, found: int, *, is_dry: bool) -> str:
    if not found:
        return "nothing done: the file tells of no unlock"
    if not tally.entered and tally.known == found:
        return f"nothing entered: all {found} unlocks are here already"
    entered = f"{tally.entered} of {found} unlocks {'would be ' if is_dry else ''}entered"
    return f"{entered}, {tally.known} are here already"
