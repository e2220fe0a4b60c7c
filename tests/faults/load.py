"""Readers that keep a ledger busy until its store is gone, and remember what they were told."""

import asyncio
from dataclasses import dataclass, field
from random import Random

from redis.asyncio import Redis

from metering.meter import LedgerMeter
from metering.shards import keys_of
from schema.errors import StoreUnavailable
from schema.usage import Decision, ViewRequest
from tests.metering.ledgers import member, view_of

READERS = 64
"""Readers that ask at the same time."""


@dataclass(slots=True)
class Load:
    """What was asked and what was answered, over as many lives of a store as wanted."""

    answered: dict[str, tuple[ViewRequest, Decision]] = field(default_factory=dict)
    """By request id."""
    unanswered: list[ViewRequest] = field(default_factory=list)

    async def run(self, meter: LedgerMeter, rng: Random) -> None:
        """Ask without a pause until the store does not answer any more."""
        seeds = [rng.getrandbits(64) for _ in range(READERS)]
        await asyncio.gather(*(self._read(meter, Random(seed)) for seed in seeds))

    async def _read(self, meter: LedgerMeter, rng: Random) -> None:
        while True:
            viewer = member(shard=rng.randrange(64))
            for number in range(1, 4):
                request = view_of(viewer, number)
                if not await self.ask(meter, request):
                    self.unanswered.append(request)
                    return

    async def ask(self, meter: LedgerMeter, request: ViewRequest) -> bool:
        """Whether there was an answer; it is kept."""
        try:
            [answer] = await meter.view([request])
        except StoreUnavailable:
            return False
        assert isinstance(answer, Decision)
        self.answered[request.request_id] = (request, answer)
        return True

    async def wait_for(self, answers: int) -> None:
        """Return as soon as there are that many answers more."""
        wanted = len(self.answered) + answers
        async with asyncio.timeout(60):
            while len(self.answered) < wanted:
                await asyncio.sleep(0.002)


async def logged_requests(client: Redis) -> dict[str, str]:
    """Event id -> the request it answers, of every page view in the log."""
    found = {}
    for shard in range(64):
        for stream_id, fields in await client.xrange(keys_of(shard).log):
            if fields["type"] == "view":
                found[f"{shard}:{fields['epoch']}:{stream_id}"] = fields["request"]
    return found
