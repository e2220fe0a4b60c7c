"""Planted bugs: what a simulator that is worth its time has to notice."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from itertools import count
from typing import Any
from unittest.mock import patch

from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from metering.calls import Call, replies_to, script
from metering.coalescer import Coalescer
from metering.meter import LedgerMeter
from metering.windows import window_at
from schema.errors import StoreUnavailable
from schema.usage import Allowance, Decision, Outcome

Edit = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class ScriptBug:
    """A text of a script, and what stands there instead."""

    name: str
    found: str
    planted: str = ""

    @contextmanager
    def planted_in(self) -> Iterator[Edit]:
        """The edit of every script that plants it; fails where the text is nowhere any more."""
        names = [path.name.removesuffix(".lua") for path in (files("metering") / "lua").iterdir()]
        texts = [script(name).text for name in names if name != "shared"]
        assert any(self.found in text for text in texts), f"{self.name}: no script says that"
        yield lambda text: text.replace(self.found, self.planted)


@dataclass(frozen=True, slots=True)
class ClientBug:
    """An attribute of the client's code, and what stands there instead."""

    name: str
    places: tuple[str, ...]
    """`module:attribute`, one or more."""
    planted: Any

    @contextmanager
    def planted_in(self) -> Iterator[Edit]:
        """Plants it while the block runs; fails where the attribute is not there any more."""
        with ExitStack() as stack:
            for place in self.places:
                module, _, path = place.partition(":")
                *owners, attribute = path.split(".")
                owner: Any = importlib.import_module(module)
                for name in owners:
                    owner = getattr(owner, name)
                stack.enter_context(patch.object(owner, attribute, self.planted))
            yield lambda text: text


_numbers = count(1)


def _another_receipt(call: Call) -> tuple[str | int, ...]:
    keys = [f"{key}{next(_numbers)}" if ":r:" in key else key for key in call.keys]
    return ("EVALSHA", call.script.digest, len(keys), *keys, *call.arguments)


def _retry_by_default(*_: Any) -> Retry:
    """What redis-py does unless told otherwise.

    To scripts this alone does no harm: what is sent again has the same request id, so the receipt
    answers, and the deadline of a call ends the tries. It is who asks without a script, for the
    clock of the ledger, that waits for eleven timeouts of a store that says nothing.
    """
    return Retry(ExponentialWithJitterBackoff(base=0.01, cap=1), 10)


async def _mixed_up(self: Coalescer, batch: Any) -> None:
    present = [asked for asked in batch if not asked.replies.done()]
    replies = await replies_to(self._client, [call for asked in present for call in asked.calls])
    for asked in present:
        if not asked.replies.done():
            asked.replies.set_result(replies[: len(asked.calls)])


_view = LedgerMeter.view


async def _open_when_away(self: LedgerMeter, requests: Any) -> Any:
    try:
        return await _view(self, requests)
    except StoreUnavailable as away:
        if "clock" in str(away):
            raise
        allowance = Allowance(limit=1, used=1, resets_at=None)
        now = {"recorded_at": "2026-01-01T00:00:00Z", "is_replayed": False}
        told = Decision(
            outcome=Outcome.UNLOCKED,
            is_charged=True,
            allowance=allowance,
            event_id="0:0:0-0",
            **now,
        )
        return [told for _ in requests]


async def _backwards(self: LedgerMeter, requests: Any) -> Any:
    return (await _view(self, requests))[::-1]


def _second_unknown(replies: Any) -> int | None:
    unknown = [at for at, reply in enumerate(replies) if "NOSCRIPT" in str(reply)]
    return unknown[0] + 1 if unknown else None


