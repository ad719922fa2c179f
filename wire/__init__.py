"""The wire: what the API and the workers share, and nothing else. docs/protocol.md is this package in prose.

ids.py          the ids that cross a process, each a type of its own
keys.py         every Redis key of a pool, with its legend
records.py      a request (JobRequest), and a job as it lies in Redis (JobRecord)
events.py       what a job sends back: one union on `type`
scripts/        the atomic changes of a pool, in Lua
jobs.py         the verbs of a job: accept, start, finish, give back, cancel, expire
log.py          the event log of a job, read page by page, and its sum
writer.py       the worker's end of a log: fenced emits
reader.py       the API's end of a log: its entries, then live events, without a gap
workers.py      the verbs of a worker's life: register, ask, beat, reap
worker_info.py  what a worker reports of itself
orders.py       the orders in a worker's inbox
rerouting.py    how a job goes on in another pool
circuits.py     which engines are in trouble with a model
places.py       the places of waiting jobs
clock.py        pool time, which no step of a wall clock moves
ledger.py       a pool's jobs and dead letters, page by page, without their texts
idempotency.py  the job of a caller's idempotency key
decoding.py     reads values that any worker may have written
link.py, client.py, outage.py  connections to Redis, and the time in which it is away
settings.py, logs.py, early.py  the start of a process
"""
