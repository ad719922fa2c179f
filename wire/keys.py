"""Every Redis key of a pool. All keys share one hash tag, so each script is atomic and runs on Redis Cluster.

demand                     stream: one entry per job that is not terminal; its length is KEDA's number
job:<id>                   hash: the record, kept a day after the end
waiting:<class>:<tenant>   sorted set: a tenant's waiting jobs by arrival
ring:<class>               sorted set: tenants in turn
front:<class>              sorted set: jobs that came back, taken before any tenant's turn
arrivals                   counter: the arrival number of the latest job
due                        sorted set: deadlines
beats                      hash: incarnation → beat count; an incarnation that is not in it is not alive
worker:<incarnation>       hash: one life of a worker process
owned:<incarnation>        set: the jobs it owns
inbox:<incarnation>        stream: its orders
loaded:<incarnation>       set: the models that it has in memory
holders:<model>            set: the incarnations that have it in memory
warm:<conversation>        string: the incarnation that had the last turn, for ten minutes
idle                       sorted set: workers that ask and own fewer jobs than their slots, by when they were seen
models                     hash: models last seen in this pool → their info
seen                       sorted set: the same models, by when a worker reported them last
circuits                   hash: `<engine>|<model>` → its circuit breaker, while it has failures
clock                      hash: skew and count of clock steps
events:<id>                stream: the event log; ids are `<attempt>-<seq>`
live:<id>                  channel: the same events, live
bytes                      hash: bytes of the requests of all jobs that are not terminal
finished                   stream: ended jobs on their way to history
dead                       stream: dead letters
"""

from __future__ import annotations

from wire.ids import Incarnation, JobId


class Keys:
    """Builds the keys of one pool, as `str`: `Keys("default").job("x")` → `sluice:{default}:job:x`."""

    def __init__(self, pool: str) -> None:
        self.pool = pool
        self.prefix = f"sluice:{{{pool}}}"
        self.demand = f"{self.prefix}:demand"
        self.beats = f"{self.prefix}:beats"
        self.models = f"{self.prefix}:models"
        self.seen = f"{self.prefix}:seen"
        self.circuits = f"{self.prefix}:circuits"
        self.finished = f"{self.prefix}:finished"
        self.dead = f"{self.prefix}:dead"

    def job(self, job: JobId) -> str:
        return f"{self.prefix}:job:{job}"

    def events(self, job: JobId) -> str:
        return f"{self.prefix}:events:{job}"

    def live(self, job: JobId) -> str:
        return f"{self.prefix}:live:{job}"

    def worker(self, incarnation: Incarnation) -> str:
        return f"{self.prefix}:worker:{incarnation}"

    def inbox(self, incarnation: Incarnation) -> str:
        return f"{self.prefix}:inbox:{incarnation}"


def idempotency(digest: str) -> str:
    """In no pool, because a key has its job wherever that job was routed."""
    return f"sluice:idempotency:{{{digest}}}"


def answer(digest: str) -> str:
    """The id of a job that answered this request. In no pool, and perhaps in a Redis of its own that may drop it."""
    return f"sluice:answer:{{{digest}}}"


def orchestrator(pool: str) -> str:
    """Which API process of this pool marks busy pods. In no pool, so that workers cannot write it."""
    return f"sluice:orchestrator:{{{pool}}}"
