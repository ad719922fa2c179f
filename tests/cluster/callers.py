"""Many callers at once, of every dialect in turn. Each sends its next request as soon as its answer has ended."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from types import TracebackType
from typing import Self

from tests.cluster.dialects import DIALECTS, Answer, Broken, Dialect
from tests.support.listener import words
from tests.support.sse import Cut, Stream, open_stream
from tests.support.waiting import eventually

PATIENCE = 60.0  # seconds for one answer: long beside the few that it takes, on a busy machine
AGAIN = 0.1  # seconds until a caller that was told to try again does
LOST = (Cut, ConnectionError, ValueError)  # ValueError: a head that was cut off


class Callers:
    """The callers. `entrance`: the URL of the house, looked up for every connection. `tokens`: how long answers are.

    Every fault is a sentence in `faults`. While `patient`, a caller that is told to try again does so; otherwise that
    is a fault, as everything else is.
    """

    def __init__(
        self, entrance: Callable[[], str], count: int, tokens: Sequence[int], dialects: Sequence[Dialect] = DIALECTS
    ) -> None:
        self.patient = False
        self.faults: list[str] = []
        self.answers: list[Answer] = []  # all that were requested
        self.refusals = 0  # answers that told a caller to try again
        self.returns = 0  # connections that went on behind what was read
        self._entrance = entrance
        self._renewing = True
        self._tokens = tokens
        self._random = random.Random(count)
        self.dialects = [dialect for dialect, _ in zip(itertools.cycle(dialects), range(count), strict=False)]
        self._open: dict[int, Answer] = {}

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._call(number)) for number in range(len(self.dialects))]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def open(self) -> list[Answer]:
        """The answers that are being read."""
        return list(self._open.values())

    async def all_listen(self) -> None:
        """Waits until every caller whose dialect streams has read something since; they are not in step."""
        expected = {number for number, dialect in enumerate(self.dialects) if dialect.name != "openai, whole"}
        served: set[int] = set()

        def listening() -> bool:
            served.update(number for number, answer in self._open.items() if answer.words)
            return served >= expected

        await eventually(listening, PATIENCE, "every caller reads its answer")

    async def finish(self) -> None:
        """Ends the sending of requests; waits until every answer has ended."""
        self._renewing = False
        await asyncio.gather(*self._tasks)

    # -- one caller --------------------------------------------------------------------------------------------
    async def _call(self, number: int) -> None:
        while True:
            answer = Answer(self.dialects[number], self._random.choice(self._tokens))
            self.answers.append(answer)
            self._open[number] = answer
            await self._read_out(answer)
            del self._open[number]
            if not self._renewing:
                return

    async def _read_out(self, answer: Answer) -> None:
        """Reads an answer to its end, or to a fault. One of two that can resume leaves in the middle and comes back, as
        a page that is loaded anew."""
        leave_at = answer.count // 2 if answer.dialect.resumes and len(self.answers) % 2 else 0
        try:
            async with asyncio.timeout(PATIENCE):
                while not await self._connect(answer, leave_at if not answer.job else 0):
                    pass
        except TimeoutError:
            self._fault(answer, "it has not ended")
            return
        if answer.ended and answer.text != words(answer.count):
            self._fault(answer, f"it is not what the engine sent: {answer.text!r}")

    async def _connect(self, answer: Answer, leave_at: int) -> bool:
        """Reads one connection. Returns whether that was all: the end, or a fault after which nothing more can come."""
        begun = bool(answer.job)
        self.returns += begun
        try:
            async with self._ask(answer) as stream:
                if stream.status != 200:
                    return await self._refused(answer, stream)
                answer.job = stream.headers["x-sluice-job"]
                async with aclosing(answer.dialect.read(answer, stream)) as pieces:  # type: ignore[type-var]
                    async for _ in pieces:
                        if leave_at and answer.words >= leave_at:
                            return False
        except (Broken, *LOST) as error:
            self._broken(answer, repr(error))
            return True
        if not answer.ended:
            self._broken(answer, "no end was sent")
        return True

    def _ask(self, answer: Answer) -> AbstractAsyncContextManager[Stream]:
        dialect, entrance = answer.dialect, self._entrance()
        if answer.job:
            after = {"Last-Event-ID": answer.last_id} if answer.last_id else {}
            return open_stream(f"{entrance}/api/jobs/{answer.job}/events", headers=after)
        headers = {"X-Sluice-On-Disconnect": "continue"} if dialect.resumes else {}
        body = dialect.body(f"!tokens {answer.count}")
        return open_stream(entrance + dialect.path, body, accept=dialect.accept, headers=headers)

    async def _refused(self, answer: Answer, stream: Stream) -> bool:
        refusal = (await stream.body()).decode()
        if not (self.patient and stream.status == 503 and "retry-after" in stream.headers):
            self._fault(answer, f"{stream.status} {refusal}")
            return True
        self.refusals += 1
        await asyncio.sleep(AGAIN)
        return False

    def _broken(self, answer: Answer, why: str) -> None:
        self._fault(answer, f"{why} after {answer.words} of {answer.count} words")

    def _fault(self, answer: Answer, what: str) -> None:
        self.faults.append(f"{answer.dialect.name} {answer.job or 'without a job'}: {what}")
