"""What must hold in the end: every answer whole, every job ended once, nothing left behind."""

from __future__ import annotations

from collections.abc import Sequence

from tests.cluster.callers import Callers
from tests.support.listener import words
from tests.support.truth import Truth


async def check_all(truth: Truth, *groups: Callers) -> None:
    """The faults. `groups`: callers that have finished, all that ever sent a request here."""
    await truth.until_drained()
    answers = {answer.job: answer for callers in groups for answer in callers.answers}
    states = await truth.states()
    faults = [fault for callers in groups for fault in callers.faults]
    faults += [f"{answer.dialect.name}: not whole" for answer in answers.values() if not answer.ended]
    faults += [f"lost: {job}" for job in answers.keys() - states.keys()]
    faults += await _faults_of_jobs(truth, states, {job: answer.count for job, answer in answers.items()})
    faults += _strays(states.keys() - answers.keys(), states, sum(callers.refusals for callers in groups))
    faults += [f"dead letter: {letter}" for letter in await truth.dead_letters()]
    faults += [f"left behind: {key}" for key in await truth.leftovers()]
    assert not faults, "\n".join(faults)


async def _faults_of_jobs(truth: Truth, states: dict[str, str], counts: dict[str, int]) -> Sequence[str]:
    faults = []
    for job, state in states.items():
        try:
            await truth.check_ended_once(job)
        except AssertionError as error:
            faults.append(f"{job}, {state}: {error}")
        if job in counts and await truth.text(job) != words(counts[job]):
            faults.append(f"{job}: its log is not what the engine sent")
    return faults


def _strays(strays: set[str], states: dict[str, str], refusals: int) -> Sequence[str]:
    """A caller without a key that was told to try again may have had its job accepted. That job is withdrawn seconds
    after the server is back; by then a short one has ended."""
    odd = [f"{job} has no caller and {states[job]}" for job in strays if states[job] not in ("cancelled", "completed")]
    return odd + ([f"{len(strays)} jobs have no caller, {refusals} were refused"] if len(strays) > refusals else [])
