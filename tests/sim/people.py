"""Who asks in the simulator: viewers, the plans they are on, and the networks they come from."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from random import Random

from metering.policy import AdmissionRule
from schema.codes import CodeKey, CodeSystemKey
from schema.people import Assignment, Network, Viewer, ViewerKind
from schema.plans import Plan, WindowKind
from tests.metering.ledgers import plan

RULE = AdmissionRule(budget=2, period_days=3)
GUEST_LIMIT = 2
PLANS: dict[tuple[str, int], Plan] = {
    (each.key, each.version): each
    for each in (
        plan("guest", GUEST_LIMIT),
        plan("registered", 3),
        plan("none", 0),
        plan("subscriber", None),
        plan("auckland", 2, WindowKind.DAY, time_zone="Pacific/Auckland"),
        plan("daily", 1, WindowKind.DAY),
        plan("honolulu", 2, WindowKind.DAY, time_zone="Pacific/Honolulu"),
        plan("weekly", 1, WindowKind.WEEK, time_zone="America/New_York"),
        plan("monthly", 2, WindowKind.MONTH, time_zone="Europe/Berlin"),
        plan("rolling", 2, WindowKind.ROLLING, rolling_days=2),
    )
}
MEMBER_PLANS = sorted(key for key, _ in PLANS if key != "guest")


async def plan_of(assignment: Assignment) -> Plan:
    """The plan of an assignment; raises LookupError."""
    return PLANS[assignment.plan_key, assignment.plan_version]


def token(rng: Random, length: int = 22) -> str:
    """URL-safe characters that depend on the seed alone."""
    return urlsafe_b64encode(rng.randbytes(length))[:length].decode()


def code(number: int) -> CodeKey:
    return CodeKey(CodeSystemKey.DEMO, f"DM-{4000 + number}")


@dataclass(slots=True)
class Person:
    """One viewer as the site's own database has it: the assignment here is the true one."""

    viewer: Viewer
    outdated: list[Viewer] = field(default_factory=list)
    """The viewer on earlier plans, as servers with an old copy still have it."""

    account: "Person | None" = None
    """Who a guest became; None while it is a guest."""

    def change_plan(self, plan_key: str) -> None:
        """The next assignment."""
        self.outdated.append(self.viewer)
        number = self.viewer.assignment.number + 1
        assignment = Assignment(plan_key=plan_key, plan_version=1, number=number)
        self.viewer = self.viewer.model_copy(update={"assignment": assignment})


@dataclass(frozen=True, slots=True)
class Place:
    """A network that guests come from."""

    name: str
    shard: int

    def network(self, period: int) -> Network:
        """Its pseudonym in one period."""
        return Network(digest=f"{self.name}{period:06}".ljust(22, "-"), period=period)


def new_guest(rng: Random, place: Place, period: int, *, is_exempt: bool) -> Person:
    return Person(
        Viewer(
            id=f"g{token(rng)}",
            kind=ViewerKind.GUEST,
            shard=place.shard,
            assignment=Assignment(plan_key="guest", plan_version=1, number=0),
            network=None if is_exempt else place.network(period),
        )
    )


def new_member(rng: Random, shard: int) -> Person:
    return Person(
        Viewer(
            id=f"u{token(rng)}",
            kind=ViewerKind.REGISTERED,
            shard=shard,
            assignment=Assignment(plan_key=rng.choice(MEMBER_PLANS), plan_version=1, number=0),
            network=None,
        )
    )
