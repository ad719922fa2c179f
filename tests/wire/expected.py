"""What a pool must hold: design §3 in plain Python, exact to the field and to the millisecond.

`ExpectedPool` has a method for each script, with the script's arguments and answer. It is not a copy of the Lua: who is
idle is worked out anew each time, a job's last event is the end of a list, repeated calls are known by their token.
`keys()` is what Redis must hold then, key by key; `tests/wire/model.py` compares.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

CLASSES = ("interactive", "batch")
LIVE = ("queued", "running")
STEP_MS = 2000
FRESH_MS = 5000
EPOCH_ATTEMPTS = 1000
PASS_OVER_MS = 2000
OPEN_AT, ALONE_AT = 5, 10
PROBE_MS = 30_000
DAY_MS = 86_400_000
RECOUNT_MS = 1000
NOT_LOADED = ("model_not_found", "out_of_memory", "rerouted")

# Bounds that a random sequence of fifty steps can reach; the model test writes them into the scripts.
MAX_UNSTARTED = 3
CANDIDATES = 2
CLOSE = 2  # how many of a tenant's oldest jobs a freed worker chooses from
MODELS_KEPT = 2
SWEPT = 3  # entries at the oldest end of `demand` that one `expire` looks at

NEVER_STARTED = f"No worker could start this job in {MAX_UNSTARTED} attempts; look at the workers' logs."
WORKER_LOST = "The worker died while it ran this job, and no attempt is left."
DEADLINE = "The job did not end before its deadline; try again later."

Answer = Any
EventId = tuple[int, int]


@dataclass(eq=False)
class Entry:
    """One entry of a stream, itself and no other. `id` is Redis's choice: "" until the first look at it."""

    fields: dict[str, str]
    id: str = ""


@dataclass
class Job:
    name: str
    tenant: str
    cls: str
    model: str
    max_attempts: int
    arrival: int
    accepted: int
    due: int
    request_id: str
    request: str
    entry: Entry
    epoch: int
    keep: int
    base: int
    affinity: str
    outline: str
    principal: str
    state: str = "queued"
    route: str = ""
    attempt: int = 0
    tries: int = 0
    unstarted: int = 0
    owner: str = ""
    note: str = ""
    behind: bool = False  # it has gone behind others: no worker takes it for what it has
    passed: int | None = None  # when it was first passed over
    why: str = ""
    end: str = ""
    result: str = ""
    returned_by: tuple[int, str] | None = None  # (attempt, incarnation) of the latest give_back
    finished_by: tuple[int, str] | None = None
    forgotten: bool = False
    log: list[tuple[EventId, str]] = field(default_factory=list)
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def kept_request(self) -> str:
        """Its request; once it has ended in this pool, what is to be left of it."""
        return self.request if self.live or self.why == "rerouted" else self.outline or self.request

    @property
    def last(self) -> EventId:
        return self.log[-1][0] if self.log else (0, 0)

    @property
    def started(self) -> bool:
        """Whether the attempt that runs has written anything."""
        return self.last[0] == self.attempt

    def held_by(self, incarnation: str, attempt: int) -> bool:
        return self.state == "running" and (self.owner, self.attempt) == (incarnation, attempt)

    def record(self) -> dict[str, str]:
        """The job's hash, but for `by`, which is how the scripts remember a repeated call."""
        said = {"forgotten": "1"} if self.forgotten else {"request": self.kept_request}
        if self.result and not self.forgotten:
            said["result"] = self.result
        fence = f"{self.attempt}@{self.owner}" if self.owner else ""
        return {
            "v": "1", "state": self.state, "tenant": self.tenant, "class": self.cls, "n": str(self.arrival),
            "entry": self.entry.id, "epoch": str(self.epoch), "attempt": str(self.attempt), "tries": str(self.tries),
            "unstarted": str(self.unstarted), "max": str(self.max_attempts), "owner": self.owner, "fence": fence,
            "note": self.note, "why": self.why, "end": self.end, "accepted": str(self.accepted), "due": str(self.due),
            "model": self.model, "request_id": self.request_id, "keep": str(self.keep),
            "base": str(self.base), "affinity": self.affinity, "route": self.route,
            "outline": self.outline, "bytes": str(len(self.request)), "principal": self.principal,
            **said, **self.marks,
            **({"behind": "1"} if self.behind else {}),
            **({"passed": str(self.passed)} if self.passed is not None else {}),
        }  # fmt: skip


