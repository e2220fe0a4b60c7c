"""The pseudonym of the network a request comes from, in the admission period of now."""

from db.plans import network_key
from db.pool import Database
from metering.meter import Meter
from metering.networks import network_digest
from metering.policy import AdmissionRule
from schema.people import Network


class NetworkNames:
    """Names networks; keeps the key of one period, so that a name costs no query.

    The ledger's clock says which period it is, as it does when the guest is admitted: a server
    whose own clock is wrong would otherwise name networks for a period that admits nobody.
    """

    def __init__(self, database: Database, meter: Meter, rule: AdmissionRule) -> None:
        self._database = database
        self._meter = meter
        self._rule = rule
        self._kept: tuple[int, bytes] | None = None

    async def of(self, address: str) -> Network:
        """The network of an address, named for the current period; raises StoreUnavailable."""
        period = self._rule.period_at(await self._meter.now_ms())
        if self._kept is None or self._kept[0] != period:
            key = await network_key(self._database, period, self._rule.period_ms)
            self._kept = (period, key)
        return Network(digest=network_digest(self._kept[1], address), period=period)
