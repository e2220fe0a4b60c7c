"""The pseudonym of the network a request comes from, in the admission period of now."""

from collections.abc import Callable
from datetime import datetime

from db.plans import network_key
from db.pool import Database
from metering.networks import network_digest
from metering.policy import AdmissionRule
from schema.people import Network


class NetworkNames:
    """Names networks; keeps the key of one period, so that a name costs no query."""

    def __init__(
        self, database: Database, rule: AdmissionRule, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._period_ms = rule.period_ms
        self._now = now
        self._kept: tuple[int, bytes] | None = None

    async def of(self, address: str) -> Network:
        """The network of an address, named for the current period."""
        period = int(self._now().timestamp() * 1000) // self._period_ms
        if self._kept is None or self._kept[0] != period:
            self._kept = (period, await network_key(self._database, period, self._period_ms))
        return Network(digest=network_digest(self._kept[1], address), period=period)
