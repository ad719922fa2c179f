"""The wire: what the API and the workers share, and nothing else. docs/protocol.md is this package in prose.

ids.py       the ids that cross a process, each a type of its own
keys.py      every Redis key of a pool, with its legend
records.py   what is asked (JobRequest), what a job looks like (JobRecord)
events.py    what comes back: one union on `type`
scripts/     the atomic changes of a pool, in Lua
jobs.py      the job pipe: accept, start, finish, give back, cancel, expire
workers.py   the registry of worker lives: register, ask, beat, reap
writer.py    the event pipe's worker end: fenced emits
reader.py    the event pipe's API end: the log, then live, never a gap
clock.py     pool time that no step of a wall clock can move
places.py    where waiting jobs stand
ledger.py    a pool's jobs and dead letters, page by page, without what was said
idempotency.py, client.py, link.py, settings.py, logs.py
"""
