"""KEDA with our ScaledObject, on real jobs in a real Valkey with the manifests' own users: it sets the workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
import yaml
from redis import Redis

from tests.deploy.locked import PASSWORDS, LockedValkey, locked_valkey
from tests.deploy.rendering import Variant, named, text_with
from tests.kubernetes.api import NAMESPACE, PAUSE, Api, Object, until, within
from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.houses import applied
from tests.kubernetes.keda import Keda, keda_on
from tests.support.valkey import PATIENT
from wire.client import open_redis
from wire.jobs import Bounds, JobPipe
from wire.keys import Keys
from wire.records import JobRequest

POOL = "default"
SLOTS = 4  # streamLength of the manifests
SCALED = "ollama-worker-default"
COOLDOWN = 5  # seconds, instead of the manifest's 300
POLL = 2  # seconds: pollingInterval of the manifests
SLACK = 3  # seconds, for a busy machine
SOON = 120  # seconds that a busy machine may take for a few polls
BOUNDS = Bounds(depth=1_000, per_tenant=1_000, max_attempts=2, timeout_ms=3_600_000)


class Queue:
    """Jobs of the pool, accepted and taken back as the API does it, under the API's own user."""

    def __init__(self, valkey: LockedValkey) -> None:
        self._url = f"redis://api:{PASSWORDS['api']}@127.0.0.1:{valkey.port}/0"
        self._jobs: list[str] = []

    def holds(self, count: int) -> None:
        """From now on so many jobs are not terminal."""
        asyncio.run(self._hold(count))

    async def _hold(self, count: int) -> None:
        redis = open_redis(self._url, PATIENT)
        pipe = JobPipe(redis, Keys(POOL))
        try:
            while len(self._jobs) < count:
                job = f"job-{time.monotonic_ns()}"
                assert await pipe.accept(job, JobRequest(model="tiny"), BOUNDS, tenant="ann") == "ok"
                self._jobs.append(job)
            while len(self._jobs) > count:
                await pipe.cancel(self._jobs.pop())
            assert await pipe.depth() == count
        finally:
            await redis.aclose()


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LockedValkey]:
    with locked_valkey(tmp_path_factory.mktemp("queue"), appendonly=True) as server:
        yield server


@pytest.fixture(scope="module")
def keda(cluster: ControlPlane) -> Iterator[Keda]:
    with keda_on(cluster) as running:
        yield running


@pytest.fixture(scope="module")
def pool(api: Api, keda: Keda, valkey: LockedValkey) -> Iterator[Pool]:
    """Production with components/exact-scaling; its ScaledObject leads to this machine's Valkey and is less patient."""
    objects = [item for item in yaml.safe_load_all(text_with(Variant(last=("exact-scaling",)))) if item]
    spec = named(objects, "ScaledObject", SCALED)["spec"]
    assert (spec["pollingInterval"], spec["triggers"][0]["metadata"]["streamLength"]) == (POLL, str(SLOTS))
    spec["cooldownPeriod"] = COOLDOWN
    spec["triggers"][0]["metadata"]["address"] = f"127.0.0.1:{valkey.port}"
    with applied(api, [objects[0], secret(), *objects[1:]]):
        yield Pool(api, Queue(valkey))


