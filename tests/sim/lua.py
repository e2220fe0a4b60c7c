"""Lua as a Valkey server runs it: the scripts of the ledger themselves, over a store in Python."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from lupa import luajit21

Reply = Any
"""What a command answers: None, int, str, list of them, Status or Failure."""
Command = Callable[[Sequence[str]], Reply]
"""Runs one command, its name first."""

_SHEBANG = re.compile(r"#!lua(?: flags=(\S+))?[ \t]*\n")
_ALLOWED = ("string", "math", "table")
_BASE = (
    *("assert", "error", "ipairs", "next", "pairs", "pcall", "select", "tonumber", "tostring"),
    *("type", "unpack", "setmetatable", "getmetatable", "rawget", "rawset"),
)

# redis.call raises what redis.pcall returns. A global that nobody made is an error, as it is there.
_HOUSE = """
local dispatch, names = ...
local world = {}
for name in string.gmatch(names, '%S+') do world[name] = _G[name] end
local function raise(reply)
  if type(reply) == 'table' and reply.err then error(reply, 0) end
  return reply
end
world.redis = {
  call = function(...) return raise(dispatch(...)) end,
  pcall = function(...) return dispatch(...) end,
  error_reply = function(text) return {err = text} end,
  status_reply = function(text) return {ok = text} end,
}
setmetatable(world, {
  __index = function(_, name) error('no global variable ' .. name, 2) end,
  __newindex = function(_, name) error('a script made the global variable ' .. name, 2) end,
})
local function run(script, keys, arguments)
  rawset(world, 'KEYS', keys)
  rawset(world, 'ARGV', arguments)
  local is_good, reply = pcall(script)
  if is_good then return reply end
  if type(reply) == 'table' then return reply end
  return {err = 'ERR ' .. tostring(reply)}
end
local function compile(text)
  local script, wrong = loadstring(text, '@user_script')
  if not script then error(wrong) end
  return setfenv(script, world)
end
return compile, run
"""


class Status(str):
    """A status, such as OK."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error, told and not raised."""

    text: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """One script, ready to run."""

    body: Any
    may_write: bool


class Engine:
    """One Lua state, which whoever runs scripts in this process may share: they keep nothing."""

    def __init__(self) -> None:
        self._command: Command = list
        self._known: dict[str, Compiled] = {}
        # The scripts count bytes, as the server does.
        self._lua = luajit21.LuaRuntime(
            encoding="utf-8", unpack_returned_tuples=True, register_eval=False
        )
        self._table = self._lua.table_from
        house = self._lua.compile(_HOUSE)
        self._compile, self._run = house(self._dispatch, " ".join((*_ALLOWED, *_BASE)))
        self._type = luajit21.lua_type

    def compile(self, text: str) -> Compiled:
        """The script of a text that begins with `#!lua`; the simulator takes no other."""
        if text not in self._known:
            self._known[text] = self._compiled(text)
        return self._known[text]

    def _compiled(self, text: str) -> Compiled:
        named = _SHEBANG.match(text)
        assert named, "every script of the ledger begins with #!lua"
        flags = set((named[1] or "").split(",")) - {""}
        assert flags <= {"no-writes"}, f"the simulator does not know the flags {flags}"
        body = self._compile("\n" + text[named.end() :])
        return Compiled(body, may_write="no-writes" not in flags)

    def run(
        self, script: Compiled, keys: Sequence[str], arguments: Sequence[str], command: Command
    ) -> Reply:
        """What the script answers; what it wrote before it failed stays written.

        `command` runs the commands that it calls.
        """
        self._command = command
        return self._told(self._run(script.body, self._table(keys), self._table(arguments)))

    def _dispatch(self, *words: Any) -> Any:
        return self._lua_value(self._command([_word(word) for word in words]))

    def _lua_value(self, reply: Reply) -> Any:
        if reply is None:
            return False
        if isinstance(reply, list):
            return self._table([self._lua_value(part) for part in reply])
        if isinstance(reply, Status):
            return self._table({"ok": str(reply)})
        if isinstance(reply, Failure):
            return self._table({"err": reply.text})
        return reply

    def _told(self, value: Any) -> Reply:
        """A value of Lua as the server sends it: fractions cut off, lists up to the first nil."""
        if value is None or value is False:
            return None
        if value is True:
            return 1
        if isinstance(value, str):
            return value
        if isinstance(value, int | float):
            return int(value)
        if value["err"] is not None:
            return Failure(value["err"])
        if value["ok"] is not None:
            return Status(value["ok"])
        told = []
        while (part := value[len(told) + 1]) is not None:
            told.append(self._told(part))
        return told


@cache
def engine() -> Engine:
    """The one of this process."""
    return Engine()


def _word(word: Any) -> str:
    """An argument of redis.call as the server reads it."""
    if isinstance(word, str):
        return word
    if isinstance(word, bool) or not isinstance(word, int | float):
        raise TypeError(f"redis.call takes strings and numbers, not {word!r}")
    return f"{word:.17g}"
