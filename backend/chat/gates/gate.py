"""What a gate is."""

from __future__ import annotations

from typing import Protocol

from backend.chat.submission import Submission


class Gate(Protocol):
    """One check of every submission before its job is accepted."""

    async def admit(self, submission: Submission) -> Submission:
        """The submission, with what this gate adds to it. Raises ApiError where it may not pass."""
        ...
