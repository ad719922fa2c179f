"""How an attempt ends: the job is completed, has failed, goes on in another pool, or is given back."""

from __future__ import annotations

from typing import Literal

import structlog

from ollama_worker.patience import until_answered
from wire.events import Completed, Failed, Rerouted, encode
from wire.ids import AttemptId
from wire.jobs import FINISHED, WRONG_SEQ, JobPipe
from wire.records import Target
from wire.rerouting import carry_on
from wire.writer import Outbox

# Before each try the log gets what it lacks. A log that still refuses the end holds ids that this attempt never wrote.
ENDING_TRIES = 5
LOG_SPOILT = ("internal_error", ("internal_error", "The job's event log holds what no worker of it wrote."))
log = structlog.get_logger()


class Ending:
    """The end of one attempt. Every verb waits for Redis as long as it takes."""

    def __init__(self, jobs: JobPipe, address: AttemptId, outbox: Outbox) -> None:
        self._jobs = jobs
        self._address = address
        self._outbox = outbox
        self.begun = False  # then nothing more is generated
        self.completed = False
        self.gave_back = False

    async def complete(self, event: Completed, result: bytes) -> None:
        await self._end("completed", encode(event), result=result)
        self.completed = True
        tokens, total_ms = event.usage.completion_tokens, event.timings.total_ms
        log.info("job completed", action="job.completed", tokens=tokens, total_ms=total_ms)

    async def fail(self, code: str, message: str, dead: bool = False) -> None:
        log.warning("job failed", action="job.failed", code=code)
        await self._end("failed", encode(Failed(code=code, message=message)), why=code, dead=dead)

    async def leave_for(self, place: Target, why: str) -> None:
        """End the job here, then accept it there. Where this worker dies in between, a reader of `finished` accepts
        it."""
        log.warning("going on in another pool", action="job.rerouted", pool=place.pool, model=place.model, code=why)
        event = Rerouted(pool=place.pool, model=place.model, reason=why)
        if await self._end("failed", encode(event), why="rerouted"):
            await until_answered(lambda: carry_on(self._jobs, self._address[0]))

    async def give_back(self, why: str, charged: tuple[str, str] | None = None, behind: bool = False) -> None:
        """Return the job to the queue. `charged` (code, message): the attempt failed, which costs a try. `behind`: the
        job goes behind others, uncharged."""
        log.warning("job given back", action="job.given_back", why=why, charged=bool(charged))
        self.begun = self.gave_back = True
        await until_answered(lambda: self._jobs.give_back(*self._address, why, charged, behind))

    async def _end(
        self,
        state: Literal["completed", "failed"],
        body: bytes,
        *,
        why: str = "",
        result: bytes = b"",
        dead: bool = False,
    ) -> bool:
        """Write the terminal event behind everything else. What Redis has forgotten of that is sent again first.

        False: the job has ended already, by another hand.
        """
        self.begun = True
        for _ in range(ENDING_TRIES):
            seq = await self._outbox.drained()
            ended = await until_answered(
                lambda: self._jobs.finish(*self._address, seq, state, body, why=why, result=result, dead=dead)  # noqa: B023
            )
            if ended != WRONG_SEQ:
                return ended == FINISHED
            await self._outbox.resend()
        await self.give_back(*LOG_SPOILT)
        return False
