"""The model test of the wire: random sequences of script calls on a real server, compared with `ExpectedPool`.

After every step each key of the pool must be what the model says, and what subscribers heard must be the log. Steps
are what goes wrong in a real house: calls repeated because the reply was lost, stale owners that go on writing, workers
that die at any point, clocks that are stepped, entries that no script wrote.

    python -m tests.wire.model --sequences 10000 [--seed 1] [--mutant "no owner check"]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.wire import expected
from tests.wire.expected import CLASSES, FRESH_MS, ExpectedPool, canonical, id_order
from tests.wire.sync_wire import TEST_CLOCK, Key, SyncWire
from wire import places
from wire.scripts import load

HOUR = 3_600_000
WARM_MS = 600_000
TO_THE_BOUND = -1  # wait until a job is just not passed over any more
KEEPS = (24 * HOUR, 2 * HOUR)
BASES = (0, 0, 4)  # the attempt that a job had reached in another pool
MODELS = ("big", "small")
LOADED = ("[]", '["big"]', '["small"]', '["big","small"]')
TALKS = ("", "talk-1", "talk-2", "talk-1")  # the second turn of one comes with the other model
TENANTS = ("a", "a", "a", "b", "c")  # one that asks for more than the others
DEPTH, PER_TENANT, MAX_ATTEMPTS = 8, 3, 2
BIG = 60  # bytes of every fifth request; the others have 13
MOST_BYTES = BIG + 5 * 13  # eight small ones are stopped by the depth, six with a big one by their bytes
DRIFT = 200
MOST_JOBS = 16
ENDS = (
    ("completed", "", "the text", 0),
    ("failed", "engine", "", 0),
    ("failed", "poison", "", 1),
    ("failed", "rerouted", "", 0),
)
CHARGES = (  # why, charged, code, message, behind
    ("interrupted", 0, "", "", 0),
    ("engine", 1, "engine", "The engine is gone.", 0),
    ("engine", 1, "engine", "The engine is gone.", ""),
    ("full", 1, "out_of_memory", "Full.", 1),
    ("busy", 0, "", "", 1),
)
Charge = tuple[str, int, str, str, int | str]
ENDING = ('{"type":"completed"', '{"type":"failed"', '{"type":"cancelled"')
NOBODY = "nobody"  # a job and a worker that never were
STEPS = 50
KEPT = (
    "job:",
    "events:",
    "finished",
    "dead",
    "clock",
    "arrivals",
    "models",
    "seen",
    "now",
    "warm:",
    "circuits",
)  # all that a drained pool holds

# What sequences must have met, each at least once, or the model tests less than it says.
MUST_HAPPEN = (
    "given", "given back", "reaped", "a gap refused", "a stale emit refused", "a dead life beats", "garbage swept",
    "accept: ok", "accept: full depth", "accept: full tenant", "accept: full bytes", "bytes counted anew",
    "accept: stepped", "expire: stepped",
    "a step put right", "completed", "failed deadline", "failed engine", "failed worker_lost", "failed never_started",
    "cancelled asked", "charged: worker_lost", "charged: engine", "dead letter: worker_lost", "dead letter: engine",
    "dead letter: never_started", "dead letter: poison", "drained", "route: warm", "route: loaded", "route: idle",
    "route: queue", "passed over for a job that is warm", "passed over for a job that is loaded",
    "a job is passed over no more", "a model found near", "a model found far", "forgotten", "a circuit opened",
    "a circuit opened again", "a circuit probed", "a job goes behind others", "a failure that does not count",
    "a model forgotten for its age", "a model forgotten for its number",
    "a model forgotten before it had a time",
)  # fmt: skip


def bounded(texts: Mapping[str, str]) -> dict[str, str]:
    """The scripts with bounds so small that a sequence of fifty steps reaches them."""
    replaced = {
        "local MAX_UNSTARTED = 20 ": f"local MAX_UNSTARTED = {expected.MAX_UNSTARTED} ",
        "local CANDIDATES = 16 ": f"local CANDIDATES = {expected.CANDIDATES} ",
        "local CLOSE = 8 ": f"local CLOSE = {expected.CLOSE} ",
        "local MODELS_KEPT = 2000 ": f"local MODELS_KEPT = {expected.MODELS_KEPT} ",
        "'COUNT', 8)": f"'COUNT', {expected.SWEPT})",
    }
    for old, new in replaced.items():
        assert old in texts["expire"], f"the scripts no longer say {old!r}"
        texts = {name: text.replace(old, new) for name, text in texts.items()}
    return dict(texts)


def model_scripts() -> dict[str, str]:
    """The scripts as shipped, but for the clock and two bounds."""
    return bounded(load(clock=TEST_CLOCK))


@dataclass
class Claim:
    """One give as its worker knows it: `seq` is of the next event it will write."""

    job: str
    incarnation: str
    attempt: int
    seq: int = 0

    @property
    def fence(self) -> tuple[str, str, int]:
        return self.job, self.incarnation, self.attempt

    def body(self, kind: str = "token") -> str:
        return f'{{"type":"{kind}","text":"{self.incarnation} {self.attempt} {self.seq}"}}'


class PoolMachine(RuleBasedStateMachine):
    """Rules are what clients, workers, watchers and the world do; `both` does it to the server and to the model."""

    wire: ClassVar[SyncWire]
    happened: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.wire.forget()
        self.pool = ExpectedPool(1_700_000_000_000, self.happened)
        self.claims: list[Claim] = []
        self.names = 0
        self.accepted_names = 0
        self.garbage = 0
        self.steppy = False
        self.pace = 7  # ms that pass before most calls; at 0 workers are equally fresh
        self.most_workers = 1
        self.looked: list[tuple[int, int, int] | None] = [None, None]  # two watchers: (raw, steps, true time)
        self.noticed: list[tuple[int, int] | None] = [None, None]  # a step they are about to report
        self.attempts: Counter[str] = Counter()
        self.listened: dict[str, list[str]] = defaultdict(list)
        self.pass_time(0)

    @initialize(
        steppy=st.booleans(),
        pace=st.sampled_from([0, 7]),
        slots=st.sampled_from([(), (1,), (2,), (2, 1), (2, 2), (2, 2, 2), (2, 2, 1, 2)]),
        jobs=st.lists(st.tuples(st.sampled_from(TENANTS), st.sampled_from(CLASSES)), max_size=8),
    )
    def begin(self, steppy: bool, pace: int, slots: tuple[int, ...], jobs: list[tuple[str, str]]) -> None:
        """Few workers and many jobs, or the other way round."""
        self.steppy, self.pace, self.most_workers = steppy, pace, max(1, len(slots))
        for n in slots:
            self.new_worker(n, asks=True)
        for tenant, cls in jobs:
            self.new_job(tenant, cls, HOUR)
        if steppy:
            self.watch_clock(0)
            self.watch_clock(1)

    # ---- both sides ----

    def both(self, script: str, *args: str | int) -> Any:
        """Call the script and the model; their answers must be the same."""
        answer = self.wire.run(script, *args)
        if script == "beat":
            answer = [answer[0], *sorted(answer[1:])]  # a set has no order
        want = getattr(self.pool, script)(*args)
        assert answer == want, f"{script}{args} answered {answer}, expected {want}"
        for given in self.pool.given[len(self.claims) :]:
            self.claims.append(Claim(*given))
        return answer

    def repeat(self, again: bool, script: str, *args: str | int) -> Any:
        """Call it; `again`: the reply was lost, so it is called once more with the same words."""
        answers = [self.both(script, *args) for _ in range(1 + again)]
        return answers[-1]

    def pass_time(self, ms: int | None = None) -> None:
        self.pool.time += self.pace if ms is None else ms
        self.wire.set_time(self.pool.raw)

    def held(self) -> list[Claim]:
        return [c for c in self.claims if self.pool.jobs[c.job].held_by(c.incarnation, c.attempt)]

    def some_claim(self, data: st.DataObject, fresh: bool) -> Claim:
        """One that is its worker's (`fresh`, if there is any), or any that ever was."""
        return data.draw(st.sampled_from((fresh and self.held()) or self.claims))

    def some_worker(self, data: st.DataObject, alive: bool) -> str:
        return data.draw(st.sampled_from(list(self.pool.workers) if alive else [f"w{n}" for n in range(self.names)]))

    # ---- clients ----

    @precondition(lambda self: self.accepted_names < MOST_JOBS)
    @rule(
        tenant=st.sampled_from(TENANTS),
        cls=st.sampled_from(CLASSES),
        timeout=st.sampled_from([500, HOUR, HOUR]),
        knows_time=st.sampled_from([True, True, False]),
        again=st.booleans(),
    )
    def accept(self, tenant: str, cls: str, timeout: int, knows_time: bool, again: bool) -> None:
        self.new_job(tenant, cls, timeout, knows_time, again)

    def new_job(
        self, tenant: str, cls: str, timeout: int, knows_time: bool = True, again: bool = False, model: str = ""
    ) -> None:
        self.pass_time()
        name = f"j{self.accepted_names:02}"
        answer = self.repeat(again, "accept", *self.application(name, tenant, cls, timeout, knows_time, model))
        self.accepted_names += answer == ["ok"]

    def application(
        self, name: str, tenant: str, cls: str, timeout: int, knows_time: bool, model: str = ""
    ) -> tuple[str | int, ...]:
        at = self.pool.time if knows_time else ""
        bounds = (timeout, MAX_ATTEMPTS, DEPTH, PER_TENANT)
        kind = int(name.removeprefix("j"))
        rest = (KEEPS[kind % 2], BASES[kind % 3], TALKS[kind % 4])
        model = model or MODELS[kind % 2]
        request = f"what {name} asks".ljust(BIG if kind % 5 == 4 else 0, ".")
        outline = f"outline of {name}" if kind % 2 else ""
        principal = f"{tenant}-person" if kind % 3 else ""
        words = (model, f"request-{name}", request, 1, *rest, outline, MOST_BYTES, principal)
        return name, tenant, cls, *bounds, at, *words

    @precondition(lambda self: self.accepted_names < MOST_JOBS)
    @rule(
        jobs=st.lists(st.tuples(st.sampled_from(TENANTS), st.sampled_from(CLASSES)), min_size=2, max_size=4),
        timeout=st.sampled_from([500, HOUR]),
    )
    def accept_many(self, jobs: list[tuple[str, str]], timeout: int) -> None:
        for tenant, cls in jobs:
            self.new_job(tenant, cls, timeout)

    @precondition(lambda self: self.pool.jobs)
    @rule(data=st.data())
    def accept_what_is_in(self, data: st.DataObject) -> None:
        """The idempotency key's owner tries again, perhaps long after: other words, same job."""
        name = data.draw(st.sampled_from(list(self.pool.jobs)))
        assert self.both("accept", *self.application(name, "other", "batch", 1, True)) == ["ok"]

    @rule(data=st.data(), again=st.booleans(), why=st.sampled_from(["asked", "disconnected"]))
    def cancel(self, data: st.DataObject, again: bool, why: str) -> None:
        self.repeat(again, "cancel", data.draw(st.sampled_from([*self.pool.jobs, NOBODY])), why)

    @rule(data=st.data(), again=st.booleans())
    def forget(self, data: st.DataObject, again: bool) -> None:
        self.repeat(again, "forget", data.draw(st.sampled_from([*self.pool.jobs, NOBODY])))

    @rule(
        failures=st.sampled_from([0, 1, 4, 5, 5, 6]),
        waits=st.lists(st.sampled_from([1, 29_999, 30_000, 30_000]), min_size=1, max_size=3),
        fails_again=st.booleans(),
        mends=st.booleans(),
    )
    def break_circuit(self, failures: int, waits: list[int], fails_again: bool, mends: bool) -> None:
        """An engine fails, is tried again now and then, and perhaps fails again or answers."""
        for n in range(failures):
            self.both("trip", "engine|m", f"reason {n}", "")
            if n == 3:
                self.both("trip", "engine|another", "something else", "")
        for wait in waits:
            self.pass_time(wait)
            if self.both("probe", "engine|m") and fails_again:
                self.both("trip", "engine|m", "again", "")
            self.both("probe", "engine|another")
        if mends:
            self.repeat(fails_again, "mend", "engine|m")

    @rule(data=st.data(), failures=st.integers(1, 7))
    def fail_for_what_is_asked(self, data: st.DataObject, failures: int) -> None:
        """Jobs whose own requests may be to blame fail one after the other, some of them again."""
        for n in range(failures):
            job = data.draw(st.sampled_from([*self.pool.jobs, NOBODY]))
            self.both("trip", "engine|m", f"asked {n}", job)

    @precondition(lambda self: len(self.pool.models) < 5)
    @rule(models=st.lists(st.sampled_from(["old-1", "old-2", "model-1"]), min_size=1, max_size=2, unique=True))
    def tell_of_models_as_an_older_version_does(self, models: list[str]) -> None:
        """Its scripts write no time down; the next look of a watcher does."""
        for model in models:
            self.wire.write("models", model, "an older worker's words")
            self.pool.models[model] = "an older worker's words"

    # ---- workers ----

    @precondition(lambda self: len(self.pool.workers) < self.most_workers)
    @rule(slots=st.integers(1, 2), again=st.booleans(), asks=st.booleans())
    def register(self, slots: int, again: bool, asks: bool) -> None:
        self.new_worker(slots, asks, again)

    def new_worker(self, slots: int, asks: bool, again: bool = False) -> None:
        self.pass_time()
        name = f"w{self.names}"
        self.names += 1
        loaded = LOADED[self.names % 4]
        self.repeat(again, "register", name, slots, f"info of {name}", loaded, f"model-{slots}", f"as {name} knows it")
        if asks:
            self.pass_time()
            self.both("ask", name, 1)

    @precondition(lambda self: self.names)
    @rule(data=st.data(), wants=st.sampled_from([1, 1, 1, 0]), again=st.booleans())
    def ask(self, data: st.DataObject, wants: int, again: bool) -> None:
        self.pass_time()
        self.repeat(again, "ask", self.some_worker(data, alive=False), wants)

    @precondition(lambda self: self.names)
    @rule(
        data=st.data(),
        again=st.booleans(),
        read=st.sampled_from([0, 1, 1, 3]),
        info=st.sampled_from(["", "news"]),
        loaded=st.sampled_from(["", "", *LOADED]),
    )
    def beat(self, data: st.DataObject, again: bool, read: int, info: str, loaded: str) -> None:
        self.pass_time()
        name = self.some_worker(data, alive=False)
        models = ("model-x", name) if info else ()
        self.repeat(again, "beat", name, self.read_up_to(name, read), info, loaded, *models)

    def read_up_to(self, name: str, entries: int) -> str:
        """The id behind the last of so many inbox entries, "" for none."""
        inbox = self.pool.workers[name].inbox if name in self.pool.workers else []
        if not inbox or not entries:
            return ""
        ms, seq = id_order(inbox[:entries][-1].id)
        return f"{ms}-{seq + 1}"

    @precondition(lambda self: len(self.pool.workers) > 1)
    @rule(data=st.data())
    def fall_silent(self, data: st.DataObject) -> None:
        """Two beats are missed, but not by all; then a job comes."""
        audible = data.draw(st.lists(st.sampled_from(list(self.pool.workers)), unique=True))
        for name in self.pool.workers:
            self.both("beat", name, "", "", '["big"]' if name not in audible else "")
        self.pass_time(FRESH_MS + 1)
        for name in audible:
            self.pass_time()
            self.both("beat", name, "", "", "")
        if self.accepted_names < MOST_JOBS:
            self.new_job("a", "interactive", HOUR, model="big")

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), fresh=st.sampled_from([True, True, False]), again=st.booleans())
    def start(self, data: st.DataObject, fresh: bool, again: bool) -> None:
        self.pass_time()
        self.begin_attempt(self.some_claim(data, fresh), again)

    def begin_attempt(self, claim: Claim, again: bool = False) -> None:
        answer = self.repeat(again, "start", *claim.fence, claim.body("started"))
        if answer[0] == 1:
            claim.seq = max(claim.seq, 1)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), fresh=st.sampled_from([True, True, False]), again=st.booleans(), count=st.integers(1, 2))
    def emit(self, data: st.DataObject, fresh: bool, again: bool, count: int) -> None:
        claim = self.some_claim(data, fresh)
        if claim in self.held() and not claim.seq:
            self.begin_attempt(claim)
        for _ in range(count):
            if self.repeat(again, "emit", *claim.fence, claim.seq, claim.body()):
                claim.seq += 1

    @precondition(lambda self: self.held())
    @rule(data=st.data(), ends=st.lists(st.sampled_from([ENDS[0], *ENDS]), min_size=1, max_size=4))
    def work(self, data: st.DataObject, ends: list[tuple[str, str, str, int]]) -> None:
        """What should happen all the time: a worker starts its job, writes and ends it, and takes the next."""
        worker = self.some_claim(data, fresh=True).incarnation
        for state, why, result, dead in ends:
            claim = next((c for c in self.held() if c.incarnation == worker), None)
            if claim is None:
                return
            self.pass_time()
            self.begin_attempt(claim)
            self.both("emit", *claim.fence, claim.seq, claim.body())
            claim.seq += 1
            self.both("finish", *claim.fence, claim.seq, state, claim.body(state), why, result, dead)

    @precondition(lambda self: self.held() and self.accepted_names < MOST_JOBS - 3)
    @rule(
        data=st.data(),
        others=st.sampled_from([1, 1, 2]),
        waits=st.lists(st.sampled_from([0, 600, 6000, *[TO_THE_BOUND] * 3]), min_size=1, max_size=3),
    )
    def overtake(self, data: st.DataObject, others: int, waits: list[int]) -> None:
        """One worker serves a queue in which jobs for the model that it has stand behind `others` for another."""
        worker = self.some_claim(data, fresh=True).incarnation
        for name in self.pool.workers:
            self.both("ask", name, int(name == worker))
        for _ in range(self.pool.workers[worker].slots - len(self.pool.workers[worker].owned)):
            if self.accepted_names < MOST_JOBS:
                self.new_job("c", "interactive", HOUR)
        for model, wait in [("big", 0)] * others + [("small", wait) for wait in waits]:
            if self.accepted_names < MOST_JOBS:
                self.new_job("b", "interactive", HOUR, model=model)
            self.both("beat", worker, "", "", '["small"]')
            claim = next((c for c in self.held() if c.incarnation == worker), None)
            self.pass_time(self.until_impatient() if wait == TO_THE_BOUND else wait)
            if model == "small" and claim:
                self.begin_attempt(claim)
                self.both("finish", *claim.fence, claim.seq, "completed", claim.body("completed"), "", "", 0)

    def until_impatient(self) -> int:
        """How long until a waiting job has been passed over for exactly as long as it may be; 0: none, or too late."""
        passed = [job.passed for job in self.pool.jobs.values() if job.state == "queued" and job.passed is not None]
        return max(0, min(passed, default=0) + expected.PASS_OVER_MS - self.pool.now)

    @precondition(lambda self: self.passed_on())
    @rule(data=st.data())
    def zombie(self, data: st.DataObject) -> None:
        """A worker wakes whose job is another's by now, and tries everything."""
        claim = data.draw(st.sampled_from(self.passed_on()))
        assert self.both("start", *claim.fence, claim.body("started")) == [0]
        for seq in {0, claim.seq}:
            assert self.both("emit", *claim.fence, seq, claim.body()) == 0
            assert self.both("finish", *claim.fence, seq, "completed", claim.body("completed"), "", "stale", 0) == 0
        assert self.both("note", *claim.fence, "stale", claim.body()) == 0
        self.both("give_back", *claim.fence, *CHARGES[1])  # 1 where that is how it lost the job

    def passed_on(self) -> list[Claim]:
        """Claims on jobs that run elsewhere now."""
        held = self.held()
        running = {c.job for c in held}
        return [c for c in self.claims if c.job in running and c not in held]

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), wrong=st.sampled_from(["earlier attempt", "later attempt", "incarnation", "old seq"]))
    def emit_what_is_not_ours(self, data: st.DataObject, wrong: str) -> None:
        claim = self.some_claim(data, fresh=True)
        job, incarnation, attempt = claim.fence
        seq = max(claim.seq - 1, 0) if wrong == "old seq" else claim.seq
        if wrong == "old seq" and not claim.seq:
            return
        attempt += {"earlier attempt": -1, "later attempt": 1}.get(wrong, 0)
        if self.pool.jobs[job].held_by(incarnation, attempt) and wrong.endswith("attempt"):
            return  # it got the same job twice, and this is its claim after all
        stranger = NOBODY if wrong == "incarnation" else incarnation
        self.both("emit", job, stranger, attempt, seq, claim.body("wrong"))

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), fresh=st.sampled_from([True, True, False]), again=st.booleans())
    def note(self, data: st.DataObject, fresh: bool, again: bool) -> None:
        news = '{"type":"queued","position":0,"reason":"loading_model"}'
        self.repeat(again, "note", *self.some_claim(data, fresh).fence, "loading_model", news)

    @precondition(lambda self: self.claims)
    @rule(
        data=st.data(),
        fresh=st.sampled_from([True, True, False]),
        again=st.booleans(),
        gap=st.sampled_from([0, 1, -1]),
        end=st.sampled_from(ENDS),
    )
    def finish(self, data: st.DataObject, fresh: bool, again: bool, gap: int, end: tuple[str, str, str, int]) -> None:
        self.pass_time()
        claim = self.some_claim(data, fresh)
        state, why, result, dead = end
        self.repeat(again, "finish", *claim.fence, claim.seq + gap, state, claim.body(state), why, result, dead)

    @precondition(lambda self: self.claims)
    @rule(
        data=st.data(),
        fresh=st.sampled_from([True, True, False]),
        again=st.booleans(),
        charge=st.sampled_from(CHARGES),
    )
    def give_back(self, data: st.DataObject, fresh: bool, again: bool, charge: Charge) -> None:
        self.pass_time()
        self.repeat(again, "give_back", *self.some_claim(data, fresh).fence, *charge)

    @precondition(lambda self: self.held())
    @rule(data=st.data(), times=st.integers(1, 3), last=st.sampled_from(CHARGES))
    def bounce(self, data: st.DataObject, times: int, last: Charge) -> None:
        """A worker gives its job back and asks again, as one does whose engine is not ready."""
        job = self.some_claim(data, fresh=True).job
        for charge in [CHARGES[0]] * (times - 1) + [last]:
            claim = next((c for c in self.held() if c.job == job), None)
            if claim is None:
                return
            self.pass_time()
            self.both("give_back", *claim.fence, *charge)
            self.both("ask", claim.incarnation, 1)

    @precondition(lambda self: self.held())
    @rule(data=st.data(), turns=st.integers(2, 6))
    def poison(self, data: st.DataObject, turns: int) -> None:
        """A job's attempts fail; its worker does what waits in between, and gets it again until its tries are over."""
        poison = self.some_claim(data, fresh=True)
        for _ in range(turns):
            claim = next((c for c in self.held() if c.incarnation == poison.incarnation), None)
            if claim is None:
                return
            self.pass_time()
            self.begin_attempt(claim)
            if claim.job == poison.job:
                self.both("give_back", *claim.fence, *CHARGES[1])
                self.both("ask", claim.incarnation, 1)
            else:
                self.both("finish", *claim.fence, claim.seq, "completed", claim.body("completed"), "", "", 0)

    # ---- watchers, and the deaths they find ----

    @precondition(lambda self: self.pool.workers)
    @rule(data=st.data(), late=st.sampled_from([True, True, False]), again=st.booleans())
    def reap(self, data: st.DataObject, late: bool, again: bool) -> None:
        """`late`: it has beaten since the watcher looked."""
        self.bury_worker(self.some_worker(data, alive=True), late, again)

    def bury_worker(self, name: str, late: bool = False, again: bool = False) -> None:
        beat = self.pool.workers[name].beat - late
        assert self.repeat(again, "reap", name, beat) == (0 if late else 1)

    @precondition(lambda self: self.held())
    @rule(data=st.data(), started=st.booleans(), times=st.sampled_from([1, 1, 2, 3]))
    def crash(self, data: st.DataObject, started: bool, times: int) -> None:
        """A job's worker dies over it, before or after it started it, is reaped and replaced; so does the next."""
        job = self.some_claim(data, fresh=True).job
        for _ in range(times):
            self.pass_time()
            claim = next((c for c in self.held() if c.job == job), None)
            if claim is None:
                return
            if started:
                self.begin_attempt(claim)
            self.bury_worker(claim.incarnation)
            self.new_worker(1, asks=True)

    @rule(limit=st.sampled_from([1, 9]), knows_time=st.sampled_from([True, True, False]), again=st.booleans())
    def expire(self, limit: int, knows_time: bool, again: bool) -> None:
        self.pass_time()
        self.repeat(again, "expire", self.pool.time if knows_time else "", limit)

    @precondition(lambda self: self.pool.epoch)
    @rule()
    def server_restarts(self) -> None:
        """As the scripts see it: the server that answers is not the one that they noted."""
        self.wire.note_another_server()
        self.pool.restarted = True

    @precondition(lambda self: self.pool.demand and not self.pool.drift)
    @rule()
    def an_older_version_ends_a_job(self) -> None:
        """As the sum sees it: such a script takes nothing off."""
        self.wire.connection.ask("HINCRBY", f"{self.wire.prefix}:bytes", "total", DRIFT)
        self.pool.drift += DRIFT

    @precondition(lambda self: self.accepted_names < MOST_JOBS)
    @rule(
        jobs=st.lists(st.tuples(st.sampled_from(TENANTS), st.sampled_from(CLASSES)), min_size=1, max_size=3),
        limit=st.sampled_from([1, 9]),
    )
    def run_late(self, jobs: list[tuple[str, str]], limit: int) -> None:
        """Jobs whose callers do not wait long: some run, some wait when their time is over."""
        for tenant, cls in jobs:
            self.new_job(tenant, cls, 500)
        self.pass_time(501)
        self.both("expire", self.pool.time, limit)

    # ---- entries that no script wrote ----

    @precondition(lambda self: len(self.pool.demand) < DEPTH + 3 and self.garbage < 3)
    @rule(data=st.data(), about=st.sampled_from(["job", "job", "nonsense"]))
    def garbage_in_demand(self, data: st.DataObject, about: str) -> None:
        self.garbage += 1
        entry = {about: data.draw(st.sampled_from([*self.pool.jobs, NOBODY]))}
        self.pool.demand.append(expected.Entry(entry, self.wire.add("demand", entry)))

    @precondition(lambda self: self.pool.workers)
    @rule(data=st.data())
    def garbage_in_an_inbox(self, data: st.DataObject) -> None:
        """Its worker reads it and buries it."""
        name, entry = self.some_worker(data, alive=True), {"do": "run", "attempt": "x"}
        written = expected.Entry(entry, self.wire.add(f"inbox:{name}", entry))
        self.pool.workers[name].inbox.append(written)
        self.both("bury", f"inbox:{name}", written.id, "")

    # ---- time ----

    @rule(ms=st.sampled_from([1, 400, 600, 6000, 6000, 2 * HOUR]))
    def tick(self, ms: int) -> None:
        self.pass_time(ms)

    @precondition(lambda self: self.pool.told)
    @rule(limit=st.sampled_from([1, 9]))
    def a_day_passes(self, limit: int) -> None:
        """Nobody tells of a model meanwhile."""
        self.pass_time(24 * HOUR)
        self.both("expire", self.pool.time, limit)

    @precondition(lambda self: self.steppy and self.pool.off == self.pool.skew)
    @rule(ms=st.sampled_from([HOUR, -HOUR]))
    def step_clock(self, ms: int) -> None:
        """The host's clock is set, and a watcher that has not noticed looks for late jobs."""
        self.pool.off += ms
        self.pass_time(0)
        self.both("expire", self.pool.time, 9)

    @precondition(lambda self: self.steppy)
    @rule(ms=st.sampled_from([HOUR, -HOUR]))
    def step_that_both_notice(self, ms: int) -> None:
        """Two watchers report the same step: it counts once."""
        self.both_watch((0, 1), together=False, again=False)
        self.step_clock(ms)
        self.both_watch((0, 1), together=True, again=False)

    @precondition(lambda self: self.steppy)
    @rule(watcher=st.integers(0, 1))
    def look(self, watcher: int) -> None:
        self.watch_clock(watcher)

    def watch_clock(self, watcher: int) -> None:
        """As `wire.clock.Clock` does it: a difference between two looks is a step, unless one was reported between."""
        raw, _, steps = self.both("look")
        old, self.noticed[watcher] = self.looked[watcher], None
        self.looked[watcher] = raw, steps, self.pool.time
        if old and old[1] == steps:
            delta = (raw - old[0]) - (self.pool.time - old[2])
            if abs(delta) > 1000:
                self.noticed[watcher] = steps, delta

    @precondition(lambda self: any(self.noticed))
    @rule(data=st.data(), again=st.booleans())
    def report(self, data: st.DataObject, again: bool) -> None:
        """However late: a watcher that was slow must not count a step twice."""
        self.report_step(data.draw(st.sampled_from([i for i in (0, 1) if self.noticed[i]])), again)

    def report_step(self, watcher: int, again: bool = False) -> None:
        found, self.noticed[watcher] = self.noticed[watcher], None
        if found:
            self.repeat(again, "step", *found)

    @precondition(lambda self: self.pool.off != self.pool.skew)
    @rule(order=st.sampled_from([(0, 1), (1, 0)]), together=st.booleans(), again=st.booleans())
    def both_watch(self, order: tuple[int, int], together: bool, again: bool) -> None:
        """Both look and report, one after the other or both at once; then deadlines and new jobs count again."""
        for watcher in order:
            self.watch_clock(watcher)
            if not together:
                self.report_step(watcher, again)
        for watcher in order:
            self.report_step(watcher, again)
        self.pass_time()
        self.both("expire", self.pool.time, 9)
        if self.accepted_names < MOST_JOBS:
            self.new_job("b", "batch", HOUR)

    # ---- after every step ----

    @invariant()
    def everything_is_as_expected(self) -> None:
        self.happened["states"] += 1
        found = self.wire.snapshot()
        self.adopt_ids(found)
        self.compare_heard()
        self.compare(found)
        self.check_design(found)
        self.check_places()

    def adopt_ids(self, found: dict[str, Key]) -> None:
        """Entry ids are Redis's to choose: new ones are taken over, known ones must stay."""
        inboxes = [(f"inbox:{w.name}", w.inbox) for w in self.pool.workers.values()]
        for name, entries in [("demand", self.pool.demand), *inboxes]:
            ids = [entry for entry, _ in found[name].content] if name in found else []
            for entry, real in zip(entries, ids, strict=False):
                entry.id = entry.id or real
        for job in self.pool.jobs.values():
            if not job.entry.id:  # accepted and ended within one step
                job.entry.id = found[f"job:{job.name}"].content["entry"]

    def compare(self, found: dict[str, Key]) -> None:
        """Key by key: nothing else, nothing less."""
        want = self.pool.keys()
        real = {name: plain(name, key.content) for name, key in found.items()}
        wrong = sorted(name for name in want.keys() | real.keys() if want.get(name) != real.get(name))
        assert not wrong, "\n".join(f"{name} is {real.get(name)}\n  expected {want.get(name)}" for name in wrong)

    def compare_heard(self) -> None:
        """Invariant 2: what subscribers heard is what was said, each in its turn."""
        heard: dict[str, list[str]] = defaultdict(list)
        for job, message in self.wire.heard():
            event, _, body = message.partition(" ")
            heard[job].append(f"{event} {canonical(body)}")
            if event != "-":
                self.listened[job].append(f"{event} {canonical(body)}")
        assert heard == self.pool.heard, f"heard {dict(heard)}, expected {dict(self.pool.heard)}"
        self.pool.heard.clear()

    def check_design(self, found: dict[str, Key]) -> None:
        """Design §7, read off Redis alone: so that a mistake in the model cannot hide one in the scripts."""
        jobs = {name.removeprefix("job:"): key for name, key in found.items() if name.startswith("job:")}
        finished = Counter(fields["job"] for _, fields in content(found, "finished", []))
        for name, key in jobs.items():
            self.check_job(name, key, found.get(f"events:{name}"), finished[name])
        live = {content(found, f"job:{name}", {})["entry"] for name in jobs if finished[name] == 0}
        entries = {entry for entry, _ in content(found, "demand", [])}
        assert live <= entries, "5: a job that is not terminal is not in demand"
        assert len(entries) - len(live) == len(self.pool.demand) - len(live), "5: demand is not what it counts"
        waiting = [key for key in found if key.startswith(("waiting:", "front:"))]
        assert not (waiting and "idle" in found), "5: a job waits while a worker is idle"
        held = sum(int(content(found, f"job:{name}", {})["bytes"]) for name in jobs if finished[name] == 0)
        total = int(content(found, "bytes", {}).get("total", 0))
        assert total == held + self.pool.drift, f"the bytes of live requests are {held}, not {total}"
        for name, longest in (("warm:", WARM_MS), ("circuits", 24 * HOUR)):
            ttls = [key.ttl for found_name, key in found.items() if found_name.startswith(name)]
            assert all(0 < ttl <= longest for ttl in ttls), f"{name} is kept {ttls} ms, not {longest}"
        for name, worker in self.pool.workers.items():
            assert len(content(found, f"owned:{name}", set())) <= worker.slots, "a worker owns more than its slots"

    def check_job(self, name: str, key: Key, events: Key | None, finished: int) -> None:
        job, log = key.content, events.content if events else []
        ended = job["state"] not in expected.LIVE
        if "forgotten" in job:
            assert ended and not log and not job.keys() & {"request", "result"}, "what is forgotten is still there"
            return
        ends = [e for e, fields in log if fields["e"].startswith(ENDING)]
        assert len(ends) == finished == ended, "1: one terminal state, one terminal event"
        assert not ended or ends == [job["end"]] == [log[-1][0]], "1: an event after the end"
        assert self.listened[name] == [f"{e} {canonical(fields['e'])}" for e, fields in log], "2: live is not the log"
        ids = [id_order(e) for e, _ in log]
        for (a, q), (b, r) in pairwise(ids):
            assert (b == a and r == q + 1) or (b > a and r == 0), f"4: a gap in the log: {ids}"
        assert int(job["tries"]) <= MAX_ATTEMPTS and int(job["attempt"]) >= self.attempts[name], "4: tries, attempts"
        self.attempts[name] = int(job["attempt"])
        keep = int(job["keep"])
        kept = [key.ttl, events.ttl] if events and ended else [keep]
        assert all(keep - HOUR < ttl <= keep for ttl in kept), f"an ended job is kept {keep} ms, not {kept} ms"
        assert ended or (key.ttl, events.ttl if events else -1) == (-1, -1), "a live job must not expire"

    def check_places(self) -> None:
        """The position that callers are shown is the place in the order in which jobs would be taken."""
        snapshot = places.read(as_bytes(self.both("places", *self.pool.jobs, NOBODY)))
        order = list(self.pool.order())
        assert snapshot.waiting == len(order), f"{snapshot.waiting} jobs are said to wait, not {len(order)}"
        told = {name: place.position for name, place in zip(self.pool.jobs, snapshot.places, strict=False)}
        want = {name: order.index(name) + 1 if name in order else 0 for name in self.pool.jobs}
        assert told == want, f"told {told}, expected {want}"

    def teardown(self) -> None:
        """Invariant 7: when everything has ended, nothing is left but what is kept on purpose."""
        for name in [*self.pool.jobs]:
            self.both("cancel", name, "asked")
        self.both("expire", "", 9)
        while self.pool.demand:
            self.both("expire", "", 9)
        for name in [*self.pool.workers]:
            self.bury_worker(name)
        found = self.wire.snapshot()
        self.compare_heard()
        self.compare(found)
        left = [name for name in found if not name.startswith(KEPT)]
        assert not left, f"7: a drained pool still holds {left}"
        self.happened["drained"] += 1


