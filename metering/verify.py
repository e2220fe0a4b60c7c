"""The proof of the ledger: every balance in the store equals the fold of the log.

Works on a live system: each hash is read in one step with the number of the last event, and
compared with the fold of the log up to exactly that event.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from redis.asyncio import Redis

from metering.calls import Call, answers, script
from metering.findings import Findings, Problem, VerifyReport
from metering.fold import ShardState
from metering.live import RECEIPT_MS, receipt_of, viewer_fields
from metering.log import FORMAT, UnreadableEvent, read_event
from metering.meter import DEFAULT_ADMISSION
from metering.policy import AdmissionRule, PlanOf, Verdict, decide, event_of, request_of
from metering.shards import TAGS, keys_of
from metering.store import store_errors
from metering.windows import milliseconds
from schema.events import PageViewed
from schema.usage import Redirect

__all__ = ["Problem", "VerifyReport", "verify_live"]

_ENTRIES_AT_ONCE = 1000
_HASHES_AT_ONCE = 50
"""Hashes read by one script; the store does nothing else meanwhile."""
_RECEIPT_SLACK_MS = 60_000
_DERIVED = ("outcome", "used", "limit", "window", "admission")


async def verify_live(
    client: Redis, plan_of: PlanOf, *, admission: AdmissionRule = DEFAULT_ADMISSION
) -> VerifyReport:
    """Compares every field of the live state with the log, and every decision in the log with
    the rules.

    `plan_of` finds every plan version that the log names. Changes nothing, and may run while
    pages are read. Raises StoreUnavailable.
    """
    found = Findings()
    with store_errors():
        seconds, microseconds = await client.time()
    scanned_ms = seconds * 1000 + microseconds // 1000
    for tag, keys in (await _keys_by_tag(client, found)).items():
        shard = _Shard(client, TAGS.index(tag), plan_of, admission, found)
        await shard.verify(keys, scanned_ms)
    return found.report()


async def _keys_by_tag(client: Redis, found: Findings) -> dict[str, set[str]]:
    """All keys of the ledger by the tag of their shard, shards without any included."""
    keys: dict[str, set[str]] = {tag: set() for tag in TAGS}
    with store_errors():
        async for key in client.scan_iter(match="{m*", count=_ENTRIES_AT_ONCE):
            tag = key[1:].split("}")[0]
            if tag in keys:
                keys[tag].add(key)
            else:
                found.add("key", f"key {key}: no shard has this tag")
    return keys


class _Shard:
    """One shard being compared: its log as far as it was read, folded."""

    def __init__(
        self,
        client: Redis,
        shard: int,
        plan_of: PlanOf,
        admission: AdmissionRule,
        found: Findings,
    ) -> None:
        self._client = client
        self._plan_of = plan_of
        self._admission = admission
        self._found = found
        self._keys = keys_of(shard)
        self._state = ShardState(shard)
        self._ahead: deque[PageViewed] = deque()
        self._last_id = "0-0"
        self._head: dict[str, str] = {}
        self._now_ms = 0
        self._scanned_ms = 0
        self._receipts: dict[str, tuple[str, str]] = {}
        """(request id, answer) of the receipts not met in the log yet, by stream id."""
        self._admitted_ms: dict[str, int] = {}
        """When each network last admitted a guest."""

    async def verify(self, present: set[str], scanned_ms: int) -> None:
        """Compare everything; `present` are the shard's keys in the store at `scanned_ms`."""
        self._scanned_ms = scanned_ms
        receipts = {key for key in present if key.startswith(self._keys.receipt(""))}
        for batch in _batches(sorted(receipts), _ENTRIES_AT_ONCE):
            await self._read_receipts(batch)
        await self._catch_up()
        await self._read_hashes([])
        for request_id, answer in self._receipts.values():
            self._found.add("receipt", f"receipt {request_id}: {answer!r} is not in the log")
        viewers = {self._keys.viewer(viewer_id) for viewer_id in self._state.viewers}
        networks = {self._keys.network(digest) for digest in self._state.networks}
        others = present - receipts - {self._keys.log, self._keys.head}
        for batch in _batches(sorted(viewers | networks | others), _HASHES_AT_ONCE):
            await self._verify_hashes(batch)
        await self._catch_up()
        await self._read_hashes([])
        self._verify_head()

    async def _read_receipts(self, keys: Sequence[str]) -> None:
        with store_errors():
            async with self._client.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.get(key)
                    pipeline.pttl(key)
                replies = await pipeline.execute()
        for key, answer, left_ms in zip(keys, replies[::2], replies[1::2], strict=True):
            if answer is None:
                continue  # expired since the scan
            request_id = key.removeprefix(self._keys.receipt(""))
            self._receipts[answer.split(" ")[-1]] = (request_id, answer)
            if not 0 <= left_ms <= RECEIPT_MS:
                self._found.add("receipt expiry", f"receipt {request_id}: expires in {left_ms} ms")

    async def _verify_hashes(self, keys: Sequence[str]) -> None:
        viewers, networks = self._keys.viewer(""), self._keys.network("")
        for key in (key for key in keys if not key.startswith((viewers, networks))):
            self._found.add("key", f"key {key}: the ledger has no key of this name")
        known = [key for key in keys if key.startswith((viewers, networks))]
        for key, stored in zip(known, await self._read_hashes(known), strict=True):
            if key.startswith(viewers):
                self._found.compared["viewers"] += 1
                viewer_id = key.removeprefix(viewers)
                said = viewer_fields(self._state.viewer(viewer_id))
                self._found.differ("viewer", viewer_id, stored, said)
            else:
                self._found.compared["networks"] += 1
                self._verify_network(key.removeprefix(networks), stored)

    def _verify_network(self, digest: str, stored: dict[str, str]) -> None:
        period = self._admission.period_at(self._admitted_ms.get(digest, 0))
        if not stored and self._now_ms >= self._admission.expires_ms(period):
            return
        admitted = self._state.networks.get(digest)
        said = {} if admitted is None else {"admitted": str(admitted)}
        self._found.differ("network", digest, stored, said)

    def _verify_head(self) -> None:
        said = {
            "format": FORMAT,
            "seq": str(self._state.seq),
            "epoch": str(self._state.epoch),
            "at": str(self._state.at_ms),
        }
        self._found.differ(
            "head", f"of {self._keys.tag}", self._head, said if self._state.seq else {}
        )

    async def _read_hashes(self, keys: Sequence[str]) -> list[dict[str, str]]:
        """The hashes at one event, where the fold stands afterwards too."""
        read_to = self._read_to
        peek = Call(script("peek"), (self._keys.head, *keys), ())
        [[self._now_ms, head, *hashes]] = await answers(self._client, [peek])
        self._head = _pairs(head)
        # What was read of the log before is not undone by a head that is lost or behind.
        await self._fold_to(max(int(self._head.get("seq", "0")), read_to))
        return [_pairs(values) for values in hashes]

    async def _catch_up(self) -> None:
        """Read and fold what the log holds now, however fast it grows."""
        is_behind = True
        while is_behind:
            is_behind = await self._read_log() == _ENTRIES_AT_ONCE
            await self._fold_to(self._read_to)

    @property
    def _read_to(self) -> int:
        """The number of the last event read from the log."""
        return self._ahead[-1].seq if self._ahead else self._state.seq

    async def _fold_to(self, seq: int) -> None:
        while self._state.seq < seq:
            if not self._ahead and not await self._read_log():
                return
            while self._ahead and self._ahead[0].seq <= seq:
                await self._fold(self._ahead.popleft())
            if self._ahead:
                return

    async def _fold(self, event: PageViewed) -> None:
        await self._verify_event(event)
        self._state.add(event)
        if event.admission is not None:
            self._admitted_ms[event.admission.network] = self._state.at_ms

    async def _read_log(self) -> int:
        """Read on; answers the number of entries there were."""
        with store_errors():
            entries: Any = await self._client.xrange(
                self._keys.log, min=f"({self._last_id}", count=_ENTRIES_AT_ONCE
            )
        for stream_id, fields in entries:
            self._last_id = stream_id
            self._read_entry(stream_id, fields)
        return len(entries)

    def _read_entry(self, stream_id: str, fields: dict[str, str]) -> None:
        self._found.compared["events"] += 1
        try:
            event = read_event(self._state.shard, stream_id, fields)
        except UnreadableEvent as unreadable:
            self._found.add("event", f"event {unreadable}")
            return
        if event.seq != self._read_to + 1:
            self._found.add("gap", f"event {event.id}: comes after number {self._read_to}")
        self._ahead.append(event)

    async def _verify_event(self, event: PageViewed) -> None:
        """Whether the rules decide as the event says, and its receipt says the same."""
        verdict = await self._derive(event)
        if isinstance(verdict, str):
            self._found.add("decision", f"event {event.id}: {verdict}")
            self._verify_receipt(event, None)
        else:
            self._verify_decision(event, verdict)
            self._verify_receipt(event, verdict)

    async def _derive(self, event: PageViewed) -> Verdict | str:
        """How the rules decide the event's request; a sentence when they would not."""
        request = request_of(event, self._admission)
        try:
            plan = await self._plan_of(request.viewer.assignment)
        except LookupError as unknown:
            return str(unknown)
        rule, admitted = self._admission, 0
        if event.admission is not None:
            rule = replace(rule, budget=event.admission.budget)
            admitted = self._state.networks.get(event.admission.network, 0)
        viewer = self._state.viewer(event.viewer_id)
        now_ms = milliseconds(event.recorded_at)
        verdict = decide(viewer, admitted, request, plan, now_ms, rule)
        return f"should have been {verdict}" if isinstance(verdict, Redirect) else verdict

    def _verify_decision(self, event: PageViewed, verdict: Verdict) -> None:
        derived = event_of(
            request_of(event, self._admission),
            verdict,
            seq=event.seq,
            epoch=event.epoch,
            now_ms=milliseconds(event.recorded_at),
        )
        for name in _DERIVED:
            stored, said = getattr(event, name), getattr(derived, name)
            if stored != said:
                self._found.add(
                    f"decision {name}",
                    f"event {event.id}: {name} is {stored}, not {said}",
                )

    def _verify_receipt(self, event: PageViewed, verdict: Verdict | None) -> None:
        request_id, answer = self._receipts.pop(event.id.split(":")[2], (None, None))
        if request_id is None or answer is None:
            age_ms = self._scanned_ms - milliseconds(event.recorded_at)
            if 0 < age_ms < RECEIPT_MS - _RECEIPT_SLACK_MS:
                self._found.add("receipt missing", f"event {event.id}: its receipt is missing")
            return
        self._found.compared["receipts"] += 1
        said = answer if verdict is None else receipt_of(event, verdict.window.ends_ms)
        if answer != said or not request_id.startswith(event.request_id):
            self._found.add(
                "receipt",
                f"receipt {request_id}: answers {answer!r}, the log says {said!r} "
                f"to {event.request_id}",
            )


def _pairs(values: Sequence[Any]) -> dict[str, str]:
    """The flat answer of HGETALL as a mapping."""
    return dict(zip(values[::2], values[1::2], strict=True))


def _batches(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
