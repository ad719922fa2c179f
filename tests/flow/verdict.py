"""What must hold after the chaos: in Redis, in what clients heard, and in SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from backend.history.books.answers import STATUS
from tests.flow.talk import Talk
from tests.support.kept import Kept
from tests.support.listener import text_of, words
from tests.support.truth import Truth

DRAIN_SECONDS = 90


class Verdict:
    """`violations`: sentences; `states`: how many jobs ended how; `answers`: those of threads that were compared."""

    def __init__(self, truth: Truth, kept: Kept, talks: Sequence[Talk]) -> None:
        self._truth = truth
        self._kept = kept
        self.talks = talks
        self.violations: list[str] = []
        self.states: Counter[str] = Counter()
        self.answers = 0

    async def check_queue(self) -> None:
        try:
            await self._truth.until_drained(DRAIN_SECONDS)
        except TimeoutError:
            self.violations.append(f"not drained: {Counter((await self._truth.states()).values())}")
        states = await self._truth.states()
        self.states = Counter(states.values())
        self.violations += [f"{job} is {state}" for job, state in states.items() if state in ("queued", "running")]
        self.violations += [f"left behind: {key}" for key in await self._truth.leftovers()]
        self.violations += [f"unknown job {talk.job}" for talk in self.talks if talk.job and talk.job not in states]
        for job in states:
            try:
                await self._truth.check_ended_once(job)
            except AssertionError as error:
                self.violations.append(f"{job}: {error}")
        for talk in self.talks:
            if talk.job in states:
                await self._check_talk(talk, states[talk.job])

    async def _check_talk(self, talk: Talk, state: str) -> None:
        log = await self._truth.frames(talk.job)
        heard = [frame for frame in talk.frames if frame.id]
        if heard != (log if talk.ended else log[: len(heard)]):
            self.violations.append(f"{talk.job}: heard {len(heard)} events, the log has {len(log)}, and they differ")
        text = text_of(log)
        exact = words(talk.count)
        if not (text == exact if state == "completed" else exact.startswith(text)):
            self.violations.append(f"{talk.job} ({state}): its text is not what was requested: {text[-80:]!r}")
        if state == "failed" or (state == "cancelled" and talk.plan == "stay"):
            self.violations.append(f"{talk.job}: {state}, though no client wanted that: {log[-1].data!r}")

    async def check_history(self) -> None:
        states = await self._truth.states()
        try:
            await self._kept.until_recorded(states)
            await self._kept.check_recorded_once(states)
        except (TimeoutError, AssertionError) as error:
            self.violations.append(f"the history: {error}")
        answers = await self._kept.answers()
        for talk in self.talks:
            if talk.thread and talk.job in states:
                self.answers += 1
                text = await self._truth.text(talk.job)
                self._check_answer(talk, answers.get(talk.name), STATUS[states[talk.job]], text)

    def _check_answer(self, talk: Talk, row: Any, status: str, text: str) -> None:
        if row is None or (row.job_id, row.status, row.text) != (talk.job, status, text):
            kept = row and (row.job_id, row.status, row.text[-80:], row.error)
            self.violations.append(f"{talk.job} ({status}): its answer is kept as {kept}")
