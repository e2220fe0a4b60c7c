"""Kinds of connections that do more than redis-py's own."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import MovedError

Kind = type[AbstractConnection]


class _Packing:
    def pack_commands(self, commands: Iterable[Sequence[Any]]) -> list[bytes]:
        """The bytes of each command; takes the place of the method of redis-py's connections."""
        return [pack_command(tuple(command)) for command in commands]


def packing(kind: Kind) -> Kind:
    """The same kind, writing pipelines in C: redis-py's way took 16 of 30 microseconds a call."""
    return type(f"Packing{kind.__name__}", (_Packing, kind), {})


def noticing(kind: Kind, on_moved: Callable[[], None]) -> Kind:
    """The same kind, which also tells when a node of a Cluster says that a slot is elsewhere."""

    async def read_response(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return await kind.read_response(self, *arguments, **options)
        except MovedError:
            on_moved()
            raise

    return type(f"Noticing{kind.__name__}", (kind,), {"read_response": read_response})
