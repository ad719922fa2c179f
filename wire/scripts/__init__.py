"""The scripts of a pool: every change of a job or a worker is one of these, atomic, all keys under one hash tag.

A script's text is its flags, then `clock.lua` and the other shared files in the order of `SHARED`, then its own file.
`emit` and `note`, which run most often, go without the shared files. Scripts are called by their hash (EVALSHA), so two
versions of Sluice run side by side during a rollout.

clock.lua     where time comes from; tests replace it
guards.lua    reads keys into which any worker may have written anything
queue.lua     arrival numbers, tenants' turns, the bytes of all requests
policy.lua    which job is next and which worker gets it; places.lua and wire/places.py mirror its order
models.lua    which worker has which model in memory
prelude.lua   giving, ending and returning a job, and the end of a worker's life
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

NAMES = (
    "accept", "register", "ask", "beat", "start", "emit", "note", "finish", "give_back",
    "cancel", "reap", "expire", "bury", "look", "step", "places", "forget", "trip", "mend", "probe",
    "admit",
)  # fmt: skip
REFUSABLE = {"accept", "admit"}  # may answer OOM when Redis is full; everything else must still work then
READ_ONLY = {"look", "places"}
BARE = {"emit", "note"}  # three commands each: no shared file to parse
SHARED = ("guards", "queue", "policy", "models", "prelude")  # each uses what stands in those before it


def _read(name: str) -> str:
    return (files(__name__) / f"{name}.lua").read_text(encoding="utf-8")


def _flags(name: str) -> str:
    if name in READ_ONLY:
        return "#!lua flags=no-writes\n"
    return "#!lua\n" if name in REFUSABLE else "#!lua flags=allow-oom\n"


def load(clock: str | None = None) -> dict[str, str]:
    """The text of every script by its name. `clock` replaces `clock.lua`, the one place where time comes from."""
    head = (clock or _read("clock")) + "".join(map(_read, SHARED))
    return {name: _flags(name) + ("" if name in BARE else head) + _read(name) for name in NAMES}


@cache
def scripts() -> dict[str, str]:
    """The scripts as shipped, read once."""
    return load()
