"""Busy pods are marked: markers and their leadership on a real Valkey, workers played by hand, and a
stand-in of Kubernetes that speaks its protocol. Real processes: tests/flow/test_orchestrator.py."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from backend.orchestrator import cluster as clusters
from backend.orchestrator.cluster import NoCluster, open_cluster
from backend.orchestrator.leadership import Leadership
from backend.orchestrator.marker import PATCHES, Marker, open_marker
from backend.pool.look import Look, Looks
from backend.pool.pools import Pools
from backend.settings import ApiSettings
from tests.backend.inside import pools_in
from tests.backend.recording import BOUNDS
from tests.support.kubernetes import ApiServer, api_server
from wire import keys
from wire.records import JobRequest
from wire.settings import read_settings
from wire.worker_info import WorkerInfo

LEASE = 60.0  # seconds: none runs out by itself


class Fresh(Looks):
    """Without the two seconds for which a look is good: tests look at once."""

    async def newest(self, anew: bool = False) -> Look:
        return await super().newest(anew=True)


@dataclass
class Room:
    """Two pools, and what markers of this test are made of."""

    server: ApiServer
    pools: Pools
    redis: Any

    @property
    def key(self) -> str:
        return keys.orchestrator(self.pools.own.name)

    async def marker(self, every: float = 0.05) -> Marker:
        leadership = Leadership(self.redis, self.key, LEASE)
        return Marker(await open_cluster(), leadership, Fresh(self.pools), every)

    async def busy(self, host: str, count: int = 1, pool: int = 0) -> list[str]:
        """A worker on this host that was given so many jobs, and takes no more."""
        place = list(self.pools)[pool]
        name = f"{host}-{secrets.token_hex(4)}"
        await place.workers.register(name, 100, WorkerInfo("simulated", {"m": {}}, host))
        await place.workers.ask(name, True)
        jobs = [secrets.token_hex(8) for _ in range(count)]
        for job in jobs:
            assert await place.jobs.accept(job, JobRequest(model="m"), BOUNDS, tenant="ann") == "ok"
        await place.workers.ask(name, False)
        return jobs


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with api_server() as world:
        path = str(world.configuration(tmp_path))
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", path)
        yield world


@pytest.fixture
async def room(server: ApiServer, redis_url: str, redis: Redis) -> AsyncIterator[Room]:
    names = [f"test-{secrets.token_hex(4)}" for _ in range(2)]
    async with pools_in(redis_url, *names) as pools:
        yield Room(server, pools, redis)


async def test_a_busy_pod_is_worth_its_jobs_and_an_idle_pod_nothing(room: Room) -> None:
    room.server.add("pod-a")
    room.server.add("pod-b", cost="300")  # what a marker that is gone left
    room.server.add("pod-c", cost="0")
    jobs = await room.busy("pod-a", 2)
    marker = await room.marker()
    await marker.look()
    assert [room.server.cost(pod) for pod in ("pod-a", "pod-b", "pod-c")] == ["200", "0", "0"]
    await room.pools.cancel(jobs[0])
    await marker.look()
    assert room.server.cost("pod-a") == "100"
    await room.pools.cancel(jobs[1])
    await marker.look()
    assert room.server.cost("pod-a") == "0"


async def test_only_changed_pods_are_patched_and_the_list_is_fetched_once(room: Room) -> None:
    room.server.add("pod-a")
    room.server.add("pod-b")
    await room.busy("pod-a")
    marker = await room.marker()
    for _ in range(4):
        await marker.look()
    assert room.server.patches() == [("pod-a", "100")]
    assert [request.verb for request in room.server.requests].count("list") == 1


async def test_a_look_without_redis_does_not_cost_its_process_the_leadership(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(looks: Looks, anew: bool = False) -> Look:
        raise ConnectionError

    room.server.add("pod-a")
    marker = await room.marker()
    await marker.look()
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Fresh, "newest", away)
        await marker.look()
    await room.busy("pod-a")
    await marker.look()
    assert room.server.cost("pod-a") == "100"


async def test_workers_of_every_pool_count(room: Room) -> None:
    room.server.add("pod-a")
    room.server.add("pod-b")
    await room.busy("pod-a", 1, pool=0)
    await room.busy("pod-b", 3, pool=1)
    await (await room.marker()).look()
    assert (room.server.cost("pod-a"), room.server.cost("pod-b")) == ("100", "300")


async def test_hosts_that_are_no_worker_s_pod_are_left_alone(room: Room) -> None:
    """Neither a machine outside the cluster nor a pod of another kind that a worker calls itself by."""
    room.server.add("redis-0", labels={"app.kubernetes.io/name": "redis", "app.kubernetes.io/part-of": "sluice"})
    for host in ("redis-0", "my-desk.local", "../nodes/a", ""):
        await room.busy(host)
    marker = await room.marker()
    for _ in range(3):
        await marker.look()
    assert room.server.patches() == []
    assert len(room.server.requests) == 2  # the list, and once more for hosts that it did not have


async def test_a_pod_that_came_later_is_found_once_it_is_busy(room: Room) -> None:
    marker = await room.marker()
    await marker.look()
    room.server.add("pod-new")
    await room.busy("pod-new")
    await marker.look()
    assert room.server.cost("pod-new") == "100"


async def test_a_pod_that_is_gone_is_forgotten(room: Room) -> None:
    room.server.add("pod-a")
    room.server.add("pod-b")
    marker = await room.marker()
    await marker.look()
    for host in ("pod-a", "pod-b"):
        await room.busy(host, 2)
    del room.server.pods["pod-a"]
    for _ in range(3):
        await marker.look()
        await room.busy("pod-a")  # its worker still runs for all that the pool knows
    assert [pod for pod, _ in room.server.patches()].count("pod-a") == 1
    assert room.server.cost("pod-b") == "200"


async def test_pods_that_became_busy_are_marked_before_pods_that_only_have_more_jobs(room: Room) -> None:
    for n in range(PATCHES):
        room.server.add(f"more-{n}", cost="900")
        await room.busy(f"more-{n}")
    room.server.add("now-busy")
    await room.busy("now-busy")
    marker = await room.marker()
    await marker.look()
    assert room.server.patches()[0][0] == "now-busy"
    assert len(room.server.patches()) == PATCHES
    await marker.look()
    assert {room.server.cost(pod) for pod in room.server.pods} == {"100"}


async def test_one_process_marks_and_the_next_follows_where_it_leaves_or_dies(room: Room) -> None:
    room.server.add("pod-a")
    await room.busy("pod-a")
    first, second, third = [await room.marker() for _ in range(3)]
    await first.look()
    await second.look()
    assert len(room.server.requests) == 2  # the first's list and patch
    await first._leave()
    await second.look()
    assert len(room.server.requests) == 3  # the second's list: nothing has changed
    await room.redis.pexpire(room.key, 1)  # as if the second were killed
    while await room.redis.exists(room.key):
        pass
    await third.look()
    await second.look()  # it was only asleep
    assert len(room.server.requests) == 4
    assert await room.redis.pttl(room.key) > 0


async def test_the_leadership_is_its_holder_s_alone(room: Room) -> None:
    first, second = (Leadership(room.redis, room.key, LEASE) for _ in range(2))
    assert await first.take() and await first.keep()
    assert not await second.take() and not await second.keep()
    await second.leave()
    assert await first.keep()
    await first.leave()
    assert await second.take()


@pytest.mark.parametrize("answers", [403, 500, "gone"])
async def test_an_api_server_that_refuses_or_is_silent_is_logged_once_and_tried_ever_less_often(
    room: Room, answers: int | str
) -> None:
    room.server.add("pod-a")
    await room.busy("pod-a")
    marker = await room.marker(every=1.0)
    if answers == "gone":
        room.server.server.shutdown()
        room.server.server.server_close()
    else:
        room.server.answers = answers
    with capture_logs() as lines:
        pauses = [await marker.look() for _ in range(4)]
    assert pauses == [2.0, 4.0, 8.0, 16.0]
    warnings = [line for line in lines if line["log_level"] == "warning"]
    assert len(warnings) == 1 and warnings[0]["action"] == "orchestrator.failed"
    if answers == 403:
        assert "deploy/components/pod-deletion-cost" in warnings[0]["reason"]
    if answers != "gone":
        room.server.answers = ""
        with capture_logs() as lines:
            assert await marker.look() == 1.0
        assert [line["action"] for line in lines] == ["orchestrator.leads", "orchestrator.well"]
        assert room.server.cost("pod-a") == "100"
    assert not await room.redis.exists(room.key) or answers != "gone"


async def test_a_process_that_cannot_reach_the_api_server_leaves_the_leadership_to_another(room: Room) -> None:
    room.server.add("pod-a")
    unlucky, lucky = await room.marker(), await room.marker()
    room.server.answers = 503
    await unlucky.look()
    room.server.answers = ""
    with capture_logs() as lines:
        await lucky.look()
    assert [line["action"] for line in lines] == ["orchestrator.leads"]


async def test_a_pod_whose_mark_some_webhook_refuses_stops_no_other_mark(room: Room) -> None:
    room.server.add("pod-a")
    marker = await room.marker()
    await marker.look()
    await room.busy("pod-a")
    room.server.answers = 422
    for _ in range(3):
        assert await marker.look() == 0.05
    assert len(room.server.patches()) == 1


@pytest.mark.parametrize("value", ["swarm", "Kubernetes", "1", "none"])
def test_another_orchestrator_is_refused_at_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    monkeypatch.setenv("SLUICE_ORCHESTRATOR", value)
    with pytest.raises(SystemExit):
        read_settings(ApiSettings, _env_file=None)
    assert capsys.readouterr().err == f"sluice: SLUICE_ORCHESTRATOR: Input should be 'kubernetes' (got '{value}')\n"


def test_without_its_client_an_orchestrator_is_refused_at_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLUICE_ORCHESTRATOR", "kubernetes")
    monkeypatch.setattr("backend.settings.find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        read_settings(ApiSettings, _env_file=None)
    assert "pip install 'sluice[kubernetes]'" in capsys.readouterr().err


def test_in_a_pod_the_service_account_names_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that the component mounts. The certificate may be any: no request is sent here."""
    import certifi

    for name, text in (("token", "abc"), ("namespace", "sluice\n"), ("ca.crt", Path(certifi.where()).read_text())):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setattr(clusters, "NAMESPACE", tmp_path / "namespace")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.43.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    cluster = clusters._open()
    where = cluster._client.configuration
    assert (cluster._where["namespace"], where.host) == ("sluice", "https://10.43.0.1:443")
    assert where.get_api_key_with_prefix("BearerToken") == "bearer abc"
    cluster.close()


async def test_where_no_configuration_names_a_cluster_chats_are_served_all_the_same(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = str(tmp_path / "nothing")
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", nowhere)
    with pytest.raises(NoCluster):
        await open_cluster()
    with capture_logs() as lines:
        assert await open_marker(room.redis, "x", Looks(room.pools)) is None
    assert [(line["log_level"], line["action"]) for line in lines] == [("error", "orchestrator.missing")]
