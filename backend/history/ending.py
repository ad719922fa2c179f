"""How a job ended, as the books of the history need it: the job's record, its terminal event and its output."""

from __future__ import annotations

from typing import Any, NamedTuple

from wire.decoding import json_object
from wire.events import Completed, Failed
from wire.ids import JobId
from wire.records import JobRecord


class Output(NamedTuple):
    """What a job produced, whole or as far as it came. `thinking` None: it did not think."""

    text: str = ""
    thinking: str | None = None
    tool_calls: list[Any] | None = None


class Ending(NamedTuple):
    """One ended job. `event` None: its log is gone, or it was cancelled. `output` None: no book awaits it."""

    record: JobRecord
    event: Completed | Failed | None
    output: Output | None = None

    @property
    def left(self) -> bool:
        """The job went on in another pool, and has not ended."""
        return self.record.why == "rerouted"

    @property
    def brief(self) -> bool:
        """No caller comes back to the job once it is recorded. A job that came from another pool is known there, too,
        and a reader who found it there alone would send it here again."""
        return self.record.state == "cancelled" and not self.record.base

    @property
    def at(self) -> int:
        """When it ended, pool milliseconds."""
        return self._marked("ended")[0] or self.record.accepted

    @property
    def worker(self) -> str | None:
        """The incarnation that had the job last; None: no worker had it."""
        return self._marked("given")[1] or None

    def _marked(self, what: str) -> tuple[int, str]:
        marks = [(at, detail) for at, mark, detail in self.record.timeline if mark.partition(":")[0] == what]
        return marks[-1] if marks else (0, "")


class Endings(NamedTuple):
    """The jobs of one pool that one transaction records, by id.

    `lost`: jobs of which nothing but their end is known any more, and for which a book waits; with the time of the end.
    """

    pool: str
    known: dict[JobId, Ending]
    lost: dict[JobId, int]


def output_of_result(result: bytes) -> Output | None:
    """From a completed job's record; None for a result that does not decode."""
    fields = json_object(result)
    if result and not fields:
        return None
    text, thinking, calls = fields.get("text"), fields.get("thinking"), fields.get("tool_calls")
    return Output(
        text if isinstance(text, str) else "",
        thinking if isinstance(thinking, str) and thinking else None,
        calls if isinstance(calls, list) and calls else None,
    )
