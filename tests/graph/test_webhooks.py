"""What a payment service tells: who may, what it changes, and that it does so once."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from db.accounts import account_by_id
from db.pool import Database
from graph import ids
from graph.context import Services
from graph.webhooks import SubscriptionHook
from metering.shards import TAGS, keys_of
from schema.accounts import Account
from schema.acts import ActResult, AnyAct
from schema.errors import StoreUnavailable
from tests.graph.accounts import account_on
from tests.graph.conftest import services_on

SECRET = "a secret of the payment service, 32 characters"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs/webhooks.md"
AT = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)


def _documented() -> Callable[..., dict[str, str]]:
    """The function that the document tells senders to sign with."""
    names: dict[str, Any] = {}
    [example] = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    exec(example, names)
    return names["signed"]


signed = _documented()


def message(account: str, **more: Any) -> dict[str, Any]:
    """As documented, for that account."""
    [example] = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return {**json.loads(example), "account": account, **more}


@dataclass
class Hook:
    """The address, and the stores behind it."""

    client: httpx2.AsyncClient
    parts: Services

    async def send(self, told: Any, **headers: str) -> tuple[int, Any]:
        """Status and answer of a message signed now; `headers` take the place of ours."""
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        answer = await self.client.post(
            "/hook", content=body, headers={**signed(SECRET, body), **headers}
        )
        return answer.status_code, answer.json()

    async def plans(self, account: Account) -> list[tuple[Any, ...]]:
        """The assignments of an account after the first."""
        rows = await self.parts.database.fetch(
            "SELECT number, plan_key, ends_at, actor, reason FROM assignment "
            "WHERE account_id = $1 AND number > 0 ORDER BY number",
            account.id,
        )
        return [tuple(row) for row in rows]

    async def kept(self) -> int:
        """How many messages were kept."""
        return len(await self.parts.database.fetch("SELECT 1 FROM webhook_message"))

    async def events(self) -> int:
        """How many events the ledger has."""
        store = self.parts.office.store
        return sum(
            [await (await store.of(shard)).xlen(keys_of(shard).log) for shard in range(len(TAGS))]
        )


def client_of(parts: Services) -> httpx2.AsyncClient:
    app = Starlette(
        routes=[Route("/hook", SubscriptionHook(SECRET.encode(), parts.office.changes))]
    )
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://site")


@pytest.fixture
async def hook(database: Database, redis_url: str) -> AsyncIterator[Hook]:
    async with (
        services_on(database, redis_url, lambda: datetime.now(UTC)) as parts,
        client_of(parts) as client,
    ):
        yield Hook(client, parts)


@pytest.fixture
async def reader(database: Database) -> Account:
    return await account_on(database, "registered", "ada@codes.example")


ENDS = datetime(2027, 11, 25, tzinfo=UTC)


@pytest.mark.parametrize("by_id", [True, False])
async def test_a_subscription_begins(hook: Hook, reader: Account, by_id: bool) -> None:
    named = str(ids.encode("user", reader.id)) if by_id else "ADA+pay@codes.example"

    answer = await hook.send(message(named))

    assert answer == (200, {"outcome": "applied"})
    assert await hook.plans(reader) == [
        (1, "subscriber", ENDS, "system", "Subscription message evt_7f3a9c02.")
    ]
    assert await hook.events() == 1
    account = await account_by_id(hook.parts.database, reader.id)
    assert account is not None
    assert (account.kind, account.plan_ends_at) == ("SUBSCRIBER", ENDS)


async def test_a_subscription_ends_now_or_when_what_was_paid_for_does(
    hook: Hook, reader: Account
) -> None:
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    ended = {"type": "subscription.ended"}
    await hook.send(message(reader.email, endsAt=None))

    ahead = await hook.send(message(reader.email, id="message-2", endsAt=str(later), **ended))
    now = await hook.send(message(reader.email, id="message-3", endsAt=None, **ended))

    assert ahead == now == (200, {"outcome": "applied"})
    assert [plan[:3] for plan in await hook.plans(reader)] == [
        (1, "subscriber", None),
        (2, "subscriber", later),
        (3, "registered", None),
    ]


async def test_the_same_message_happens_once(hook: Hook, reader: Account) -> None:
    await hook.send(message(reader.email))

    again = await hook.send(message(reader.email))
    changed = await hook.send(message(reader.email, plan="partner"))

    assert again == (200, {"outcome": "replayed"})
    assert changed == (409, {"error": "A message of this id came before with another body."})
    assert (len(await hook.plans(reader)), await hook.kept(), await hook.events()) == (1, 1, 1)


async def test_an_older_message_that_comes_late_changes_nothing(
    hook: Hook, reader: Account
) -> None:
    await hook.send(message(reader.email))
    before = (AT - timedelta(seconds=1)).isoformat()

    late = await hook.send(
        message(reader.email, id="message-2", type="subscription.ended", occurredAt=before)
    )

    assert late == (200, {"outcome": "ignored: older"})
    assert len(await hook.plans(reader)) == 1


@pytest.mark.parametrize(
    ("plan", "told", "outcome"),
    [
        ("partner", {"type": "subscription.ended", "endsAt": None}, "ignored: on another plan"),
        ("registered", {"type": "subscription.ended"}, "ignored: on another plan"),
        ("staff", {}, "ignored: staff"),
        ("staff", {"type": "subscription.ended", "plan": "partner"}, "ignored: staff"),
    ],
)
async def test_what_is_not_of_the_subscription_stays(
    hook: Hook, plan: str, told: dict[str, Any], outcome: str
) -> None:
    account = await account_on(hook.parts.database, plan)

    answer = await hook.send(message(account.email, **told))

    assert answer == (200, {"outcome": outcome})
    assert (await hook.plans(account), await hook.events()) == ([], 0)


@pytest.mark.parametrize("account", ["nobody@codes.example", "u" + "a" * 22, "x\0y@codes.example"])
async def test_an_unknown_account_leaves_nothing(hook: Hook, account: str) -> None:
    answer = await hook.send(message(account))

    assert answer == (404, {"error": "No account has that id or address."})
    assert await hook.kept() == 0


def _header(at: int, *signatures: str) -> dict[str, str]:
    return {"Codestile-Signature": ",".join([f"t={at}", *(f"v1={each}" for each in signatures)])}


async def test_one_right_signature_of_several_is_enough(hook: Hook, reader: Account) -> None:
    body = json.dumps(message(reader.email)).encode()
    right = signed(SECRET, body)["Codestile-Signature"]
    at, _, signature = right.partition(",v1=")

    answer = await hook.send(body, **_header(int(at[2:]), "0" * 64, signature))

    assert answer == (200, {"outcome": "applied"})


@pytest.mark.parametrize(
    "spoilt",
    [
        "another secret",
        "another body",
        "another time",
        "too old",
        "too early",
        "no signature",
        "two times",
        "six signatures",
        "upper case",
        "empty",
    ],
)
async def test_what_is_not_signed_now_leaves_nothing(
    hook: Hook, reader: Account, spoilt: str
) -> None:
    body = json.dumps(message(reader.email)).encode()
    now = int(datetime.now(UTC).timestamp())
    right = signed(SECRET, body, now)["Codestile-Signature"]
    header = {
        "another secret": signed("x" * 32, body, now)["Codestile-Signature"],
        "another body": signed(SECRET, body + b" ", now)["Codestile-Signature"],
        "another time": right.replace(f"t={now}", f"t={now - 1}"),
        "too old": signed(SECRET, body, now - 310)["Codestile-Signature"],
        "too early": signed(SECRET, body, now + 320)["Codestile-Signature"],
        "no signature": f"t={now}",
        "two times": f"t={now},{right}",
        "six signatures": right + f",v1={'0' * 64}" * 5,
        "upper case": right[:-64] + right[-64:].upper() + "A",
        "empty": "",
    }[spoilt]

    status, answer = await hook.send(body, **{"Codestile-Signature": header})

    assert (status, list(answer)) == (401, ["error"])
    assert (await hook.kept(), await hook.plans(reader)) == (0, [])


@pytest.mark.parametrize(
    "spoilt",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b"[" * 15_000,
        {"id": "short"},
        {"id": "a message\n"},
        {"type": "subscription.paused"},
        {"plan": "staff"},
        {"plan": "guest"},
        {"plan": "registered"},
        {"plan": "nothing"},
        {"plan": None},
        {"account": ""},
        {"endsAt": "2027-11-25"},
        {"endsAt": "2027-11-25T00:00:00"},
        {"endsAt": "9999-12-31T23:59:59-14:00"},
        {"occurredAt": "0001-01-01T00:00:00+14:00"},
        {"occurredAt": "2999-01-01T00:00:00Z"},
        {"amount": 12},
    ],
)
async def test_what_cannot_be_read_is_refused_with_a_sentence(
    hook: Hook, reader: Account, spoilt: Any
) -> None:
    told = spoilt if isinstance(spoilt, bytes) else {**message(reader.email), **spoilt}

    status, answer = await hook.send(told)

    assert status == 400
    assert answer["error"].endswith(".")
    assert (await hook.kept(), await hook.plans(reader)) == (0, [])


async def test_a_message_without_an_end_is_refused(hook: Hook, reader: Account) -> None:
    told = message(reader.email)
    del told["endsAt"]

    assert await hook.send(told) == (400, {"error": "endsAt: Field required."})
    assert await hook.kept() == 0


async def test_a_body_that_is_too_long_is_refused(hook: Hook) -> None:
    status, answer = await hook.send(b" " * 20_001)

    assert (status, answer) == (413, {"error": "The body is longer than 20000 bytes."})


async def test_messages_come_by_post(hook: Hook) -> None:
    answer = await hook.client.get("/hook")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json() == {"error": "Send messages by POST."}


async def test_a_lost_database_is_told_and_the_message_can_come_again(
    hook: Hook, reader: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object, **__: object) -> None:
        raise StoreUnavailable("postgres", "the test took it away")

    with monkeypatch.context() as patched:
        patched.setattr("graph.webhooks.take_message", lost)
        body = json.dumps(message(reader.email)).encode()
        answer = await hook.client.post("/hook", content=body, headers=signed(SECRET, body))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert await hook.send(body) == (200, {"outcome": "applied"})


class Away:
    """A ledger that does not answer."""

    async def perform(self, _: AnyAct) -> ActResult:
        raise StoreUnavailable("valkey", "the test took it away")


async def test_a_lost_ledger_is_told_of_the_plan_later(hook: Hook, reader: Account) -> None:
    changes = replace(hook.parts.office.changes, meter=Away())  # type: ignore[arg-type]
    lost = replace(hook.parts, office=replace(hook.parts.office, changes=changes))

    async with client_of(lost) as client:
        answer = await Hook(client, lost).send(message(reader.email))
    before = await hook.events()
    await hook.parts.office.changes.tell_all()

    assert answer == (200, {"outcome": "applied"})
    assert (before, await hook.events()) == (0, 1)


async def test_messages_of_one_account_at_once_leave_the_latest_in_force(
    hook: Hook, reader: Account
) -> None:
    """None may wait for another that waits for it."""
    told = [
        message(
            reader.email,
            id=f"message-{n}",
            plan="partner" if n == 19 else "subscriber",
            occurredAt=(AT + timedelta(seconds=n)).isoformat(),
        )
        for n in range(20)
    ]

    answers = await asyncio.gather(*(_until_taken(hook, each) for each in told))

    assert {answer["outcome"] for answer in answers} <= {"applied", "ignored: older"}
    assert (await hook.plans(reader))[-1][1] == "partner"


async def _until_taken(hook: Hook, told: Any) -> Any:
    """The answer once the stores have time for the message, as a sender would wait for it."""
    async with asyncio.timeout(60):
        while True:
            status, answer = await hook.send(told)
            if status != 503:
                return answer
            await asyncio.sleep(0.2)
