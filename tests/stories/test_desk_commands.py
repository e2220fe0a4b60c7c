"""The commands of the desk as staff runs them, beside a server."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from db.embedded import StoreUrls
from db.fallback import open_episode
from db.pool import Database, open_database
from db.usage import cursors
from graph.secret import checkpoint_seed
from metering.shards import keys_of, shard_of
from tests.metering.archives import archive_all, archive_of
from tests.stories.conftest import run_codestile

SEED = checkpoint_seed(b"a secret of the tests, 32 characters and more")
"""What the servers and commands here sign and trust."""
BY = ("--actor", "staff-1", "--reason", "A reader asked for it.")
ACCOUNT = "u" + "a" * 22
DONE = re.compile(r"done: event (\d+:1:\d+-(\d+))\n")


@pytest.fixture
def desk(database_url: str, redis_url: str) -> Callable[..., Any]:
    """Runs `codestile ledger …` on a database of its own and the ledger of `browser`."""

    async def command(*arguments: str) -> tuple[int, str, str]:
        return await run_codestile(StoreUrls(database_url, redis_url), "ledger", *arguments)

    return command


@pytest.fixture
def ledger(redis_url: str) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
async def guest(browser: Any, ledger: Any) -> str:
    """A guest who opened I10."""
    await browser.open("I10")
    [key] = ledger.scan_iter("{*}:v:*")
    return str(key.partition(":v:")[2])


@pytest.fixture
async def archived(database_url: str, redis_url: str) -> AsyncIterator[Callable[..., Any]]:
    """Archives everything so far; answers the database."""
    async with (
        open_database(database_url, size=4) as database,
        redis.asyncio.Redis.from_url(redis_url, decode_responses=True) as client,
    ):

        async def all_shards() -> Database:
            for cursor in await cursors(database):
                if await client.exists(keys_of(cursor.shard).log):
                    await archive_all(archive_of(database, client, seed=SEED), cursor.shard)
            return database

        yield all_shards


def seq_of(output: str) -> str:
    """The number of the event that a command says it recorded."""
    found = DONE.fullmatch(output)
    assert found, output
    return found[2]


async def test_a_view_that_was_given_back_can_be_spent_anew(
    browser: Any, guest: str, desk: Any
) -> None:
    refused = await browser.open("J45.901")

    code, output, errors = await desk("void", guest, "ICD10CM:I10", "--cause", "mistake", *BY)

    assert refused["__typename"] == "ViewLimitReached"
    assert (code, errors, bool(DONE.fullmatch(output))) == (0, "", True)
    opened = await browser.open("J45.901")
    assert (opened["__typename"], opened["view"]["wasCharged"]) == ("CodePage", True)


async def test_a_granted_view_can_be_spent_until_it_is_taken_back(
    browser: Any, guest: str, desk: Any
) -> None:
    code, output, _ = await desk("grant", guest, "1", "--until", "2100-01-01", *BY)
    opened = await browser.open("J45.901")
    taken = await desk("ungrant", guest, seq_of(output), *BY)
    refused = await browser.open("E11.9")

    assert code == 0
    assert opened["__typename"] == "CodePage"
    assert (taken[0], bool(DONE.fullmatch(taken[1]))) == (0, True)
    assert refused["__typename"] == "ViewLimitReached"


async def test_a_blocked_guest_opens_nothing_until_unblocked_and_a_reset_begins_anew(
    browser: Any, guest: str, desk: Any, ledger: Any
) -> None:
    blocked = await desk("block", guest, *BY)
    refused = await browser.open("I10")
    unblocked = await desk("unblock", guest, *BY)
    opened = await browser.open("I10")
    cleared = await desk("reset", guest, *BY)

    assert [answer[0] for answer in (blocked, unblocked, cleared)] == [0, 0, 0]
    assert refused["__typename"] == "Forbidden"
    assert opened["__typename"] == "CodePage"
    [key] = ledger.scan_iter("{*}:v:*")
    assert ledger.hkeys(key) == ["admitted", "assignment"]


async def test_a_networks_budget_begins_anew(guest: str, desk: Any, ledger: Any) -> None:
    [key] = ledger.scan_iter("{*}:n:*")
    [log] = ledger.scan_iter("{*}:log")
    shard, name = int(log[2:4]), key.partition(":n:")[2]

    code, output, _ = await desk("reset", f"--network={name}", "--shard", str(shard), *BY)

    assert (code, bool(DONE.fullmatch(output))) == (0, True)
    assert ledger.exists(key) == 0
    assert guest


async def test_the_same_request_is_done_once(desk: Any, ledger: Any) -> None:
    again = ("grant", ACCOUNT, "2", "--request", "r" * 22, *BY)

    first, second = await desk(*again), await desk(*again)

    event = DONE.fullmatch(first[1])
    assert event
    assert second == (0, f"done before, by this request: event {event[1]}\n", "")
    assert ledger.xlen(keys_of(shard_of(ACCOUNT)).log) == 1


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (
            ("void", ACCOUNT, "ICD10CM:I10", "--cause", "mistake"),
            "the viewer was not charged for that code in its last window",
        ),
        (("ungrant", ACCOUNT, "7"), "the viewer has no grant of that number"),
        (("unblock", ACCOUNT), "it is so already"),
        (("block", "g" + "x" * 22), "nothing is known of g" + "x" * 22),
        (("erase", "g" + "x" * 22), "nothing is known of g" + "x" * 22),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
async def test_what_cannot_be_done_says_why_and_records_nothing(
    desk: Any, ledger: Any, command: tuple[str, ...], why: str
) -> None:
    answer = await desk(*command, *BY)

    assert answer == (1, f"nothing done: {why}\n", "")
    assert list(ledger.scan_iter("{*}:log")) == []


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("block", "someone", *BY), "'someone' is no viewer: g or u and 22 characters"),
        (
            ("void", ACCOUNT, "I10", "--cause", "mistake", *BY),
            "'I10' is no code; write ICD10CM:I10",
        ),
        (
            ("grant", ACCOUNT, "1", "--until", "soon", *BY),
            "'soon' is no date; write 2026-11-25",
        ),
        (
            ("grant", ACCOUNT, "1", "--until", "2026-01-01", *BY),
            "--until 2026-01-01 lies behind",
        ),
        (
            ("grant", ACCOUNT, "0", *BY),
            "units: Input should be greater than or equal to 1",
        ),
        (
            ("block", ACCOUNT, "--request", "again", *BY),
            "--request takes the 22 characters that a command named",
        ),
        (
            ("block", ACCOUNT, "--actor", "staff-1", "--reason", "One line.\nAnother."),
            "--reason takes one line",
        ),
        (("block", ACCOUNT, "--shard", "64", *BY), "there is no shard 64; they are 0 to 63"),
        (
            ("block", ACCOUNT, "--shard", str((shard_of(ACCOUNT) + 1) % 64), *BY),
            f"{ACCOUNT} is not in shard {(shard_of(ACCOUNT) + 1) % 64}; leave --shard out",
        ),
        (("reset", *BY), "name a viewer, or a network by --network and --shard"),
    ],
)
async def test_what_a_command_cannot_take_is_refused_with_a_sentence(
    desk: Any, ledger: Any, command: tuple[str, ...], sentence: str
) -> None:
    answer = await desk(*command)

    assert answer == (1, "", f"codestile: {sentence}\n")
    assert list(ledger.scan_iter("*")) == []


async def test_nothing_is_done_while_postgresql_decides(
    desk: Any, ledger: Any, database: Database
) -> None:
    await open_episode(database, "a test", "no reason", unseen=0, floor_ms=0)

    answer = await desk("block", ACCOUNT, *BY)

    assert answer == (1, "nothing done: PostgreSQL decides until the ledger's store is back\n", "")
    assert list(ledger.scan_iter("*")) == []


async def test_an_erased_guest_is_gone_from_the_store_and_told_so(
    guest: str, desk: Any, ledger: Any
) -> None:
    code, output, errors = await desk("erase", guest, *BY)
    told = await desk("viewer", guest)

    assert (code, errors) == (0, "")
    assert output.startswith(f"erased {guest} by event ")
    assert output.endswith("complete within 48 hours\n")
    assert list(ledger.scan_iter("{*}:v:*")) == []
    assert told == (1, f"nothing is known of {guest}\n", "")


async def test_everything_about_a_guest_is_printed_as_json(guest: str, desk: Any) -> None:
    code, output, errors = await desk("viewer", guest)

    told = json.loads(output)
    assert (code, errors, told["viewer"]) == (0, "", guest)
    assert told["allowance"]["ICD10CM:I10"] == "c"
    assert [entry["code"] for entry in told["eventsNotArchivedYet"]] == ["ICD10CM:I10"]


async def test_archived_events_are_exported_in_order_and_what_waits_is_counted(
    browser: Any, guest: str, desk: Any, archived: Any
) -> None:
    await desk("grant", ACCOUNT, "1", "--actor", "staff-1", "--reason", "=1+1")
    await browser.open("I10")
    await archived()
    await browser.open("I10")
    span = ("--from", "2000-01-01", "--to", "2100-01-01")

    code, output, errors = await desk("export", *span)
    table = await desk("export", *span, "--format", "csv")
    earlier = await desk("export", "--from", "2000-01-01", "--to", "2000-01-02")

    events = [json.loads(line) for line in output.splitlines()]
    waits = "codestile: 1 events are not archived yet and may be missing above\n"
    assert (code, errors) == (0, waits)
    places = [(event["data"]["shard"], event["data"]["seq"]) for event in events]
    assert (len(places), places) == (3, sorted(places))
    assert {event["subject"] for event in events} == {guest, ACCOUNT}
    rows = list(csv.DictReader(io.StringIO(table[1], newline="")))
    assert [row["id"] for row in rows] == [event["id"] for event in events]
    assert [row["reason"] for row in rows if row["reason"]] == ["'=1+1"]
    assert earlier == (0, "", waits)


def elsewhere(event: dict[str, Any], number: int) -> dict[str, Any]:
    """The event as another deployment would have it, of another guest."""
    told = json.loads(json.dumps(event))
    told["id"] = f"{told['data']['shard']}:1:{number}-{number}"
    told["subject"] = "g" + f"{number:022}"
    told["data"]["requestId"] = f"{number:012}"
    return told


def write_lines(path: Path, *events: dict[str, Any]) -> str:
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    return str(path)


@pytest.fixture
async def exported(browser: Any, guest: str, desk: Any, archived: Any) -> list[dict[str, Any]]:
    """What a ledger exports: a guest's unlock, its repeat, and a block."""
    await browser.open("I10")
    await desk("block", guest, *BY)
    await archived()
    _, output, _ = await desk("export", "--from", "2000-01-01", "--to", "2100-01-01")
    return [json.loads(line) for line in output.splitlines()]


