"""Documents of keyed clients: kept a day, found by their digest, and no part of the ledger."""

from hashlib import sha256

from redis.asyncio import Redis

from metering.meter import LedgerMeter
from metering.remembered import RememberedDocuments
from metering.verify import verify_live
from tests.metering.ledgers import Plans, member, view_of

TEXT = "query Who { viewer { kind } }"
DIGEST = sha256(TEXT.encode()).digest()


async def test_a_document_is_found_by_its_digest_for_a_day(
    meter: LedgerMeter, client: Redis
) -> None:
    remembered = RememberedDocuments(meter.store)

    await remembered.keep(DIGEST, TEXT)

    [key] = [key async for key in client.scan_iter("{m*}:d:*")]
    assert 86_390 < await client.ttl(key) <= 86_400
    assert await remembered.find(DIGEST) == TEXT
    assert await remembered.find(bytes(32)) is None


async def test_a_document_that_is_named_stays_for_another_day(
    meter: LedgerMeter, client: Redis
) -> None:
    remembered = RememberedDocuments(meter.store)
    await remembered.keep(DIGEST, TEXT)
    [key] = [key async for key in client.scan_iter("{m*}:d:*")]
    await client.expire(key, 100)

    await remembered.find(DIGEST)

    assert 86_390 < await client.ttl(key) <= 86_400


async def test_documents_are_no_part_of_the_ledger(meter: LedgerMeter, plans: Plans) -> None:
    await meter.view([view_of(member(), 1)])
    await RememberedDocuments(meter.store).keep(DIGEST, TEXT)

    report = await verify_live(meter.store, plans.plan_of)

    assert (report.problems, report.events) == ((), 1)
