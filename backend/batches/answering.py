"""One line of a batch: submitted as a job, awaited, and written as a line of a file.

The job's id is made of the batch and the line. Submitted again, by any process, the line is the same job: the job is
joined while it lives, and read from its log when it has ended.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import orjson
import structlog
from redis.exceptions import RedisError

from backend.accounts.caller import Caller
from backend.batches.answers import answered, given_up, job_of, refused
from backend.batches.breath import Breath
from backend.batches.doors import DOORS, alone
from backend.batches.states import CANCELLED, LINE_DONE, LINE_FAILED
from backend.chat.disconnect import CONTINUE
from backend.chat.party import Party, Ticket
from backend.chat.service import ChatService
from backend.chat.submission import Submission
from backend.dialects.common.door import Incoming, Parsed
from backend.dialects.responses.references import read_on
from backend.dialects.responses.request import is_stored
from backend.dialects.responses.service import Responses
from backend.errors import ApiError, JobFailed, QueueFull, Unavailable
from backend.moments import now_ms
from backend.pool.pools import Pools
from backend.store.database import DatabaseAway
from backend.store.rows import BatchRow, LineRow
from wire.link import LinkLost
from wire.reader import JobLost

PAUSE_SECONDS = 1.0  # between two tries, where the queue has no room or a server is away
AGAIN = (QueueFull, Unavailable, RedisError, LinkLost, JobLost, DatabaseAway, OSError, TimeoutError)
log = structlog.get_logger()


class LineAnswer(NamedTuple):
    """The end of a line: its state, and its text in the output or error file."""

    state: str
    text: str


class Answering:
    """Answers the lines of one batch. `breath`: paces the work that holds the loop."""

    def __init__(
        self, batch: BatchRow, *, chat: ChatService, pools: Pools, responses: Responses, breath: Breath
    ) -> None:
        self._batch = batch
        self._chat = chat
        self._pools = pools
        self._responses = responses
        self._breath = breath
        self._door = DOORS[batch.endpoint]
        self._caller = Caller(batch.principal, batch.tenant)

    async def answer(self, line: LineRow) -> LineAnswer | None:
        """Submit the line until there is an answer, good or bad; None: the batch's window has passed."""
        while (left := self._batch.expires_at - now_ms()) > 0:
            try:
                return LineAnswer(LINE_DONE, self._text(line, await self._submit(line, left)))
            except AGAIN as error:
                log.debug("a line of a batch waits", action="batch.line_waits", error=type(error).__name__)
                await asyncio.sleep(PAUSE_SECONDS)
            except JobFailed as error:
                if error.code != "deadline" or self._batch.expires_at > now_ms():
                    return self._refused(line, error)
            except ApiError as error:
                return self._refused(line, error)
            except Exception as error:
                log.exception("a line of a batch broke", action="batch.line_broken", line=line.line)
                return self._refused(line, ApiError(f"This line could not be answered ({type(error).__name__})."))
        return None

    def given_up(self, line: LineRow, why: str) -> LineAnswer:
        """`why`: expired or cancelled."""
        return LineAnswer(why, given_up(self._batch.id, line.line, line.custom_id, why))

    async def withdraw(self, line: LineRow) -> LineAnswer:
        """End the line's job, if it has one; an answer that is there already is kept."""
        state = await self._pools.cancel(job_of(self._batch.id, line.line), "batch_cancelled")
        kept = await self.answer(line) if state in ("completed", "failed") else None
        return kept or self.given_up(line, CANCELLED)

    async def _submit(self, line: LineRow, left: int) -> dict[str, Any]:
        """`left`: ms of the window. Raises what keeps the line from being answered."""
        body = (line.body or "").encode()
        async with self._breath.work():
            fields = orjson.loads(body)
            parsed = alone(self._door.read(Incoming(fields, self._responses.bounds, self._batch.endpoint)))
        parsed = await read_on(self._responses, self._caller, parsed, fields, len(body))
        ticket = await self._let_in(line, parsed, left)
        [outcome] = await Party([ticket]).outcomes()
        return self._door.whole(parsed, ticket, outcome)

    async def _let_in(self, line: LineRow, parsed: Parsed, left: int) -> Ticket:
        ask = parsed.ask.model_copy(update={"door": self._door.name})
        return await self._chat.submit(
            Submission(
                ask=ask,
                caller=self._caller,
                on_disconnect=CONTINUE,
                cls="batch",
                job=job_of(self._batch.id, line.line),
                deadline=left / 1000,
                keeps_ask=is_stored(ask),
            )
        )

    def _text(self, line: LineRow, body: dict[str, Any]) -> str:
        return answered(self._batch.id, line.line, line.custom_id, body)

    def _refused(self, line: LineRow, error: ApiError) -> LineAnswer:
        return LineAnswer(LINE_FAILED, refused(self._batch.id, line.line, line.custom_id, error))
