"""The scripts of a pool: every change of a job or a worker is one of these, atomic, all keys under one hash tag.

A script's text is flags + `clock.lua` + `guards.lua` + `prelude.lua` + its own file. `emit` is the hot path and goes
without. They are called by their hash (EVALSHA), so two versions of Sluice live side by side during a rollout.
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
BARE = {"emit", "note"}  # three commands each: no prelude to parse


def _read(name: str) -> str:
    return (files(__name__) / f"{name}.lua").read_text(encoding="utf-8")


def _flags(name: str) -> str:
    if name in READ_ONLY:
        return "#!lua flags=no-writes\n"
    return "#!lua\n" if name in REFUSABLE else "#!lua flags=allow-oom\n"


def load(clock: str | None = None) -> dict[str, str]:
    """Text of every script by name. `clock` replaces `clock.lua`: the one place where time comes from."""
    head = (clock or _read("clock")) + _read("guards") + _read("prelude")
    return {name: _flags(name) + ("" if name in BARE else head) + _read(name) for name in NAMES}


@cache
def scripts() -> dict[str, str]:
    """The scripts as shipped, read once."""
    return load()
