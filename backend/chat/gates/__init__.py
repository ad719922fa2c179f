"""The gates: every submission passes them, one after the other, before its job is accepted.

    drain    refuses everything once this process is to leave
    bound    writes what the queue holds the job against

A new gate is a file here and a field of `Gates`, at its place in the order.
"""

from __future__ import annotations

from typing import NamedTuple

from backend.chat.gates.bound import Bound
from backend.chat.gates.drain import Drain
from backend.chat.submission import Submission


class Gates(NamedTuple):
    """All gates, in the order in which a submission passes them."""

    drain: Drain
    bound: Bound

    async def admit(self, submission: Submission) -> Submission:
        """The submission with what the gates add to it. Raises ApiError where one of them refuses it."""
        for gate in self:
            submission = await gate.admit(submission)
        return submission
