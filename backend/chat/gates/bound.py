"""The last gate: what the queue holds every job against.

The bounds are counted in the same script that accepts the job: counted here, two processes could both take the last
place in the queue. So this gate only writes them into the submission; `refusal` is what the script's answer means.
"""

from __future__ import annotations

from backend.chat.gates.gate import Gate
from backend.chat.submission import Submission
from backend.errors import QueueFull
from wire.jobs import Bounds

LATER = {"Retry-After": "5"}


class Bound(Gate):
    """`bounds`: those of the settings."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds

    async def admit(self, submission: Submission) -> Submission:
        bounds = self._bounds
        if submission.deadline is not None:
            bounds = bounds._replace(timeout_ms=int(submission.deadline * 1000))
        return submission._replace(bounds=bounds)


def refusal(answer: str) -> QueueFull:
    """`answer`: of the script, which begins with `full`."""
    if answer == "full tenant":
        text = "Too many of your jobs are waiting; try again when some have started."
        return QueueFull(text, "queue_full_tenant", dict(LATER))
    if answer == "full bytes":
        text = "The requests that wait are too large together; try again when some have been answered."
        return QueueFull(text, "queue_full_bytes", dict(LATER))
    return QueueFull("The queue is full; try again when some jobs have ended.", "queue_full_depth", dict(LATER))