def content(found: dict[str, Key], name: str, default: Any) -> Any:
    return found[name].content if name in found else default


def plain(name: str, content: Any) -> Any:
    """A key's content as the model has it: without what is Redis's own choice or the scripts' own memory."""
    if name.startswith("job:"):
        return {field: value for field, value in content.items() if field != "by"}
    if name == "circuits":
        return {circuit: json.loads(body) for circuit, body in content.items()}
    if name == "clock":
        return {field: value for field, value in content.items() if field != "run"}
    if name.startswith("events:"):
        return [(entry, canonical(fields["e"])) for entry, fields in content]
    if name.startswith("ring:"):
        return [tenant for tenant, _ in content]
    if name == "finished":
        return Counter((fields["job"], fields["state"]) for _, fields in content)
    if name == "dead":
        return Counter(tuple(fields.items()) for _, fields in content)
    return content


def as_bytes(answer: Any) -> Any:
    """An answer as the project's own clients get it."""
    if isinstance(answer, list):
        return [as_bytes(part) for part in answer]
    return answer.encode() if isinstance(answer, str) else answer


def run_model(wire: SyncWire, sequences: int, seed_number: int, shrink: bool = True) -> Counter[str]:
    """Run so many sequences; what happened in them, by name. Raises at the first that finds a difference.

    The same seed gives the same sequences. Without `shrink` the failing sequence is raised as it was found.
    """
    happened: Counter[str] = Counter()
    machine = type("Pool", (PoolMachine,), {"wire": wire, "happened": happened})
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    run_state_machine_as_test(
        seed(seed_number)(machine),
        settings=settings(
            max_examples=sequences,
            stateful_step_count=STEPS,
            phases=phases,
            deadline=None,
            database=None,
            print_blob=False,
            verbosity=Verbosity.normal if shrink else Verbosity.quiet,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return happened


def main() -> int:
    from tests.support.valkey import Valkey
    from tests.wire.mutants import mutate

    parser = argparse.ArgumentParser(description="Run the wire's model test for as long as you like.")
    parser.add_argument("--sequences", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", help="a name in tests/wire/mutants.py: find out how it is killed")
    args = parser.parse_args()
    texts = mutate(args.mutant) if args.mutant else model_scripts()
    with tempfile.TemporaryDirectory() as home:
        server = Valkey(Path(home))
        server.start()
        began = time.monotonic()
        try:
            happened = run_model(SyncWire(server.port, texts), args.sequences, args.seed)
        finally:
            server.stop()
    print(f"{args.sequences} sequences, {time.monotonic() - began:.0f} s")
    for what, count in sorted(happened.items()):
        print(f"{count:>9,}  {what}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