BUGS: tuple[ScriptBug | ClientBug, ...] = (
    ScriptBug("one view too many", "used >= limit", "used > limit"),
    ScriptBug(
        "a view has no receipt",
        "local answer = told_first .. id\nredis.call('SET', receipt, answer, 'PX', RECEIPT_MS)",
        "local answer = told_first .. id",
    ),
    ScriptBug("the receipt is not read", "if told then return {'DECIDED', told, 1} end"),
    ScriptBug("a receipt lives a tenth of a second", "RECEIPT_MS = 3600000", "RECEIPT_MS = 100"),
    ScriptBug("an act has no receipt", "if told then return {'DONE', told, 1} end"),
    ScriptBug(
        "a window may go back",
        "local is_behind = last_number and number < last_number",
        "local is_behind = false",
    ),
    ScriptBug(
        "a window may begin early",
        "local is_early = now < tonumber(starts) and number ~= last_number",
        "local is_early = false",
    ),
    ScriptBug("a window may end late", " or now >= tonumber(ends) then", " then"),
    ScriptBug(
        "a rolling window begins anew", "if not is_same then anchor = now end", "anchor = now"
    ),
    ScriptBug("what is used is not stored", "{'used', used, code, 'c'}", "{code, 'c'}"),
    ScriptBug("the code is not stored", "{'used', used, code, 'c'}", "{'used', used}"),
    ScriptBug(
        "an admitted guest is not counted",
        "redis.call('HSET', network, 'admitted', whole(admitted_guests))",
    ),
    ScriptBug(
        "an admission is forgotten", "fields[#fields + 1], fields[#fields + 2] = 'admitted', '1'"
    ),
    ScriptBug(
        "a guest too many is admitted",
        "admitted_guests < tonumber(budget)",
        "admitted_guests <= tonumber(budget)",
    ),
    ScriptBug(
        "an old pseudonym of a network is taken",
        "if tonumber(period) ~= math.floor(now / tonumber(period_ms)) then "
        "return {'NETWORK_EXPIRED'} end",
    ),
    ScriptBug(
        "an outdated plan is taken",
        "if assignment < seen_assignment then return {'STALE_ASSIGNMENT'} end",
    ),
    ScriptBug(
        "a newer plan is not remembered",
        "if is_fence_raised then redis.call('HSET', viewer, 'assignment', assignment) end",
    ),
    ScriptBug(
        "the clock of the shard goes back",
        "math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(last[4] or 0))",
        "time[1] * 1000 + math.floor(time[2] / 1000)",
    ),
    ScriptBug(
        "a refusal is not in the log",
        "redis.call('XADD', log, id,",
        "local sent = select(14, ...) == 'L' and redis.call('TIME') or redis.call('XADD', log, id,",
    ),
    ScriptBug("the number of an event stays", "'seq', number,", "'seq', whole(seq - 1),"),
    ScriptBug(
        "a grant never expires", "if expires == '0' or tonumber(expires) > now then", "if true then"
    ),
    ScriptBug(
        "codes outlive their window",
        "    redis.call('UNLINK', viewer)\n    for index",
        "    for index",
    ),
    ScriptBug(
        "a block ends with the window", "'grants', 'blocked', 'adopted'}", "'grants', 'adopted'}"
    ),
    ScriptBug("a blocked viewer reads on", "if blocked then", "if false then"),
    ScriptBug("a sealed guest reads on", "if moved then return {'GUEST_SEALED'} end"),
    ScriptBug("the seal is not kept", "redis.call('HSET', viewer, 'moved', account)"),
    ScriptBug(
        "a guest is taken over twice",
        "if codes == '' or string.find(",
        "if codes == '' or false and string.find(",
    ),
    ScriptBug("what was adopted counts as charged", "code, 'a') end", "code, 'c') end"),
    ScriptBug("a view given back stays used", "whole(used - 1)", "whole(used)"),
    ScriptBug(
        "a reset keeps the codes",
        "string.find(name, ':', 1, true) then\n    redis.call('HDEL'",
        "false then\n    redis.call('HDEL'",
    ),
    ScriptBug(
        "an erased viewer stays",
        "redis.call('UNLINK', viewer, flood)",
        "redis.call('UNLINK', flood)",
    ),
    ScriptBug("a grant is taken back twice", "if not is_found then return {'NO_SUCH_GRANT'} end"),
    ScriptBug(
        "a plan is set again", "if tonumber(assignment) == seen then return {'UNCHANGED'} end"
    ),
    ScriptBug("a flood is miscounted", "whole(count + 1)", "whole(count)"),
    ScriptBug("a flood is dropped", "if rest then write_counted(held) end"),
    ScriptBug(
        "what waits is not recorded after the clock stepped back",
        "if latest >= now then latest = math.huge end",
    ),
    ClientBug(
        "a retry has another receipt", ("metering.calls:Call.command",), property(_another_receipt)
    ),
    ClientBug("redis-py retries as it likes", ("metering.server:Retry",), _retry_by_default),
    ClientBug(
        "callers get the replies of another", ("metering.coalescer:Coalescer._send",), _mixed_up
    ),
    ClientBug(
        "a silent store is waited for",
        ("metering.deadline:Deadline._come_due",),
        lambda _: None,
    ),
    ClientBug(
        "a forgotten script skips a call", ("metering.calls:_first_unknown",), _second_unknown
    ),
    ClientBug(
        "a forgotten script is not taught", ("metering.calls:_first_unknown",), lambda _: None
    ),
    ClientBug("answers come in another order", ("metering.meter:LedgerMeter.view",), _backwards),
    ClientBug(
        "pages open when the store is away", ("metering.meter:LedgerMeter.view",), _open_when_away
    ),
    ClientBug(
        "the last window is not heeded",
        ("metering.meter:_told_window",),
        lambda plan, reply: window_at(plan, reply[1]),
    ),
)
