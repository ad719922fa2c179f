"""Jobs played by hand in a pool of a test's own, recorders of that pool, and what SQL holds in the end."""

from __future__ import annotations

import secrets
from typing import Any

import orjson
from redis.asyncio import Redis
from sqlalchemy import Row, Table, insert, select, update

from backend.history.books import history_books
from backend.history.books.book import Book
from backend.history.finished import BLOCK_MS, GROUP, Finished
from backend.history.recorder import Recorder
from backend.store.database import Database
from backend.store.tables import jobs, messages, threads
from tests.support.valkey import PATIENT
from wire.client import open_redis
from wire.events import Completed, Timings, Usage, encode, token
from wire.ids import LOCAL_PRINCIPAL, PrincipalId, TenantId
from wire.jobs import FINISHED, Bounds, JobPipe
from wire.keys import Keys
from wire.records import JobRequest
from wire.scripts import scripts
from wire.worker_info import WorkerInfo
from wire.workers import WorkerRegistry

BOUNDS = Bounds(depth=1_000, per_tenant=1_000, max_attempts=3, timeout_ms=60_000)
COMPLETED = Completed(
    finish_reason="stop",
    usage=Usage(prompt_tokens=5, completion_tokens=7),
    timings=Timings(queued_ms=1, first_token_ms=2, total_ms=3),
    tokens_per_second=9.5,
    model="tiny:latest",
)
FAILED = b'{"type":"failed","code":"engine_error","message":"It broke.","retryable":true}'
RESTARTED = b'{"type":"restarted","reason":"worker_lost"}'
STARTED = b'{"type":"started"}'


class Play:
    """One pool with one worker, `w`, of many slots. Names are made up for jobs that are not given one."""

    def __init__(self, redis_url: str, database: Database) -> None:
        self.redis: Redis = open_redis(redis_url, PATIENT)
        self._blocking: Redis = open_redis(redis_url, PATIENT + BLOCK_MS / 1000)
        self.keys = Keys(f"test-{secrets.token_hex(4)}")
        self.jobs = JobPipe(self.redis, self.keys)
        self.workers = WorkerRegistry(self.redis, self.keys)
        self.database = database
        self._emit = self.redis.register_script(scripts()["emit"])

    async def aclose(self) -> None:
        await self._blocking.aclose()
        await self.redis.aclose()
        await self.database.close()

    def recorder(self, left_behind_ms: int = 60_000, *further: Book) -> Recorder:
        """One more process's. Entries count as left behind after `left_behind_ms`. `further`: more books."""
        finished = Finished(self.redis, self._blocking, self.keys, left_behind_ms)
        return Recorder(self.jobs, finished, self.database, (*history_books(), *further))

    # -- jobs ---------------------------------------------------------------------------------------------------
    async def worker(self, name: str = "w") -> None:
        await self.workers.register(name, 1_000, WorkerInfo("simulated", {"tiny": {"loaded": True}}))
        await self.workers.ask(name, True)

    async def begin(self, job: str = "", worker: str = "w", principal: PrincipalId = LOCAL_PRINCIPAL) -> str:
        """A job that `worker` has started."""
        job = job or secrets.token_hex(8)
        await self.worker(worker)
        owner: Any = {"tenant": TenantId("ann"), "principal": principal}
        assert await self.jobs.accept(job, JobRequest(model="tiny"), BOUNDS, request_id="r1", **owner) == "ok"
        assert await self.jobs.start(job, worker, 1, STARTED) is not None
        return job

    async def emit(self, job: str, *bodies: bytes, attempt: int = 1, worker: str = "w", first: int = 1) -> int:
        """Log these events; the seq that follows."""
        keys = [self.keys.job(job), self.keys.events(job), self.keys.live(job)]
        for seq, body in enumerate(bodies, first):
            assert await self._emit(keys=keys, args=[worker, attempt, seq, body]) == 1
        return first + len(bodies)

    async def complete(
        self, job: str, text: str = "Hello.", *, seq: int = 1, event: bytes = encode(COMPLETED), **more: Any
    ) -> None:
        result = orjson.dumps({"text": text, "thinking": None, "tool_calls": None, **more})
        done = await self.jobs.finish(job, "w", 1, seq, "completed", event, result=result)
        assert done == FINISHED

    async def completed(self, text: str = "Hello.", **more: Any) -> str:
        """A job that was answered."""
        job = await self.begin()
        await self.complete(job, text, **more)
        return job

    async def acknowledged(self) -> bool:
        """Every entry so far was given to a recorder and recorded."""
        group: Any = next(iter(await self.redis.xinfo_groups(self.keys.finished)))
        assert group["name"] == GROUP.encode()
        last: Any = await self.redis.xrevrange(self.keys.finished, count=1)
        return bool(group["pending"] == 0 and group["last-delivered-id"] == last[0][0])

    # -- history ------------------------------------------------------------------------------------------------
    async def thread(self, **values: Any) -> str:
        name = secrets.token_hex(8)
        row = {"id": name, "tenant": "ann", "created_at": 1, "updated_at": 1, **values}
        async with self.database.write() as connection:
            await connection.execute(insert(threads).values(row))
        return name

    async def awaits(self, job: str, **values: Any) -> str:
        """An answer's row that waits for this job; its thread."""
        thread = await self.thread()
        row = {"thread_id": thread, "id": "a", "role": "assistant", "status": "running", "created_at": 1, "job_id": job}
        async with self.database.write() as connection:
            await connection.execute(insert(messages).values({**row, **values}))
        return thread

    async def rows(self, table: Table) -> list[Row[Any]]:
        async with self.database.read() as connection:
            return list((await connection.execute(select(table))).all())

    async def job_row(self, job: str) -> Any:
        async with self.database.read() as connection:
            return (await connection.execute(select(jobs).where(jobs.c.id == job))).one()

    async def answer(self, job: str) -> Any:
        async with self.database.read() as connection:
            return (await connection.execute(select(messages).where(messages.c.job_id == job))).one()

    async def the_thread(self, name: str) -> Any:
        async with self.database.read() as connection:
            return (await connection.execute(select(threads).where(threads.c.id == name))).one()

    async def change_thread(self, name: str, **values: Any) -> None:
        async with self.database.write() as connection:
            await connection.execute(update(threads).where(threads.c.id == name).values(values))


def tokens(text: str) -> list[bytes]:
    """One event a word."""
    return [token(word) for word in text.split(" ")]
