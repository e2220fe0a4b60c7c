"""A Cluster of three primaries on loopback, whose nodes can be killed and whose slots can move."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.faults.configured import Server, free_ports, started, until

_SLOTS = ((0, 5460), (5461, 10922), (10923, 16383))


class TestCluster:
    """Three primaries with a third of the slots each, without replicas."""

    __test__ = False

    def __init__(self, nodes: list[Server]) -> None:
        self.nodes = nodes

    @property
    def url(self) -> str:
        """The URL of the store, naming two nodes of three."""
        named = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[:2])
        return f"redis+cluster://{named}"

    async def join(self) -> None:
        """Make the nodes one Cluster, and wait until all of them know it."""
        for number, (node, (first, last)) in enumerate(zip(self.nodes, _SLOTS, strict=True), 1):
            await node.client.execute_command("CLUSTER ADDSLOTSRANGE", first, last)
            await node.client.execute_command("CLUSTER SET-CONFIG-EPOCH", number)
        for node in self.nodes[1:]:
            await self.nodes[0].client.execute_command("CLUSTER MEET", "127.0.0.1", node.port)
        await until(self.is_whole)

    async def is_whole(self) -> bool:
        """Whether every node knows all three and says that all slots are served."""
        states: list[dict[str, str]] = [
            await node.client.execute_command("CLUSTER INFO") for node in self.nodes
        ]
        return all(
            state["cluster_state"] == "ok"
            and state["cluster_known_nodes"] == "3"
            and state["cluster_slots_ok"] == "16384"
            for state in states
        )

    async def owner_of(self, slot: int) -> Server:
        """The node that says itself that it owns the slot."""
        for node in self.nodes:
            ranges = await node.client.execute_command("CLUSTER SLOTS")
            owner = _port_of(ranges, slot)
            if owner == node.port:
                return node
        raise ConnectionError(f"no node says that it owns slot {slot}")

    async def begin_move(self, slot: int, source: Server, target: Server) -> list[Any]:
        """Move every key of the slot, as resharding does first; the owner stays. Answers the
        keys."""
        names = [await node.client.execute_command("CLUSTER MYID") for node in (source, target)]
        await _set_slot(target, slot, "IMPORTING", names[0])
        await _set_slot(source, slot, "MIGRATING", names[1])
        keys: list[Any] = await source.client.execute_command(
            "CLUSTER GETKEYSINSLOT", slot, 1_000_000
        )
        if keys:
            await source.client.execute_command(
                "MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys
            )
        return keys

    async def end_move(self, slot: int, source: Server, target: Server) -> None:
        """Give the slot to the node that has its keys."""
        name = await target.client.execute_command("CLUSTER MYID")
        for node in (target, source):
            await _set_slot(node, slot, "NODE", name)

    async def hand_over(self, slot: int, source: Server, target: Server) -> None:
        """Let the servers move the slot themselves, in one step for those who ask."""
        name = await target.client.execute_command("CLUSTER MYID")
        await source.client.execute_command(
            "CLUSTER MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", name
        )

        async def is_over() -> bool:
            return await self.owner_of(slot) is target

        await until(is_over)


async def _set_slot(node: Server, slot: int, state: str, name: str) -> None:
    await node.client.execute_command("CLUSTER SETSLOT", slot, state, name)


def _port_of(ranges: Any, slot: int) -> int | None:
    for first, last, (_, port, *_), *_ in ranges:
        if first <= slot <= last:
            return int(port)
    return None


@asynccontextmanager
async def cluster_in(folder: Path, *options: str) -> AsyncIterator[TestCluster]:
    """The Cluster, with its data in the folder; `options` go into every configuration file."""
    nodes = [
        Server(folder / f"node{port}", port, "cluster.conf", options) for port in free_ports(3)
    ]
    async with started(nodes):
        cluster = TestCluster(nodes)
        await cluster.join()
        yield cluster
