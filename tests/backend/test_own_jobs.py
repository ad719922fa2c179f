"""What one tenant may know of jobs: its own, by an outline that leaves the request in Redis; two pools, real Valkey."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from redis.asyncio import Redis

from backend.accounts.caller import LOCAL, Caller
from backend.pool.pools import OUTLINE, Pools
from tests.backend.inside import pools_in
from tests.backend.recording import BOUNDS
from wire.ids import JobId, PrincipalId, TenantId
from wire.records import JobRequest, Message, decode_record

THEIRS = Caller(PrincipalId("bea"), TenantId("theirs"))
HUGE = JobRequest(model="m", messages=(Message(role="user", content="x" * 4_000_000),))
POOLS = [f"{name}-{secrets.token_hex(4)}" for name in ("one", "two")]


@pytest.fixture
async def pools(redis_url: str) -> AsyncIterator[Pools]:
    async with pools_in(redis_url, *POOLS) as pools:
        yield pools


async def submitted(pools: Pools, caller: Caller = LOCAL, pool: str = POOLS[1]) -> JobId:
    job = JobId(secrets.token_hex(8))
    pipe = pools.named(pool).jobs
    accepted = await pipe.accept(job, HUGE, BOUNDS, tenant=caller.tenant, principal=caller.principal)
    assert accepted == "ok"
    return job


class Names(dict[bytes, bytes]):
    """A job's hash that notes which of its fields were read by name."""

    def __init__(self, fields: Mapping[bytes, bytes]) -> None:
        super().__init__(fields)
        self.read: set[bytes] = set()

    def get(self, name: bytes, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)


def test_an_outline_is_all_of_a_record_but_request_result_and_timeline() -> None:
    names = Names({b"state": b"queued"})
    assert decode_record(JobId("job"), names) is not None
    assert names.read == {*OUTLINE, b"request", b"result"}


async def test_a_job_is_found_by_its_own_tenant_only(pools: Pools) -> None:
    job = await submitted(pools)
    found = await pools.of(LOCAL).find(job)
    assert found is not None
    assert (found.pool.name, found.record.state, found.record.tenant) == (POOLS[1], "queued", LOCAL.tenant)
    assert (found.record.request, found.record.result) == (b"", b"")
    assert await pools.of(THEIRS).find(job) is None
    assert await pools.of(LOCAL).find(JobId("unknown")) is None


async def test_another_tenants_job_is_neither_cancelled_nor_forgotten(pools: Pools) -> None:
    job = await submitted(pools)
    assert await pools.of(THEIRS).cancel(job) is None
    assert await pools.of(THEIRS).forget(job), "it is as good as forgotten: this tenant never knew it"
    found = await pools.of(LOCAL).find(job)
    assert found is not None and found.record.state == "queued"
    whole = await pools.whole(found)
    assert whole is not None and JobRequest.model_validate_json(whole.record.request) == HUGE


async def test_callers_of_one_tenant_share_its_jobs(pools: Pools) -> None:
    job = await submitted(pools, Caller(PrincipalId("ann"), TenantId("shared")))
    found = await pools.of(Caller(PrincipalId("bob"), TenantId("shared"))).find(job)
    assert found is not None and found.record.principal == "ann"


async def test_a_job_is_forgotten_with_its_request(pools: Pools) -> None:
    job = await submitted(pools)
    found = await pools.of(LOCAL).find(job)
    assert found is not None
    assert await pools.of(LOCAL).forget(job)
    assert (await pools.of(LOCAL).find(job), await pools.whole(found), await pools.without_request(found)) == (
        None,
    ) * 3


async def test_a_record_without_its_request_has_its_timeline_and_its_result(pools: Pools) -> None:
    job = await submitted(pools)
    pool = pools.named(POOLS[1])
    await pools.cancel(job)
    await pool.jobs.redis.hset(pool.keys.job(job), mapping={"result": b"{}", "request": HUGE.model_dump_json()})
    outline = await pools.of(LOCAL).find(job)
    assert outline is not None
    found = await pools.without_request(outline)
    assert found is not None
    assert ([what for _, what, _ in found.record.timeline], found.record.result) == (["accepted", "ended"], b"{}")
    assert found.record.request == b""


async def test_a_cancel_looks_once_and_reads_no_request(pools: Pools, redis: Redis) -> None:
    """The server's own record of its commands, from the look to the script's last."""
    job = await submitted(pools)
    async with asyncio.timeout(20), redis.monitor() as monitor:
        assert await pools.of(LOCAL).cancel(job) == "cancelled"
        await pools.own.jobs.redis.echo(job + " is over")
        commands: list[str] = []
        while not (command := (await monitor.next_command())["command"]).startswith("ECHO"):
            if job in command:
                commands.append(command)
    looks = [command.split() for command in commands if command.split()[0] in ("HGETALL", "HMGET")]
    from_here = [words for words in looks if set(words[2:]) == {name.decode() for name in OUTLINE}]
    assert len(from_here) == len(POOLS), "one look at each pool"
    assert not [words for words in looks if words[0] == "HGETALL" or "request" in words[2:]]
    assert not [command for command in commands if command.split()[0] == "HGET" and command.split()[2] == "request"]
