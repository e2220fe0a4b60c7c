"""How often people's mutations may be tried, and by whom: docs/accounts.md has the same table."""

from dataclasses import dataclass

from metering.rates import Rate, Rates

# Of a network, which may be a whole school: many, soon again. Of one address or account: few.
REGISTER_IN_NETWORK = Rate("register in a network", 20, 300)
REGISTER_ADDRESS = Rate("register an address", 3, 1800)
VERIFY_IN_NETWORK = Rate("verify in a network", 50, 30)
VERIFY_ADDRESS = Rate("verify an address", 5, 1800)
LOG_IN_IN_NETWORK = Rate("log in in a network", 100, 5)
LOG_IN_ADDRESS_IN_NETWORK = Rate("log in to an address in a network", 5, 60)
# No network alone locks anybody out. Twenty together can: then what their owner has left is a new
# password by mail, since passwords could be guessed from many networks otherwise.
LOG_IN_ADDRESS = Rate("log in to an address", 100, 30)
RESET_IN_NETWORK = Rate("reset in a network", 20, 300)
RESET_ADDRESS = Rate("reset an address", 3, 1800)
PASSWORD_OF_ACCOUNT = Rate("password of an account", 5, 60)


@dataclass(frozen=True, slots=True)
class Tries:
    """Lets tries through, or says when the next may come."""

    rates: Rates

    async def wait_seconds(self, *tries: tuple[Rate, str]) -> int | None:
        """How long to wait by the first of these limits that refuses, each for somebody; None when
        all let it through.

        Those before the one that refuses are spent. Raises StoreUnavailable: without the store
        nothing is tried, since a password could be guessed meanwhile.
        """
        for rate, who in tries:
            seconds = await self.rates.spend(rate, who)
            if seconds is not None:
                return seconds
        return None
