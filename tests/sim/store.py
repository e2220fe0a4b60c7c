"""The store of the simulator: as much of a Valkey server as the ledger uses, on a clock of the
simulator's, with an append-only file whose end can be lost.

What it does not know it refuses loudly: a command added to the ledger has to be added here, and
tests/sim/test_store.py holds both against the real server.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any

from tests.sim.lua import Compiled, Failure, Reply, Status, engine

WRONG_TYPE = Failure("WRONGTYPE Operation against a key holding the wrong kind of value")
NO_SCRIPT = Failure("NOSCRIPT No matching script. Please use EVAL.")
READ_ONLY = Failure("ERR Write commands are not allowed from read-only scripts.")
SMALL_ID = Failure(
    "ERR The ID specified in XADD is equal or smaller than the target stream top item"
)


class Gap(Exception):
    """The simulator was asked for something that it cannot do; never an answer of the store."""


@dataclass(slots=True)
class Stream:
    """Entries by id, oldest first, and the highest id there ever was."""

    entries: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    top: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class Members:
    """What is in a set, in the order in which it came."""

    names: dict[str, None] = field(default_factory=dict)


Value = str | dict[str, str] | Stream | Members


class Keyspace:
    """Keys, what they hold and when they expire, in milliseconds."""

    def __init__(self, clock_us: Callable[[], int], expired: Callable[[str], None]) -> None:
        """`expired` is told of every key that goes because its time has come."""
        self.clock_us = clock_us
        self._expired = expired
        self.is_loading = False
        """Nothing expires while the file is read: what went is written in it."""
        self.values: dict[str, Value] = {}
        self.expiries: dict[str, int] = {}

    @property
    def now_ms(self) -> int:
        return self.clock_us() // 1000

    def get(self, key: str, kind: type) -> Any:
        """The value of a key that holds this kind; None when it is not there."""
        expires_ms = self.expiries.get(key)
        if expires_ms is not None and expires_ms <= self.now_ms and not self.is_loading:
            self.drop(key)
            self._expired(key)
        value = self.values.get(key)
        if value is not None and not isinstance(value, kind):
            raise _WrongType
        return value

    def drop(self, key: str) -> bool:
        self.expiries.pop(key, None)
        return self.values.pop(key, None) is not None


class _WrongType(Exception):
    pass


def _ignored(key: str, entry_id: str) -> None:
    """Nobody wants to be told."""


class Store:
    """One server. `clock_us` is its clock in microseconds since 1970."""

    def __init__(
        self, clock_us: Callable[[], int], edited: Callable[[str], str] = lambda text: text
    ) -> None:
        """`edited` is what becomes of the text of a script on its way in: how bugs are planted."""
        self._clock_us = clock_us
        self._edited = edited
        self.keys = Keyspace(clock_us, self._expired)
        self.file: list[list[str]] = []
        """The append-only file: every change, in an order and form that gives the same again."""
        self.synced = 0
        """How many entries of the file are on disk."""
        self.on_entry: Callable[[str, str], None] = _ignored
        """Told of every entry that a stream gets."""
        self._scripts: dict[str, Compiled] = {}
        self._compiled: dict[str, Compiled] = {}
        self._script_keys: frozenset[str] = frozenset()
        self._may_write = True
        self.gap: str | None = None

    def execute(self, words: Sequence[str]) -> Reply:
        """The answer of a command that a client sent."""
        name = words[0].upper()
        if name == "EVALSHA":
            return self._evalsha(words)
        if name == "SCRIPT":
            return self._script(words)
        return self._run(words)

    def sync(self) -> None:
        """Everything so far is on disk."""
        self.synced = len(self.file)

    def restart(self) -> None:
        """Lose what is not on disk, and every script; make everything else again."""
        del self.file[self.synced :]
        self._scripts.clear()
        self.keys = Keyspace(self._clock_us, self._expired)
        self.keys.is_loading = True
        changes, self.file = self.file, []
        on_entry, self.on_entry = self.on_entry, _ignored
        self._may_write = True
        for change in changes:
            self._run(change)
        self.on_entry = on_entry
        self.file = changes
        self.keys.is_loading = False

    def _expired(self, key: str) -> None:
        self.log("UNLINK", key)

    def _script(self, words: Sequence[str]) -> Reply:
        match [word.upper() for word in words[1:2]] + list(words[2:]):
            case ["LOAD", text]:
                digest = sha1(text.encode(), usedforsecurity=False).hexdigest()
                if digest not in self._compiled:
                    self._compiled[digest] = engine().compile(self._edited(text))
                self._scripts[digest] = self._compiled[digest]
                return digest
            case ["FLUSH", *_]:
                self._scripts.clear()
                return Status("OK")
            case ["EXISTS", *digests]:
                return [int(digest in self._scripts) for digest in digests]
        return self._unknown(words)

    def _evalsha(self, words: Sequence[str]) -> Reply:
        script = self._scripts.get(words[1])
        if script is None:
            return NO_SCRIPT
        count = int(words[2])
        keys, arguments = words[3 : 3 + count], words[3 + count :]
        self._script_keys, self._may_write = frozenset(keys), script.may_write
        try:
            return engine().run(script, keys, arguments, self._from_script)
        finally:
            self._may_write = True

    def _from_script(self, words: Sequence[str]) -> Reply:
        name = words[0].upper()
        if name in _WRITES and not self._may_write:
            return READ_ONLY
        if name not in _KEYLESS:
            # A Cluster would not have the key at all.
            first = 2 if name == "XINFO" else 1
            for key in words[1:] if name in _MANY_KEYS else words[first : first + 1]:
                if key not in self._script_keys:
                    return self._unknown([*words, "of a key that is not in KEYS"])
        return self._run(words)

    def _run(self, words: Sequence[str]) -> Reply:
        command = _COMMANDS.get(words[0].upper())
        if command is None:
            return self._unknown(words)
        try:
            return command(self, *words[1:])
        except _WrongType:
            return WRONG_TYPE
        except (TypeError, ValueError, KeyError) as wrong:
            return self._unknown([*words, repr(wrong)])

    def _unknown(self, words: Sequence[str]) -> Failure:
        self.gap = f"the simulator does not know: {' '.join(words)[:300]}"
        return Failure(f"ERR {self.gap}")

    def log(self, *change: str | int) -> None:
        """Write a change to the file."""
        self.file.append([str(word) for word in change])


def _ping(store: Store) -> Reply:
    return Status("PONG")


def _ok(store: Store, *_: str) -> Reply:
    """What is said of the connection and not of the data."""
    return Status("OK")


def _time(store: Store) -> Reply:
    seconds, microseconds = divmod(store.keys.clock_us(), 1_000_000)
    return [str(seconds), str(microseconds)]


def _get(store: Store, key: str) -> Reply:
    return store.keys.get(key, str)


def _set(store: Store, key: str, value: str, *options: str) -> Reply:
    match [*(option.upper() for option in options[:1]), *options[1:]]:
        case []:
            expires = None
        case ["PX", left]:
            expires = store.keys.now_ms + int(left)
        case ["PXAT", at]:
            expires = int(at)
        case _:
            raise ValueError("options of SET")
    store.keys.drop(key)
    store.keys.values[key] = value
    if expires is None:
        store.log("SET", key, value)
    else:
        store.keys.expiries[key] = expires
        store.log("SET", key, value, "PXAT", expires)
    return Status("OK")


def _drop(store: Store, *keys: str) -> Reply:
    for key in keys:
        store.keys.get(key, object)
    gone = [key for key in keys if store.keys.drop(key)]
    if gone:
        store.log("UNLINK", *gone)
    return len(gone)


def _exists(store: Store, *keys: str) -> Reply:
    return sum(store.keys.get(key, object) is not None for key in keys)


def _type(store: Store, key: str) -> Reply:
    value = store.keys.get(key, object)
    names = {str: "string", dict: "hash", Stream: "stream", Members: "set", type(None): "none"}
    return Status(names[type(value)])


def _hash(store: Store, key: str) -> dict[str, str]:
    held: dict[str, str] | None = store.keys.get(key, dict)
    return {} if held is None else held


def _hget(store: Store, key: str, name: str) -> Reply:
    return _hash(store, key).get(name)


def _hmget(store: Store, key: str, *names: str) -> Reply:
    held = _hash(store, key)
    return [held.get(name) for name in names]


def _hgetall(store: Store, key: str) -> Reply:
    return [part for pair in _hash(store, key).items() for part in pair]


def _hkeys(store: Store, key: str) -> Reply:
    return list(_hash(store, key))


def _hlen(store: Store, key: str) -> Reply:
    return len(_hash(store, key))


def _hexists(store: Store, key: str, name: str) -> Reply:
    return int(name in _hash(store, key))


def _hset(store: Store, key: str, *pairs: str) -> Reply:
    if not pairs or len(pairs) % 2:
        raise ValueError("pairs of HSET")
    held = _hash(store, key)
    added = dict(zip(pairs[::2], pairs[1::2], strict=True))
    new = len(added.keys() - held.keys())
    store.keys.values[key] = {**held, **added}
    store.log("HSET", key, *pairs)
    return new


def _hsetnx(store: Store, key: str, name: str, value: str) -> Reply:
    return 0 if name in _hash(store, key) else _hset(store, key, name, value)


def _hincrby(store: Store, key: str, name: str, by: str) -> Reply:
    total = int(_hash(store, key).get(name, "0")) + int(by)
    _hset(store, key, name, str(total))
    return total


def _hdel(store: Store, key: str, *names: str) -> Reply:
    held = _hash(store, key)
    gone = [name for name in dict.fromkeys(names) if name in held]
    left = {name: value for name, value in held.items() if name not in gone}
    if gone:
        store.keys.values[key] = left
        store.log("HDEL", key, *gone)
    if not left:
        store.keys.drop(key)
    return len(gone)


def _pexpireat(store: Store, key: str, at: str) -> Reply:
    if store.keys.get(key, object) is None:
        return 0
    if int(at) <= store.keys.now_ms and not store.keys.is_loading:
        return _drop(store, key)
    store.keys.expiries[key] = int(at)
    store.log("PEXPIREAT", key, at)
    return 1


def _pexpire(store: Store, key: str, left: str) -> Reply:
    return _pexpireat(store, key, str(store.keys.now_ms + int(left)))


def _persist(store: Store, key: str) -> Reply:
    if store.keys.get(key, object) is None or store.keys.expiries.pop(key, None) is None:
        return 0
    store.log("PERSIST", key)
    return 1


def _pexpiretime(store: Store, key: str) -> Reply:
    if store.keys.get(key, object) is None:
        return -2
    return store.keys.expiries.get(key, -1)


def _pttl(store: Store, key: str) -> Reply:
    at = _pexpiretime(store, key)
    return at if at < 0 else at - store.keys.now_ms


def _hpexpiretime(store: Store, key: str, _: str, count: str, *names: str) -> Reply:
    """No script gives a field an end of its own."""
    if len(names) != int(count):
        raise ValueError("fields of HPEXPIRETIME")
    held = _hash(store, key)
    return [-1 if name in held else -2 for name in names]


def _xadd(store: Store, key: str, entry_id: str, *pairs: str) -> Reply:
    stream = store.keys.get(key, Stream) or Stream()
    milliseconds, number = entry_id.split("-")
    at = (int(milliseconds), int(number))
    if at <= stream.top:
        return SMALL_ID
    stream.entries[at] = list(pairs)
    stream.top = at
    store.keys.values[key] = stream
    store.log("XADD", key, entry_id, *pairs)
    store.on_entry(key, entry_id)
    return entry_id


def _xlen(store: Store, key: str) -> Reply:
    stream = store.keys.get(key, Stream)
    return 0 if stream is None else len(stream.entries)


def _xrange(store: Store, key: str, first: str, last: str, *options: str) -> Reply:
    stream = store.keys.get(key, Stream) or Stream()
    low, high = _bound(first, 0), _bound(last, 1 << 63)
    found = [
        [f"{at[0]}-{at[1]}", list(pairs)]
        for at, pairs in stream.entries.items()
        if (at > low if first.startswith("(") else at >= low)
        and (at < high if last.startswith("(") else at <= high)
    ]
    if options:
        word, count = options
        if word.upper() != "COUNT":
            raise ValueError("options of XRANGE")
        del found[int(count) :]
    return found


def _xrevrange(store: Store, key: str, last: str, first: str, *options: str) -> Reply:
    found = _xrange(store, key, first, last)[::-1]
    return found[: int(options[1])] if options else found


def _xdel(store: Store, key: str, *ids: str) -> Reply:
    stream = store.keys.get(key, Stream) or Stream()
    gone = sum(stream.entries.pop(_bound(each, 0), None) is not None for each in ids)
    if gone:
        store.log("XDEL", key, *ids)
    return gone


def _xinfo(store: Store, what: str, key: str) -> Reply:
    """Of all that the real one tells, what the ledger reads."""
    if what.upper() != "STREAM":
        raise ValueError("XINFO")
    stream = store.keys.get(key, Stream)
    if stream is None:
        return Failure("ERR no such key")
    return ["last-generated-id", f"{stream.top[0]}-{stream.top[1]}"]


def _xsetid(store: Store, key: str, entry_id: str) -> Reply:
    stream, top = store.keys.get(key, Stream), _bound(entry_id, 0)
    if stream is None or top < max(stream.entries, default=(0, 0)):
        return Failure("ERR The ID specified in XSETID is smaller than the target stream top item")
    stream.top = top
    store.log("XSETID", key, entry_id)
    return Status("OK")


def _rename(store: Store, key: str, name: str) -> Reply:
    value = store.keys.get(key, object)
    if value is None:
        return Failure("ERR no such key")
    expires_ms = store.keys.expiries.get(key)
    store.keys.drop(key)
    store.keys.drop(name)
    store.keys.values[name] = value
    if expires_ms is not None:
        store.keys.expiries[name] = expires_ms
    store.log("RENAME", key, name)
    return Status("OK")


def _bound(text: str, rest: int) -> tuple[int, int]:
    text = text.removeprefix("(")
    if text in "-+":
        return (0, 0) if text == "-" else (1 << 63, 1 << 63)
    milliseconds, _, number = text.partition("-")
    return (int(milliseconds), int(number) if number else rest)


def _members(store: Store, key: str) -> dict[str, None]:
    held: Members | None = store.keys.get(key, Members)
    return {} if held is None else held.names


def _smembers(store: Store, key: str) -> Reply:
    return list(_members(store, key))


def _sismember(store: Store, key: str, name: str) -> Reply:
    return int(name in _members(store, key))


def _sadd(store: Store, key: str, *names: str) -> Reply:
    held = _members(store, key)
    new = [name for name in dict.fromkeys(names) if name not in held]
    if new:
        store.keys.values[key] = Members({**held, **dict.fromkeys(new)})
        store.log("SADD", key, *new)
    return len(new)


def _srem(store: Store, key: str, *names: str) -> Reply:
    held = _members(store, key)
    gone = [name for name in dict.fromkeys(names) if name in held]
    left = {name: None for name in held if name not in gone}
    if gone:
        store.keys.values[key] = Members(left)
        store.log("SREM", key, *gone)
    if not left:
        store.keys.drop(key)
    return len(gone)


def _scan(store: Store, cursor: str, *options: str) -> Reply:
    """Everything in one answer; MATCH takes a prefix and a star, as the ledger uses it."""
    named = {name.upper(): value for name, value in zip(options[::2], options[1::2], strict=True)}
    prefix = named.get("MATCH", "*").removesuffix("*")
    if "*" in prefix or cursor != "0":
        raise ValueError("options of SCAN")
    held = [key for key in list(store.keys.values) if store.keys.get(key, object) is not None]
    return ["0", [key for key in held if key.startswith(prefix)]]


_COMMANDS: dict[str, Callable[..., Reply]] = {
    "PING": _ping,
    "CLIENT": _ok,
    "SELECT": _ok,
    "TIME": _time,
    "GET": _get,
    "SET": _set,
    "DEL": _drop,
    "UNLINK": _drop,
    "EXISTS": _exists,
    "TYPE": _type,
    "HGET": _hget,
    "HMGET": _hmget,
    "HGETALL": _hgetall,
    "HKEYS": _hkeys,
    "HLEN": _hlen,
    "HEXISTS": _hexists,
    "HSET": _hset,
    "HSETNX": _hsetnx,
    "HINCRBY": _hincrby,
    "HDEL": _hdel,
    "PEXPIRE": _pexpire,
    "PEXPIREAT": _pexpireat,
    "PERSIST": _persist,
    "PEXPIRETIME": _pexpiretime,
    "PTTL": _pttl,
    "HPEXPIRETIME": _hpexpiretime,
    "XADD": _xadd,
    "XLEN": _xlen,
    "XRANGE": _xrange,
    "XREVRANGE": _xrevrange,
    "XDEL": _xdel,
    "XINFO": _xinfo,
    "XSETID": _xsetid,
    "RENAME": _rename,
    "SMEMBERS": _smembers,
    "SISMEMBER": _sismember,
    "SADD": _sadd,
    "SREM": _srem,
    "SCAN": _scan,
}
_WRITES = frozenset(
    (
        *("SET", "DEL", "UNLINK", "HSET", "HSETNX", "HINCRBY", "HDEL", "SADD", "SREM"),
        *("PEXPIRE", "PEXPIREAT", "PERSIST", "XADD", "XDEL"),
        *("XSETID", "RENAME"),
    )
)
_KEYLESS = frozenset(("TIME", "PING"))
_MANY_KEYS = frozenset(("DEL", "UNLINK", "EXISTS", "RENAME"))
