"""A thin synchronous door to the scripts, for the model test: every answer, every message and every key, exactly.

One RESP3 connection does all: what a script publishes arrives on it before the answer to the next command does, so a
test that has read a snapshot has heard everything that was said before it. No waiting, no second connection.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any, NamedTuple

import hiredis

ANSWER_SECONDS = 10.0  # a script that does not end by then hangs: the test fails instead of CI

# Everything a pool holds, in one look: {key, type, milliseconds to live (-1: for ever), content} for each key.
SNAPSHOT = """#!lua flags=no-writes
local call, answer = redis.call, {}
local read = {
  hash = function(k) return call('HGETALL', k) end,
  set = function(k) return call('SMEMBERS', k) end,
  zset = function(k) return call('ZRANGE', k, 0, -1, 'WITHSCORES') end,
  stream = function(k) return call('XRANGE', k, '-', '+') end,
  string = function(k) return call('GET', k) end,
}
for _, k in ipairs(call('KEYS', KEYS[1] .. ':*')) do
  local kind = call('TYPE', k).ok
  answer[#answer + 1] = {k, kind, call('PTTL', k), read[kind](k)}
end
return answer
"""


class Refused(Exception):
    """The server answered with an error: a script failed half-way, or a command does not exist."""


class Connection:
    """Commands and their answers over one socket. Replies are `str`; pushed messages gather in `pushed`."""

    def __init__(self, port: int, database: int = 0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
        self._reader = hiredis.Reader(encoding="utf-8")
        self._queued: list[bytes] = []
        self.pushed: list[tuple[str, str]] = []  # (channel, message), as they came
        self.ask("HELLO", 3)
        self.ask("SELECT", database)

    def close(self) -> None:
        self._socket.close()

    def subscribe(self, pattern: str) -> None:
        """Hear every channel that matches, from now on. The server confirms by a push, so no answer is awaited."""
        self._socket.sendall(_packed("PSUBSCRIBE", pattern))

    def queue(self, *words: str | int) -> None:
        """Send this with the next `ask`; its answer only must not be an error."""
        self._queued.append(_packed(*words))

    def ask(self, *words: str | int) -> Any:
        """Send what is queued and this command; the answer to this one."""
        self._socket.sendall(b"".join([*self._queued, _packed(*words)]))
        answers = [self._answer() for _ in range(len(self._queued) + 1)]
        self._queued.clear()
        for answer in answers:
            if isinstance(answer, hiredis.ReplyError):
                raise Refused(str(answer))
        return answers[-1]

    def _answer(self) -> Any:
        while True:
            answer = self._reader.gets()
            if answer is False:
                data = self._socket.recv(65_536)
                if not data:
                    raise ConnectionError("the server closed the connection")
                self._reader.feed(data)
            elif isinstance(answer, hiredis.PushNotification):
                self._hear(answer)
            else:
                return answer

    def _hear(self, push: list[Any]) -> None:
        if push[0] == "pmessage":
            self.pushed.append((push[2], push[3]))


def _packed(*words: str | int) -> bytes:
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]  # its stub knows tuples of one word only
    return packed


class Key(NamedTuple):
    """One key of a pool. `ttl`: milliseconds, -1 for ever. `content`: dict, set, [(member, score)], entries or text."""

    ttl: int
    content: Any


class SyncWire:
    """The scripts of one pool, called by name, on a database of their own that every `forget` empties."""

    def __init__(self, port: int, texts: Mapping[str, str], pool: str = "model", database: int = 0) -> None:
        self.prefix = f"sluice:{{{pool}}}"
        self.connection = Connection(port, database)
        self._shas = {name: self.connection.ask("SCRIPT", "LOAD", text) for name, text in texts.items()}
        self._snapshot = self.connection.ask("SCRIPT", "LOAD", SNAPSHOT)
        self.connection.subscribe(f"{self.prefix}:live:*")

    def close(self) -> None:
        self.connection.close()

    def run(self, script: str, *args: str | int) -> Any:
        """Call one script; its answer, or Refused."""
        return self.connection.ask(*self._call(script, args))

    def queue(self, script: str, *args: str | int) -> None:
        """Call it together with what is asked next."""
        self.connection.queue(*self._call(script, args))

    def _call(self, script: str, args: tuple[str | int, ...]) -> list[str | int]:
        return ["EVALSHA", self._shas[script], *self._keys(script, args), *self._rest(script, args)]

    def _keys(self, script: str, args: tuple[str | int, ...]) -> list[str | int]:
        """`emit` and `note` name their keys, all others take the pool's prefix."""
        if script not in ("emit", "note"):
            return [1, self.prefix]
        kinds = ("job", "events", "live") if script == "emit" else ("job", "live")
        return [len(kinds), *(f"{self.prefix}:{kind}:{args[0]}" for kind in kinds)]

    def _rest(self, script: str, args: tuple[str | int, ...]) -> tuple[str | int, ...]:
        return args[1:] if script in ("emit", "note") else args

    def set_time(self, raw: int) -> None:
        """What the scripts' clock shows from the next call on (they must be loaded with `TEST_CLOCK`)."""
        self.connection.queue("SET", f"{self.prefix}:now", raw)

    def note_another_server(self) -> None:
        """The run id that the pool has noted is another server's from now on."""
        self.connection.ask("HSET", f"{self.prefix}:clock", "run", "another")

    def write(self, key: str, field: str, value: str) -> None:
        """Set a field of a hash, as another version's script does."""
        self.connection.ask("HSET", f"{self.prefix}:{key}", field, value)

    def add(self, stream: str, fields: Mapping[str, str]) -> str:
        """Append an entry that no script wrote; its id."""
        words = (word for pair in fields.items() for word in pair)
        return str(self.connection.ask("XADD", f"{self.prefix}:{stream}", "*", *words))

    def heard(self) -> list[tuple[str, str]]:
        """(job, message) of all that was published since the last call, as of the last answer."""
        heard = [(channel.rpartition(":")[2], message) for channel, message in self.connection.pushed]
        self.connection.pushed.clear()
        return heard

    def snapshot(self) -> dict[str, Key]:
        """Every key of the pool without its prefix; streams and other collections that are empty are left out."""
        rows = self.connection.ask("EVALSHA", self._snapshot, 1, self.prefix)
        keys = {key.removeprefix(self.prefix + ":"): Key(ttl, _content(kind, raw)) for key, kind, ttl, raw in rows}
        return {name: key for name, key in keys.items() if key.content}

    def forget(self) -> None:
        """An empty database, nothing left unheard."""
        self.connection.ask("FLUSHDB")
        self.connection.pushed.clear()


# In place of wire/scripts/clock.lua: time stands where the test has put it.
TEST_CLOCK = """
local P = KEYS[1]
local call = redis.call
local function raw() return tonumber(call('GET', P .. ':now')) end
"""


def _content(kind: str, raw: Any) -> Any:
    """A snapshot's flat answer in the shape that Python has for it."""
    if kind == "hash":
        return dict(zip(raw[::2], raw[1::2], strict=True))
    if kind == "zset":
        return [(member, int(float(score))) for member, score in zip(raw[::2], raw[1::2], strict=True)]
    if kind == "stream":
        return [(entry, dict(zip(fields[::2], fields[1::2], strict=True))) for entry, fields in raw]
    return set(raw) if kind == "set" else raw
