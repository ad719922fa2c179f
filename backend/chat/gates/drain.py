"""The first gate: a process that is to leave lets nothing in."""

from __future__ import annotations

from backend.chat.gates.gate import Gate
from backend.chat.submission import Submission
from backend.errors import Unavailable


class Drain(Gate):
    """Open until `close`."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True

    async def admit(self, submission: Submission) -> Submission:
        if self.closed:
            text = "This server is shutting down; send the request again."
            raise Unavailable(text, "draining", {"Retry-After": "1"})
        return submission