@dataclass
class Circuit:
    state: str = "closed"
    failures: int = 0
    opened: int = 0
    probed: int = 0
    reason: str = ""
    blamed: dict[str, list[str]] = field(default_factory=dict)  # tenant → jobs that may be to blame themselves

    def content(self) -> dict[str, Any]:
        said = vars(self)
        return said if self.blamed else {name: value for name, value in said.items() if name != "blamed"}


@dataclass
class Worker:
    name: str
    slots: int
    since: int
    seen: int
    info: str
    beat: int = 1
    asking: bool = False
    owned: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)
    inbox: list[Entry] = field(default_factory=list)

    @property
    def idle(self) -> bool:
        return self.asking and len(self.owned) < self.slots

    def record(self) -> dict[str, str]:
        return {
            "slots": str(self.slots), "asking": str(int(self.asking)), "seen": str(self.seen),
            "since": str(self.since), "info": self.info,
        }  # fmt: skip


class ExpectedPool:
    """A pool's state and verbs. `time`: true pool time; `off`: what TIME is wrong by; `skew`: what is put right."""

    def __init__(self, time: int, happened: Counter[str]) -> None:
        self.time, self.off, self.skew, self.steps = time, 0, 0, 0
        self.happened = happened
        self.jobs: dict[str, Job] = {}
        self.workers: dict[str, Worker] = {}  # the living
        self.arrivals = 0
        self.epoch = 0  # lives of the server that took or gave a job; 0: none yet
        self.restarted = True  # since the last give
        self.demand: list[Entry] = []
        self.drift = 0  # bytes that scripts of an older version have not taken off the sum
        self.recounted = 0  # when the bytes were counted anew last
        self.waiting: dict[tuple[str, str], list[str]] = defaultdict(list)  # (class, tenant) → by arrival
        self.ring: dict[str, list[str]] = {c: [] for c in CLASSES}  # tenants in turn
        self.front: dict[str, list[str]] = {c: [] for c in CLASSES}  # returned, by arrival
        self.models: dict[str, str] = {}
        self.told: dict[str, int] = {}  # model → when a worker told of it last; absent: an older version wrote it down
        self.warm: dict[str, str] = {}  # conversation → who had its last turn
        self.arriving: Job | None = None
        self.circuits: dict[str, Circuit] = {}
        self.finished: Counter[tuple[str, str]] = Counter()
        self.dead: Counter[tuple[tuple[str, str], ...]] = Counter()
        self.given: list[tuple[str, str, int]] = []  # (job, incarnation, attempt), all that ever were
        self.heard: dict[str, list[str]] = defaultdict(list)  # since it was last taken

    # ---- time ----

    @property
    def raw(self) -> int:
        return self.time + self.off

    @property
    def now(self) -> int:
        return self.raw - self.skew

    def stepped(self, at: int | str) -> bool:
        return at != "" and abs(self.now - int(at)) > STEP_MS

    def look(self) -> Answer:
        return [self.raw, self.skew, self.steps]

    def step(self, steps_seen: int, delta: int) -> Answer:
        if steps_seen != self.steps:
            return 0
        self.skew += delta
        self.steps += 1
        self.happened["a step put right"] += 1
        return 1

    # ---- the queue ----

    def enqueue(self, job: Job) -> None:
        self.waiting[job.cls, job.tenant].append(job.name)
        if job.tenant not in self.ring[job.cls]:
            self.ring[job.cls].append(job.tenant)

    def dequeue(self, job: Job) -> None:
        if job.name in self.front[job.cls]:
            self.front[job.cls].remove(job.name)
            return
        self.waiting[job.cls, job.tenant].remove(job.name)
        if not self.waiting[job.cls, job.tenant]:
            self.ring[job.cls].remove(job.tenant)

    def order(self) -> Iterator[str]:
        """The waiting jobs as they would be taken one by one: class, returned ones first, then tenants in turn."""
        for c in CLASSES:
            yield from self.front[c]
            ring = list(self.ring[c])
            waiting = {t: list(self.waiting[c, t]) for t in ring}
            while ring:
                tenant = ring.pop(0)
                yield waiting[tenant].pop(0)
                if waiting[tenant]:
                    ring.append(tenant)

    def take(self, only: Worker | None) -> Job | None:
        """The next job, taken out; its tenant goes to the end of the ring while it has more.

        `only`: the one worker that is free. Of the tenant's oldest jobs it may take one that suits it better.
        """
        job = next((self.jobs[name] for name in self.order()), None)
        if job is None:
            return None
        if only and job.name not in self.front[job.cls]:
            job = self.suits_best([self.jobs[name] for name in self.waiting[job.cls, job.tenant][:CLOSE]], only)
        from_front = job.name in self.front[job.cls]
        self.dequeue(job)
        if not from_front and self.waiting[job.cls, job.tenant]:
            self.ring[job.cls].remove(job.tenant)
            self.ring[job.cls].append(job.tenant)
        return job

    def idle(self) -> list[Worker]:
        """Workers that can take a job, the freshest first, later names first among equals."""
        idle = [w for w in self.workers.values() if w.idle]
        return sorted(idle, key=lambda w: (w.seen, w.name), reverse=True)

    def suits_best(self, near: list[Job], worker: Worker) -> Job:
        """Warm before loaded before the oldest; nobody goes before a job that was passed over long enough ago."""
        impatient = [n for n, j in enumerate(near) if j.passed is not None and self.now - j.passed >= PASS_OVER_MS]
        if impatient:
            self.happened["a job is passed over no more"] += 1
            near = near[: impatient[0] + 1]
        loaded = [job for job in near if job.model in worker.loaded and not job.behind]
        warm = [job for job in loaded if self.warm.get(job.affinity) == worker.name]
        chosen = (warm or loaded or near)[0]
        for job in near[: near.index(chosen)]:
            self.happened[f"passed over for a job that is {'warm' if warm else 'loaded'}"] += 1
            job.passed = self.now if job.passed is None else job.passed
        return chosen

    def best_worker(self, job: Job, idle: list[Worker]) -> Worker:
        fresh = [w for w in idle if w.seen >= self.now - FRESH_MS]
        holding = [w for w in fresh if job.model in w.loaded]
        warm = [w for w in holding if w.name == self.warm.get(job.affinity)]
        if warm:
            return warm[0]
        near = fresh[:CANDIDATES]
        candidates = [w for w in near if w in holding] or holding[:CANDIDATES] or near or idle[:1]
        if holding and len(holding) < len(idle):
            self.happened["a model found " + ("near" if holding[0] in near else "far")] += 1
        return min(candidates, key=lambda w: len(w.owned))

    def match(self) -> None:
        while idle := self.idle():
            only = idle[0] if len(idle) == 1 else None
            job = self.take(only)
            if job is None:
                return
            self.give(job, only or self.best_worker(job, idle))

    def count_lives(self) -> None:
        if self.restarted:
            self.epoch, self.restarted = self.epoch + 1, False

    def give(self, job: Job, worker: Worker) -> None:
        self.count_lives()
        job.attempt += 1 + (self.epoch - job.epoch) * EPOCH_ATTEMPTS
        job.epoch = self.epoch
        job.state, job.owner, job.note = "running", worker.name, ""
        job.route = self.route(job, worker)
        self.mark(job, f"given:{job.attempt}", worker.name)
        worker.owned.add(job.name)
        order = {"do": "run", "job": job.name, "attempt": str(job.attempt), "model": job.model}
        worker.inbox.append(Entry(order))
        self.given.append((job.name, worker.name, job.attempt))
        self.happened["given"] += 1

    def route(self, job: Job, worker: Worker) -> str:
        held = job.model in worker.loaded
        warm = held and self.warm.get(job.affinity) == worker.name
        worker.loaded.add(job.model)
        if job.affinity:
            self.warm[job.affinity] = worker.name
        route = "warm" if warm else "loaded" if held else "idle" if job is self.arriving else "queue"
        self.happened[f"route: {route}"] += 1
        return route

    def forget_loading(self, job: Job, code: str) -> None:
        """Its worker is not expected to hold this model."""
        if code in NOT_LOADED:
            self.workers[job.owner].loaded.discard(job.model)

    # ---- what ends and what comes back ----

    def mark(self, job: Job, what: str, detail: str) -> None:
        job.marks[what] = f"{self.now} {detail}"

    def log(self, job: Job, event: EventId, body: str) -> None:
        job.log.append((event, canonical(body)))
        self.heard[job.name].append(f"{event[0]}-{event[1]} {canonical(body)}")

    def bury_job(self, job: Job, why: str) -> None:
        self.dead[("job", job.name), ("why", why)] += 1
        self.happened[f"dead letter: {why}"] += 1

    def end(self, job: Job, state: str, why: str, body: str) -> None:
        """Somebody else than its owner ends it: the event takes the id after the log's last, the owner is told."""
        owner = self.workers.get(job.owner)
        nothing_said = not job.log and job.base
        self._end(job, state, why, (job.base + 1, 0) if nothing_said else (job.last[0], job.last[1] + 1), body)
        if owner:
            order = {"do": "cancel", "job": job.name, "attempt": str(job.attempt)}
            owner.inbox.append(Entry(order))

    def _end(self, job: Job, state: str, why: str, event: EventId, body: str) -> None:
        if job.state == "queued":
            self.dequeue(job)
        else:
            self.workers[job.owner].owned.remove(job.name)
        self.log(job, event, body)
        self.demand.remove(job.entry)
        job.state, job.owner, job.note, job.why = state, "", "", why
        job.end, job.returned_by = f"{event[0]}-{event[1]}", None
        if not self.live_bytes + self.drift:
            self.recounted = 0
        self.mark(job, "ended", state)
        self.finished[job.name, state] += 1
        self.happened[f"{state} {why}".strip()] += 1

    def fail(self, job: Job, code: str, message: str) -> None:
        body = {"type": "failed", "code": code, "message": message, "retryable": True}
        self.end(job, "failed", code, json.dumps(body, separators=(",", ":")))

    def requeue(self, job: Job, why: str, behind: bool = False) -> None:
        """Back to the front of its class, or behind all; the third time that nobody had started it, it ends instead."""
        started = job.started
        self.workers[job.owner].owned.remove(job.name)
        job.state, job.owner, job.note, job.returned_by = "queued", "", why, None
        self.mark(job, f"returned:{job.attempt}", why)
        if behind:
            self.arrivals += 1
            job.arrival, job.behind = self.arrivals, True
            self.enqueue(job)
            self.happened["a job goes behind others"] += len(list(self.order())) > 1
        else:
            self.front[job.cls] = sorted([*self.front[job.cls], job.name], key=lambda name: self.jobs[name].arrival)
        if started:
            return
        job.unstarted += 1
        if job.unstarted >= MAX_UNSTARTED:
            self.bury_job(job, "never_started")
            self.fail(job, "never_started", NEVER_STARTED)

    def charge(self, job: Job, code: str, message: str) -> None:
        job.tries += 1
        self.happened[f"charged: {code}"] += 1
        if job.tries >= job.max_attempts:
            self.bury_job(job, code)
            self.fail(job, code, message)

    # ---- scripts that clients call ----

    def accept(
        self, name: str, tenant: str, cls: str, timeout: int, max_attempts: int, depth: int, per_tenant: int,
        at: int | str, model: str, request_id: str, request: str, version: int, keep: int, base: int, affinity: str,
        outline: str, most_bytes: int, principal: str,
    ) -> Answer:  # fmt: skip
        refusal = self._refusal(name, tenant, depth, per_tenant, at, len(request), most_bytes)
        if refusal:
            self.happened[f"accept: {' '.join(refusal)}"] += 1
            return refusal
        self.arrivals += 1
        entry = Entry({"job": name})
        self.demand.append(entry)
        times = (self.now, self.now + timeout)
        self.count_lives()
        words = (request_id, request, entry, self.epoch, keep, base, affinity, outline, principal)
        job = Job(name, tenant, cls, model, max_attempts, self.arrivals, *times, *words, attempt=base)
        self.jobs[name] = job
        self.enqueue(job)
        self.arriving = job
        self.match()
        self.arriving = None
        return ["ok"]

    def _refusal(
        self, name: str, tenant: str, depth: int, per_tenant: int, at: int | str, size: int, most_bytes: int
    ) -> Answer:
        """`ok` for a job that is in already, None where nothing speaks against it."""
        if name in self.jobs:
            return ["ok"]
        if len(self.demand) >= depth:
            return ["full", "depth"]
        if sum(len(self.waiting[c, tenant]) for c in CLASSES) >= per_tenant:
            return ["full", "tenant"]
        if self._weight(size, most_bytes) + size > most_bytes:
            return ["full", "bytes"]
        return ["stepped"] if self.stepped(at) else None

    @property
    def live_bytes(self) -> int:
        return sum(len(job.request) for job in self.jobs.values() if job.live)

    def _weight(self, size: int, most: int) -> int:
        """Bytes of all requests that are not terminal; before one is refused they are counted, once a second."""
        if self.live_bytes + self.drift + size > most and abs(self.now - self.recounted) >= RECOUNT_MS:
            self.happened["bytes counted anew" if self.drift else "bytes counted again"] += 1
            self.drift, self.recounted = 0, self.now
        return self.live_bytes + self.drift

    def cancel(self, name: str, why: str) -> Answer:
        job = self.jobs.get(name)
        if job and job.live:
            self.end(job, "cancelled", why, json.dumps({"type": "cancelled", "reason": why}, separators=(",", ":")))
            self.match()
        return job.state if job else ""

    def forget(self, name: str) -> Answer:
        job = self.jobs.get(name)
        if job is None or job.live:
            return job.state if job else ""
        job.forgotten = True
        self.happened["forgotten"] += 1
        return "forgotten"

    def probe(self, name: str) -> Answer:
        circuit = self.circuits.get(name)
        if circuit is None or circuit.state == "closed":
            return 0
        if self.now - max(circuit.opened, circuit.probed) < PROBE_MS:
            return 0
        circuit.state, circuit.probed = "half_open", self.now
        self.happened["a circuit probed"] += 1
        return 1

    def places(self, *names: str) -> Answer:
        return [len(self.workers), *(self._backlog(c) for c in CLASSES), *(self._place(name) for name in names)]

    def _backlog(self, cls: str) -> Answer:
        tenants = [word for t in self.ring[cls] for word in (t, len(self.waiting[cls, t]))]
        return [cls, len(self.front[cls]), tenants]

    def _place(self, name: str) -> Answer:
        job = self.jobs.get(name)
        if job is None:
            return ["", "", "", -1, 0, ""]
        rank, in_front = -1, 0
        if job.name in self.front[job.cls]:
            rank, in_front = self.front[job.cls].index(name), 1
        elif job.state == "queued":
            rank = self.waiting[job.cls, job.tenant].index(name)
        return [job.state, job.cls, job.tenant, rank, in_front, job.note]

    # ---- scripts that workers call ----

    def register(self, name: str, slots: int, info: str, loaded: str, *models: str) -> Answer:
        if name not in self.workers:
            self.workers[name] = Worker(name, slots, self.now, self.now, info)
        self.workers[name].loaded = set(json.loads(loaded))
        self._learn(models)
        return self.workers[name].beat

    def _learn(self, models: tuple[str, ...]) -> None:
        self.models.update(zip(models[::2], models[1::2], strict=True))
        self.told.update(dict.fromkeys(models[::2], self.now))

    def _sweep_models(self, limit: int) -> None:
        for name in sorted(self.models.keys() - self.told.keys()):
            if len(self.models) > MODELS_KEPT:
                self.happened["a model forgotten before it had a time"] += 1
                del self.models[name]
            else:
                self.told[name] = self.now
        order = sorted(self.told, key=lambda name: (self.told[name], name))
        old = [name for name in order if self.told[name] <= self.now - DAY_MS][:limit]
        over = [name for name in order if name not in old]
        self._forget_models([*old, *over[: min(limit, max(0, len(over) - MODELS_KEPT))]])
        self.happened["a model forgotten for its age"] += len(old)
        self.happened["a model forgotten for its number"] += len(over) > MODELS_KEPT

    def _forget_models(self, names: list[str]) -> None:
        for name in names:
            del self.models[name], self.told[name]

    def ask(self, name: str, wants: int) -> Answer:
        worker = self.workers.get(name)
        if worker is None:
            return 0
        worker.asking, worker.seen = bool(wants), self.now
        if wants:
            self.match()
        return 1

    def beat(self, name: str, inbox_from: str, info: str, loaded: str, *models: str) -> Answer:
        worker = self.workers.get(name)
        if worker is None:
            self.happened["a dead life beats"] += 1
            return [0]
        worker.beat += 1
        worker.seen = self.now
        worker.info = info or worker.info
        if loaded:
            worker.loaded = set(json.loads(loaded))
        self._learn(models)
        if inbox_from:
            worker.inbox = [entry for entry in worker.inbox if id_order(entry.id) >= id_order(inbox_from)]
        return [worker.beat, *sorted(worker.owned)]

    def start(self, name: str, incarnation: str, attempt: int, body: str) -> Answer:
        job = self.jobs[name]
        if not job.held_by(incarnation, attempt):
            return [0]
        if not job.started:
            self.log(job, (attempt, 0), body)
            self.mark(job, f"started:{attempt}", incarnation)
        return [
            1,
            job.request,
            job.request_id,
            job.due,
            job.tries,
            job.max_attempts,
            job.accepted,
            self.now,
            len(self.circuits),
        ]

    def emit(self, name: str, incarnation: str, attempt: int, seq: int, body: str) -> Answer:
        job = self.jobs[name]
        if not job.held_by(incarnation, attempt):
            self.happened["a stale emit refused"] += 1
            return 0
        if (attempt, seq) > job.last:
            self.log(job, (attempt, seq), body)
        return 1

    def note(self, name: str, incarnation: str, attempt: int, note: str, body: str) -> Answer:
        job = self.jobs[name]
        if not job.held_by(incarnation, attempt):
            return 0
        job.note = note
        self.heard[name].append(f"- {canonical(body)}")
        return 1

    def finish(
        self, name: str, incarnation: str, attempt: int, seq: int,
        state: str, body: str, why: str, result: str, dead: int,
    ) -> Answer:  # fmt: skip
        job = self.jobs[name]
        if not job.held_by(incarnation, attempt):
            return int(job.finished_by == (attempt, incarnation))
        expected = job.last[1] + 1 if job.started else 0
        if seq != expected:
            self.happened["a gap refused"] += 1
            return -1
        if dead:
            self.bury_job(job, why)
        self.forget_loading(job, why)
        job.finished_by = (attempt, incarnation)
        job.result = result or job.result
        self._end(job, state, why, (attempt, seq), body)
        self.match()
        return 1

    def give_back(
        self, name: str, incarnation: str, attempt: int, why: str,
        charged: int, code: str, message: str, behind: int | str,
    ) -> Answer:  # fmt: skip
        job = self.jobs[name]
        if not job.held_by(incarnation, attempt):
            return int(job.returned_by == (attempt, incarnation))
        self.forget_loading(job, code)
        self.requeue(job, why, bool(charged or behind))
        if charged and job.live:
            self.charge(job, code, message)
        if job.live:
            job.returned_by = (attempt, incarnation)
            self.happened["given back"] += 1
        self.workers[incarnation].asking = False
        self.match()
        return 1

    def trip(self, name: str, reason: str, job: str) -> Answer:
        circuit = self.circuits.setdefault(name, Circuit())
        if job and circuit.state == "closed":
            jobs = circuit.blamed.setdefault(self.jobs[job].tenant if job in self.jobs else "", [])
            known = job in jobs
            jobs += [] if known else [job]
            if known or OPEN_AT <= len(jobs) < ALONE_AT:
                self.happened["a failure that does not count"] += 1
                return circuit.state
        circuit.failures, circuit.reason = circuit.failures + 1, reason
        if circuit.state == "half_open" or (circuit.state == "closed" and circuit.failures >= OPEN_AT):
            self.happened["a circuit opened" + (" again" if circuit.state == "half_open" else "")] += 1
            circuit.state, circuit.opened = "open", self.now
        return circuit.state

    def mend(self, name: str) -> Answer:
        return int(self.circuits.pop(name, None) is not None)

    # ---- scripts that watchers call ----

    def reap(self, name: str, beat: int) -> Answer:
        worker = self.workers.get(name)
        if worker is None:
            return 1
        if worker.beat != beat:
            return 0
        for job in [self.jobs[j] for j in sorted(worker.owned)]:
            started = job.started
            self.requeue(job, "worker_lost")
            if started:
                self.charge(job, "worker_lost", WORKER_LOST)
        del self.workers[name]
        self.match()
        self.happened["reaped"] += 1
        return 1

    def expire(self, at: int | str, limit: int) -> Answer:
        if self.stepped(at):
            self.happened["expire: stepped"] += 1
            return -1
        late = sorted((job.due, job.name) for job in self.jobs.values() if job.live and job.due <= self.now)[:limit]
        for _, name in late:
            self.fail(self.jobs[name], "deadline", DEADLINE)
        self._sweep()
        self._sweep_models(limit)
        if not self.demand:
            self.drift = self.recounted = 0
        self.match()
        return len(late)

    def _sweep(self) -> None:
        written = [job.entry for job in self.jobs.values()]
        for entry in [e for e in self.demand[:SWEPT] if all(e is not own for own in written)]:
            self.demand.remove(entry)
            self.bury("demand", entry.id, entry.fields.get("job", ""))
            self.happened["garbage swept"] += 1

    def bury(self, stream: str, entry: str, job: str) -> Answer:
        self.dead[("job", job), ("why", "undecodable"), ("stream", stream), ("entry", entry)] += 1
        return 1

    # ---- what Redis must hold ----

    def keys(self) -> dict[str, Any]:
        """Every key without its prefix → its content. What is empty is not there."""
        keys: dict[str, Any] = {
            "now": str(self.raw),
            "arrivals": str(self.arrivals) if self.arrivals else "",
            "demand": [(entry.id, entry.fields) for entry in self.demand],
            "due": sorted(((j.name, j.due) for j in self.jobs.values() if j.live), key=lambda due: due[::-1]),
            "beats": {w.name: str(w.beat) for w in self.workers.values()},
            "idle": [(w.name, w.seen) for w in reversed(self.idle())],
            "models": self.models,
            "seen": sorted(self.told.items(), key=lambda told: told[::-1]),
            "clock": self._clock(),
            "bytes": self._bytes(),
            "circuits": {name: circuit.content() for name, circuit in self.circuits.items()},
            "finished": self.finished,
            "dead": self.dead,
        }
        for job in self.jobs.values():
            keys[f"job:{job.name}"] = job.record()
            keys[f"events:{job.name}"] = [] if job.forgotten else [(f"{a}-{q}", body) for (a, q), body in job.log]
        for worker in self.workers.values():
            keys[f"worker:{worker.name}"] = worker.record()
            keys[f"owned:{worker.name}"] = worker.owned
            keys[f"loaded:{worker.name}"] = worker.loaded
            keys[f"inbox:{worker.name}"] = [(entry.id, entry.fields) for entry in worker.inbox]
        for model in {model for w in self.workers.values() for model in w.loaded}:
            keys[f"holders:{model}"] = {w.name for w in self.workers.values() if model in w.loaded}
        for conversation, worker_name in self.warm.items():
            keys[f"warm:{conversation}"] = worker_name
        for c in CLASSES:
            keys[f"ring:{c}"] = self.ring[c]
            keys[f"front:{c}"] = [(name, self.jobs[name].arrival) for name in self.front[c]]
        for (c, t), names in self.waiting.items():
            keys[f"waiting:{c}:{t}"] = [(name, self.jobs[name].arrival) for name in names]
        return {name: content for name, content in keys.items() if content}

    def _bytes(self) -> dict[str, str]:
        total = self.live_bytes + self.drift
        counted = {"counted": str(self.recounted)} if self.recounted else {}
        return {"total": str(total), **counted} if total or counted else {}

    def _clock(self) -> dict[str, str]:
        steps = {"skew": str(self.skew), "steps": str(self.steps)} if self.steps else {}
        return {**steps, **({"epoch": str(self.epoch)} if self.epoch else {})}


def id_order(entry: str) -> tuple[int, int]:
    """Stream ids in the order of their numbers."""
    ms, _, seq = entry.partition("-")
    return int(ms), int(seq)


@cache
def canonical(body: str) -> str:
    """A JSON event with its members sorted, `type` first, so that two encoders' bytes compare. `type` must be first."""
    fields = json.loads(body)
    kind = fields.pop("type")
    assert body.startswith(f'{{"type":"{kind}"'), f"`type` is not the first member: {body}"
    return json.dumps([kind, dict(sorted(fields.items()))])
