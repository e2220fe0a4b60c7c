"""One of several processes that ask one ledger at once: `python -m tests.metering.contender URL`.

Reads view requests as one line of JSON, says `ready`, waits for a line, asks for all at once and
prints the answers as one line of JSON in the order of the requests.
"""

import asyncio
import sys

from pydantic import TypeAdapter

from metering.meter import open_ledger
from schema.plans import WindowKind
from schema.usage import Decision, Redirect, ViewRequest
from tests.metering.ledgers import Plans, plan

REQUESTS = TypeAdapter(list[ViewRequest])
ANSWERS = TypeAdapter(list[Decision | Redirect])


def seeded_plans() -> Plans:
    """The plans that the tests of races use."""
    plans = Plans()
    for added in (plan("guest", 1), plan("registered", 5), plan("daily", 1, WindowKind.DAY)):
        plans.add(added)
    return plans


async def contend(url: str) -> None:
    """Ask for everything at once, when told to."""
    requests = REQUESTS.validate_json(sys.stdin.readline())
    plans = seeded_plans()
    async with open_ledger(url, plans.plan_of, timeout_seconds=10, queue_seconds=60) as meter:
        await meter.allowance(requests[0].viewer)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        answers = await asyncio.gather(*(meter.view([request]) for request in requests))
    print(ANSWERS.dump_json([answer for [answer] in answers]).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(contend(sys.argv[1]))
