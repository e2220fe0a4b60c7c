"""The proof of the ledger as a command runs it: on the stores of the settings."""

from db.plans import PlanBook
from db.pool import open_database
from graph.secret import checkpoint_seed, guest_secret
from graph.settings import Settings
from graph.stores import stores_to_use
from metering.chain import public_key
from metering.policy import AdmissionRule
from metering.store import open_store
from metering.verify import VerifyReport, verify_live

STATEMENT_SECONDS = 600.0
"""Counting a rollup again reads every event that is archived."""
PATIENCE_SECONDS = 10.0
"""A proof reads far more at a time than a page view, and nobody waits for a page meanwhile."""


async def verified(settings: Settings) -> VerifyReport:
    """What comparing every balance with the log found; may run while pages are read."""
    async with (
        stores_to_use(settings, must_exist=True) as urls,
        open_database(urls.database_url, statement_timeout_seconds=STATEMENT_SECONDS) as database,
        open_store(urls.redis_url, timeout_seconds=PATIENCE_SECONDS) as store,
    ):
        plans = PlanBook(database)
        rule = AdmissionRule(budget=settings.network_budget)
        return await verify_live(
            store,
            plans.plan_of,
            admission=rule,
            database=database,
            trusted_key=public_key(checkpoint_seed(guest_secret(settings))),
        )