NOT_UNLOCKS = (
    "not imported: 1 org.codestile.ledger.page-viewed.v1 REPEATED\n"
    "not imported: 1 org.codestile.ledger.viewer-blocked.v1\n"
)


async def test_an_export_of_elsewhere_is_imported_once_and_the_ledger_is_proved(
    exported: list[dict[str, Any]], desk: Any, ledger: Any, tmp_path: Path
) -> None:
    others = [elsewhere(exported[0], number) for number in (1, 2)]
    file = write_lines(tmp_path / "events.ndjson", *others, *exported[1:])
    [log] = ledger.scan_iter("{*}:log")
    entries = ledger.xlen(log)

    dry = await desk("import", file, "--dry-run")
    untouched = ledger.xlen(log)
    first = await desk("import", file)
    second = await desk("import", file)
    proof = await desk("verify")

    assert [event["data"].get("outcome") for event in exported] == ["UNLOCKED", "REPEATED", None]
    assert dry == (
        0,
        f"2 of 2 unlocks would be entered, 0 are here already\n{NOT_UNLOCKS}",
        "",
    )
    assert untouched == entries
    assert first == (0, f"2 of 2 unlocks entered, 0 are here already\n{NOT_UNLOCKS}", "")
    assert second == (
        0,
        f"nothing entered: all 2 unlocks are here already\n{NOT_UNLOCKS}",
        "",
    )
    assert [entry["type"] for _, entry in ledger.xrange(log)][entries:] == ["import", "import"]
    assert ledger.hgetall(log.replace(":log", f":v:{others[0]['subject']}")) == {
        "window": "L.0",
        "used": "1",
        "ICD10CM:I10": "i",
    }
    assert (proof[0], proof[2]) == (0, ""), proof[1]
    assert proof[1].endswith("every balance equals the fold of the log.\n")


