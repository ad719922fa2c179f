"""The whole of a job's answer, for a caller who waits for it."""

from __future__ import annotations

from backend.errors import JobFailed
from wire.log import Summary


class Outcome(Summary):
    """Everything that a caller who waits for the whole answer learns: what all dialects' plain JSON is made of."""

    def checked(self) -> Outcome:
        """This outcome. Raises JobFailed where the job failed or was cancelled."""
        if self.end.get("type") in ("failed", "cancelled"):
            raise JobFailed.of(self.end)
        return self
