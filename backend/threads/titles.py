"""A thread's title, made by the model in a small job of class `batch`, so that no chat ever waits behind it."""

from __future__ import annotations

import uuid

from starlette.requests import Request

from backend.accounts.caller import Caller
from backend.chat.disconnect import CONTINUE
from backend.chat.service import ChatService
from backend.chat.submission import Submission
from backend.ids import ThreadId
from backend.pool.look import Looks
from backend.pool.models.catalogue import Catalogue
from backend.pool.models.names import find
from backend.pool.pools import Pools
from backend.store.database import Database
from backend.store.rows import MessageRow, ThreadRow
from backend.threads import repository
from backend.threads.requests import thread_not_found
from wire.ids import JobId, TenantId
from wire.records import JobRequest, Message

EXCERPT = 1_000  # characters of the question, and of the answer, that a title is made of
OPTIONS = {"num_predict": 24, "temperature": 0.2}
INSTRUCTION = (
    "Name the conversation that the user shows you. Answer with the name alone: two to six words in the "
    "conversation's own language, no quotation marks, no full stop, no explanation."
)
Exchange = tuple[MessageRow, MessageRow]


class Titles:
    """Submits the jobs that name threads. The recorder writes the title at the job's end, unless a person was
    faster."""

    def __init__(self, database: Database, pools: Pools, looks: Looks, catalogue: Catalogue, chat: ChatService) -> None:
        self._database = database
        self._pools = pools
        self._looks = looks
        self._catalogue = catalogue
        self._chat = chat

    async def ask(self, caller: Caller, thread_id: ThreadId) -> str | None:
        """The job that is to name the thread, the same job while it is pending; None: the thread needs no title.

        Raises NotFound for the thread, and any error that refuses a chat.
        """
        async with self._database.read() as tx:
            thread = await repository.thread(tx, caller.tenant, thread_id)
            exchange = await repository.first_exchange(tx, thread_id)
        if thread is None:
            raise thread_not_found(thread_id)
        if thread.title_by == "person" or exchange is None or await self._only_simulated():
            return None
        if thread.title_job and await self._pending(thread.title_job):
            return str(thread.title_job)
        return await self._let_in(caller, thread, exchange)

    async def _pending(self, job: JobId) -> bool:
        found = await self._pools.find(job)
        return found is not None and found.record.live

    async def _only_simulated(self) -> bool:
        """Whether all workers are simulated: their canned answers name no thread. With no worker at all one is started
        for the job, as for any job."""
        workers = (await self._looks.newest()).workers
        workers = workers or (await self._looks.newest(anew=True)).workers  # a worker may have registered just now
        return bool(workers) and all(worker.info.engine == "simulated" for worker in workers)

    async def _let_in(self, caller: Caller, thread: ThreadRow, exchange: Exchange) -> str | None:
        """The row gets the job's id before the job is there, so that its end cannot be recorded too early."""
        ask = await self._ask_of(exchange)
        claim = await self._claim(caller.tenant, thread, JobId(str(uuid.uuid4())))
        if claim is None or claim[1]:
            return claim and claim[0]
        job = claim[0]
        try:
            await self._chat.enqueue(job, Submission(ask, caller, CONTINUE, cls="batch"))
        except BaseException:
            async with self._database.write() as tx:
                await repository.name_by_job(tx, thread.id, None, instead_of=job)
            raise
        return job

    async def _claim(self, tenant: TenantId, seen: ThreadRow, new: JobId) -> tuple[JobId, bool] | None:
        """The id of the job to be, and whether another request has claimed it first. None: the thread has been named or
        deleted since."""
        async with self._database.write() as tx:
            thread = await repository.thread(tx, tenant, seen.id, lock=True)
            if thread is None or thread.title_by == "person":
                return None
            if thread.title_job != seen.title_job:
                return (thread.title_job, True) if thread.title_job else None
            await repository.name_by_job(tx, seen.id, new, instead_of=seen.title_job)
            return new, False

    async def _ask_of(self, exchange: Exchange) -> JobRequest:
        question, answer = exchange
        known = (await self._catalogue.models()).known
        model = find(answer.model or "", known) or await self._catalogue.resolve(None)
        thinks = "thinking" in (known.get(model, {}).get("capabilities") or ())
        shown = f"User: {question.text[:EXCERPT]}\n\nAssistant: {answer.text[:EXCERPT]}"
        messages = (Message(role="system", content=INSTRUCTION), Message(role="user", content=shown))
        return JobRequest(model=model, messages=messages, options=OPTIONS, think=False if thinks else None)


def titles_of(request: Request) -> Titles:
    titles: Titles = request.state.titles
    return titles