async def test_an_export_of_the_same_ledger_adds_nothing(
    exported: list[dict[str, Any]], desk: Any, ledger: Any, tmp_path: Path
) -> None:
    file = write_lines(tmp_path / "events.ndjson", *exported)
    [log] = ledger.scan_iter("{*}:log")
    entries = ledger.xlen(log)

    answer = await desk("import", file)

    assert answer == (
        0,
        f"nothing entered: all 1 unlocks are here already\n{NOT_UNLOCKS}",
        "",
    )
    assert ledger.xlen(log) == entries


async def test_what_does_not_fit_here_is_left_out_and_told(
    exported: list[dict[str, Any]], desk: Any, tmp_path: Path
) -> None:
    strange, good = elsewhere(exported[0], 1), elsewhere(exported[0], 2)
    strange["data"]["planKey"] = "elsewhere"
    left_out = "left out: 1, its version of the plan is not here\n"

    both = await desk("import", write_lines(tmp_path / "both", strange, good))
    alone = await desk("import", write_lines(tmp_path / "alone", strange))

    assert both == (0, f"1 of 2 unlocks entered, 0 are here already\n{left_out}", "")
    assert alone == (1, f"0 of 1 unlocks entered, 0 are here already\n{left_out}", "")


async def test_a_line_that_is_no_event_is_named_and_nothing_of_the_file_is_entered(
    exported: list[dict[str, Any]], desk: Any, ledger: Any, tmp_path: Path
) -> None:
    [log] = ledger.scan_iter("{*}:log")
    entries = ledger.xlen(log)
    good, wrong = elsewhere(exported[0], 1), elsewhere(exported[0], 2)
    wrong["data"]["used"] = "many"
    file = write_lines(tmp_path / "events.ndjson", good, wrong)

    answer = await desk("import", file)
    missing = await desk("import", str(tmp_path / "missing"))
    empty = await desk("import", write_lines(tmp_path / "empty", exported[-1]))

    assert answer == (1, "", f"codestile: {file}:2:1: used: Input should be a valid integer\n")
    assert ledger.xlen(log) == entries
    assert missing == (1, "", f"codestile: {tmp_path}/missing: No such file or directory\n")
    assert empty[:2] == (
        1,
        "nothing done: the file tells of no unlock\n"
        "not imported: 1 org.codestile.ledger.viewer-blocked.v1\n",
    )


async def test_nothing_is_imported_while_postgresql_decides(
    exported: list[dict[str, Any]], desk: Any, database: Database, tmp_path: Path
) -> None:
    await open_episode(database, "a test", "no reason", unseen=0, floor_ms=0)

    answer = await desk("import", write_lines(tmp_path / "one", elsewhere(exported[0], 1)))

    assert answer == (1, "nothing done: PostgreSQL decides until the ledger's store is back\n", "")