def secret() -> Object:
    """The Secret as deploy.sh makes it."""
    passwords = {f"redis-{user}-password": password for user, password in PASSWORDS.items()}
    metadata = {"name": "sluice-secrets", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": passwords}


class Pool:
    """The decisions about the pool's workers so far, and from now on."""

    def __init__(self, api: Api, queue: Queue) -> None:
        self.api, self.queue = api, queue

    @property
    def workers(self) -> int:
        """How many workers there are to be."""
        count: int = self.api.get(within(f"deployments/{SCALED}", "apps/v1"))["spec"]["replicas"]
        return count

    def has(self, count: int) -> None:
        """Waits until the pool is to have so many workers."""
        until(lambda: True if self.workers == count else None, SOON, f"{count} workers")

    def works(self, jobs: int, workers: int) -> None:
        """Waits until the pool has so many jobs, and so many workers for them."""
        self.queue.holds(jobs)
        self.has(workers)

    def works_anew(self, jobs: int, workers: int) -> None:
        """The same from an empty pool: a pool that has more workers keeps them for minutes."""
        self.works(0, 0)
        self.works(jobs, workers)

    def trouble(self) -> bool:
        """Whether KEDA and the autoscaler both report that they cannot know the demand."""
        scaled = conditions(self.api.get(within(f"scaledobjects/{SCALED}", "keda.sh/v1alpha1")))
        autoscaler = conditions(self.api.get(within(f"horizontalpodautoscalers/keda-hpa-{SCALED}", "autoscaling/v2")))
        return scaled["Ready"] == ("False", "TriggerError") and autoscaler["ScalingActive"] == (
            "False",
            "FailedGetExternalMetric",
        )

    def is_in_trouble(self) -> None:
        until(lambda: self.trouble() or None, SOON, "the demand cannot be known")

    def is_well(self) -> None:
        until(lambda: None if self.trouble() else True, SOON, "the demand is known")


def conditions(item: Object) -> dict[str, tuple[str, str]]:
    entries = item.get("status", {}).get("conditions", [])
    return {each["type"]: (each["status"], each.get("reason", "")) for each in entries}


def test_an_idle_pool_has_no_worker(pool: Pool) -> None:
    pool.works(jobs=0, workers=0)


def test_the_first_job_of_an_empty_pool_brings_a_worker_within_two_polls(pool: Pool) -> None:
    pool.works(jobs=0, workers=0)
    pool.queue.holds(1)
    began = time.monotonic()
    pool.has(1)
    took = time.monotonic() - began
    print(f"0 to 1 in {took:.1f} s")
    assert took < 2 * POLL + SLACK


@pytest.mark.parametrize(("jobs", "workers"), [(20, 5), (21, 6), (32, 8), (100, 8)])
def test_workers_are_demand_over_slots_rounded_up_and_no_more_than_there_may_be(
    pool: Pool, jobs: int, workers: int
) -> None:
    """21 jobs want a sixth worker only where the autoscaler is not 10 % lax: components/exact-scaling."""
    pool.works_anew(jobs, workers)


def test_a_queue_that_hangs_and_one_that_is_away_hold_the_workers(pool: Pool, valkey: LockedValkey) -> None:
    """The outage is longer than KEDA waits before an empty pool goes to zero; then it goes on with the queue's jobs."""
    pool.works_anew(jobs=20, workers=5)
    valkey.pause()
    held_through_trouble(pool, 5)
    valkey.resume()
    pool.is_well()
    valkey.kill()
    held_through_trouble(pool, 5)
    valkey.restart()
    pool.is_well()
    assert pool.workers == 5
    pool.works(jobs=24, workers=6)


def held_through_trouble(pool: Pool, workers: int) -> None:
    pool.is_in_trouble()
    end = time.monotonic() + 3 * COOLDOWN
    while time.monotonic() < end:
        assert pool.workers == workers
        time.sleep(PAUSE)
    assert pool.trouble()


def test_when_the_last_job_has_ended_all_workers_leave(pool: Pool) -> None:
    pool.works_anew(jobs=20, workers=5)
    pool.works(jobs=0, workers=0)


def test_keda_needs_no_more_of_the_queue_than_its_user_may(pool: Pool, valkey: LockedValkey) -> None:
    """KEDA's client sends its name to servers that let it, and does without where they refuse."""
    pool.works_anew(jobs=1, workers=1)
    admin = Redis(port=valkey.port, username="admin", password="none", decode_responses=True)
    try:
        refused = {(item["username"], item["object"]) for item in admin.acl_log()}
        assert refused <= {("keda", "client|setinfo")}
        assert "keda" in {item["user"] for item in admin.client_list()}
    finally:
        admin.close()
